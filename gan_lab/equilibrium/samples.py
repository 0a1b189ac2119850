"""Comparison of a real and a generated batch: by D's logits, by energy distance, by cells."""

from typing import NamedTuple

import torch
from torch import Tensor


def auc(real: Tensor, fake: Tensor) -> Tensor:
    """P(r > f) + P(r = f) / 2 over all pairs of a real and a fake logit: the area under D's ROC curve.

    1: D tells every pair apart; 1/2: it is undecided; below: it believes the fakes. Defined for every loss, since only
    the order of logits counts. Of n undecided pairs of batches of n, its standard error is about 1 / sqrt(6 n).
    """
    fakes = fake.flatten().sort().values
    reals = real.flatten().contiguous()
    below, upto = (torch.searchsorted(fakes, reals, right=right) for right in (False, True))
    return (below + upto).double().mean() / (2 * len(fakes))


class Cloud(NamedTuple):
    """Generated samples beside real ones, in the data's own space."""

    diversity: Tensor
    energy: Tensor


def compare(real: Tensor, fake: Tensor) -> Cloud:
    """Mean pairwise distances |x - x'| of real, |y - y'| of generated and |x - y| of mixed pairs, samples flattened.

    * diversity: E|y - y'| / E|x - x'|: 1 where G is as diverse as the data, 0 where it always says the same.
    * energy: 1 - (E|x - x'| + E|y - y'|) / (2 E|x - y|), the energy distance relative to its largest value: 0 if and
      only if the distributions are equal, at most 1 (Szekely & Rizzo 2013). Without bias in its parts, so that it
      may fall just below 0; its standard error is about 1 / n.
    """
    x, y = real.flatten(1).float(), fake.flatten(1).float()
    among_x, among_y = (torch.cdist(a, a).sum() / (len(a) * (len(a) - 1)) for a in (x, y))
    between = torch.cdist(x, y).mean()
    return Cloud(among_y / among_x, 1 - (among_x + among_y) / (2 * between))


def energy_null(real: Tensor, fake: Tensor, seed: int, times: int = 200) -> float:
    """Standard deviation of the energy of `compare` over `times` random exchanges of real and generated samples."""
    pool = torch.cat([real.flatten(1), fake.flatten(1)]).double()
    n, m = len(real), len(fake)
    distances = torch.cdist(pool, pool)
    order = torch.rand(times, n + m, generator=torch.Generator().manual_seed(seed)).argsort(dim=1)
    ones = (order < n).double()
    among_x, among_y = ((kind @ distances * kind).sum(dim=1) for kind in (ones, 1 - ones))
    between = (ones @ distances * (1 - ones)).sum(dim=1) / (n * m)
    energies = 1 - (among_x / (n * (n - 1)) + among_y / (m * (m - 1))) / (2 * between)
    return float(energies.std())


def binned_jsd(a: Tensor, b: Tensor, bins: int = 64) -> float:
    """JSD in nats of two sets of points (N, d), d <= 2, counted in bins^d cells of `a`'s bounding box (widened by 5 %).

    Points outside count as one cell more. Binning loses information, so that the expectation's limit in N bounds the
    true JSD from below; counting noise adds about (occupied cells) / (4 N) on top. What it says of two sets from one
    density is its floor: quote the two together.
    """
    low, high = a.min(dim=0).values, a.max(dim=0).values
    low, high = low - 0.05 * (high - low), high + 0.05 * (high - low)

    def shares(x: Tensor) -> Tensor:
        cell = ((x - low) / (high - low) * bins).floor()
        inside = ((cell >= 0) & (cell < bins)).all(dim=1)
        number = (cell * bins ** torch.arange(x.shape[1]).to(cell)).sum(dim=1)
        number = torch.where(inside, number, torch.full_like(number, bins ** x.shape[1]))
        return torch.bincount(number.long(), minlength=bins ** x.shape[1] + 1).double() / len(x)

    p, q = shares(a), shares(b)
    m = (p + q) / 2
    return float(sum((torch.special.xlogy(s, s) - torch.special.xlogy(s, m)).sum() for s in (p, q)) / 2)
