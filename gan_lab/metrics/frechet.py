"""Bias and spread of a Frechet distance: extrapolation in 1/n, and resampling."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.distances import between_gaussians, frechet_distance, gaussian, random_order
from gan_lab.metrics.pairwise import paired
from gan_lab.seeding import derive_seed


class Extrapolation(NamedTuple):
    """A line in 1/n: its value at n = infinity, and its slope, the bias being slope / n."""

    limit: float
    slope: float


def extrapolated_frechet(real: Tensor, fake: Tensor, sizes: int = 15, seed: int = 0) -> Extrapolation:
    """The Frechet distance that infinitely many fakes would have: lower is better.

        d^2(n) = limit + slope / n,    by least squares

    over `sizes` random subsets of the fakes (M, d), regularly spaced in n from M / 10, or from 10 d where that is more,
    to M, against all of real (N, d): the FID-infinity of Chong & Forsyth (2020), with plain random subsets. The slope
    depends on the generator, which is why distances at equal n may still rank two generators wrongly. What the finite
    number of real points adds is left in; `frechet_interval` is free of it.

    Raises:
        UserError: fewer than 50 d fakes: the bias is a line in 1/n only where n is well above d.
    """
    paired(real, fake)
    most, dim = fake.shape
    if most < 50 * dim:
        raise UserError(f"{most} fakes in {dim} dimensions: extrapolation needs {50 * dim} or more, fifty for each")
    if sizes < 2:
        raise UserError(f"sizes={sizes}: a line needs 2 or more")
    rng, truth = torch.Generator().manual_seed(derive_seed(seed, "extrapolation")), gaussian(real)
    counts = torch.linspace(max(10 * dim, most // 10), most, sizes, dtype=torch.float64).round()
    fake = fake[random_order(fake, rng)]  # once: to sort the points takes longer than to shuffle them again
    parts = (fake[torch.randperm(most, generator=rng)[: int(n)].to(fake.device)] for n in counts)
    values = [between_gaussians(truth, gaussian(part)) for part in parts]
    line = torch.stack([torch.ones_like(counts), 1 / counts], dim=1)
    limit, slope = torch.linalg.lstsq(line, torch.tensor(values, dtype=torch.float64)[:, None]).solution[:, 0].tolist()
    return Extrapolation(limit, slope)


class Interval(NamedTuple):
    """A distance as measured, and the ends of the interval that holds the one of infinitely many samples."""

    value: float
    low: float
    high: float


def frechet_interval(real: Tensor, fake: Tensor, resamples: int = 200, level: float = 0.95, seed: int = 0) -> Interval:
    """A bootstrap interval for the Frechet distance of the two distributions: lower is better.

        2 d^2 - q_(1 - a/2)  to  2 d^2 - q_(a/2),    a = 1 - level

    with the quantiles q of the distance of `resamples` draws with replacement from real (N, d) and from fake (M, d):
    the basic, or reverse percentile, interval (Davison & Hinkley 1997, section 5.2). A resample is biased against its
    clouds about as much as they are against the distributions, so that the interval is free of that bias, of both
    sides: `value`, the distance of the clouds themselves, usually lies above it. Where the distributions are equal, the
    interval is wider than it need be. `low` may be negative.
    """
    paired(real, fake)
    if resamples < 2 or not 0 < level < 1:
        raise UserError(f"resamples={resamples}, level={level}: must be 2 or more, and between 0 and 1")
    rng = torch.Generator().manual_seed(derive_seed(seed, "bootstrap"))
    value = frechet_distance(real, fake)
    real, fake = (x[random_order(x, rng)] for x in (real, fake))  # or what is drawn would depend on their order
    found = torch.tensor(
        [
            between_gaussians(
                *(gaussian(x[torch.randint(len(x), (len(x),), generator=rng).to(x.device)]) for x in (real, fake))
            )
            for _ in range(resamples)
        ],
        dtype=torch.float64,
    )
    tail = (1 - level) / 2
    low, high = (2 * value - found.quantile(q).item() for q in (1 - tail, tail))
    return Interval(value, low, high)
