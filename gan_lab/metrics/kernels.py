"""Maximum mean discrepancies (Gretton et al. 2012, lemma 6)."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.distances import random_order, unbiased_mmd
from gan_lab.metrics.pairwise import paired, squared_distances
from gan_lab.seeding import derive_seed


class Subsets(NamedTuple):
    """Mean and standard deviation over subsets."""

    mean: float
    std: float


def kernel_distance_of_subsets(
    real: Tensor, fake: Tensor, subsets: int = 100, size: int = 1000, seed: int = 0
) -> Subsets:
    """The KID as it is usually reported: mean and standard deviation over random subsets; lower is better, in float64.

    The unbiased MMD^2 of `gan_lab.metrics.distances.kernel_distance`, of `size` points each of real (N, d) and fake
    (M, d), drawn without replacement, `subsets` times over (Binkowski et al. 2018; 100 subsets of 1,000 are usual).
    The subsets overlap, so `std` speaks of one subset of that size, and is not an error of the mean: for that, see
    `kernel_distance`.

    Raises:
        UserError: there are fewer points than a subset has.
    """
    paired(real, fake)
    if not 2 <= size <= min(len(real), len(fake)) or subsets < 2:
        most = min(len(real), len(fake))
        raise UserError(f"size={size}, subsets={subsets}: must be 2 to {most}, the points there are, and 2 or more")
    rng = torch.Generator().manual_seed(derive_seed(seed, "subsets"))
    orders = [random_order(points, rng) for points in (real, fake)]

    def some(points: Tensor, order: Tensor) -> Tensor:
        return points[order[torch.randperm(len(points), generator=rng)[:size].to(order.device)]].double()

    values = torch.stack([unbiased_mmd(*map(some, (real, fake), orders)) for _ in range(subsets)])
    return Subsets(values.mean().item(), values.std(correction=0).item())


class Discrepancy(NamedTuple):
    """MMD^2 and the bandwidth of its kernel, in the points' units."""

    value: float
    bandwidth: float


def gaussian_mmd(
    real: Tensor, fake: Tensor, bandwidth: float | None = None, chunk: int = 1000, seed: int = 0
) -> Discrepancy:
    """The unbiased squared MMD under a Gaussian kernel, in float64: lower is better, 0 on average for equal laws.

        MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),    k(a, b) = exp(-||a - b||^2 / (2 bandwidth^2))

    of real points (N, d) and fake ones (M, d), over pairs of different points (Gretton et al. 2012, eq. 3). At most 2,
    and may be negative. The bandwidth is by default `median_distance`, so that figures are of one scale only where it
    is the same: to compare generators, pass one that was found on real data.

    Raises:
        UserError: the bandwidth is not positive, or all points are equal and so have no median distance.
    """
    paired(real, fake)
    sigma = median_distance(torch.cat([real, fake]), seed=seed) if bandwidth is None else bandwidth
    if not (sigma > 0 and math.isfinite(sigma)):
        raise UserError(f"bandwidth={sigma}: must be positive; where half of all distances are 0, pass one")

    def total(x: Tensor, y: Tensor) -> float:
        return math.fsum(torch.exp(rows / (-2 * sigma**2)).sum().item() for rows in squared_distances(x, y, chunk))

    n, m = len(real), len(fake)
    within = (total(real, real) - n) / (n * (n - 1)) + (total(fake, fake) - m) / (m * (m - 1))
    return Discrepancy(within - 2 * total(real, fake) / (n * m), sigma)


def median_distance(points: Tensor, most: int = 4000, seed: int = 0) -> float:
    """The median Euclidean distance between two of the points (N, d): the usual bandwidth (Gretton et al., section 8).

    Of more than `most` points, that of so many random ones.
    """
    rng = torch.Generator().manual_seed(derive_seed(seed, "median"))
    if len(points) > most:
        points = points[random_order(points, rng)[:most]]
    (squared,) = squared_distances(points, points, len(points))
    row, column = torch.triu_indices(len(points), len(points), 1, device=points.device)
    return float(np.median(squared[row, column].sqrt().cpu().numpy()))
