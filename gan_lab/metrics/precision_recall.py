"""Precision, recall, density and coverage: manifolds as unions of balls around points."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_lab.metrics.pairwise import nearest, paired, squared_distances

ON_THE_EDGE = 1 + 1e-9  # a point at the radius is inside; it must not depend on rounding, since copies lie just there


class PrecisionRecall(NamedTuple):
    """Shares of fakes within the real manifold, and of reals within the fake one: 0 to 1."""

    precision: float
    recall: float


def precision_recall(real: Tensor, fake: Tensor, k: int = 3, chunk: int = 1000) -> PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al. 2019, section 2, eqs. 1-2): higher is better.

    A manifold is the union of closed balls round the points of a cloud, each as wide as the distance to the k-th
    nearest other point of its cloud.

    * precision: the share of fakes (M, d) in one of real points (N, d); quality.
    * recall: the share of real points in one of the fakes; variety.

    The paper takes 50,000 points of each, and k = 3; both depend on N and M, so compare at equal numbers only. One
    outlier's ball may cover much: see `density_coverage`.
    """
    paired(real, fake, least=k + 1)
    real_radii, fake_radii = (radii(x, k, chunk) for x in (real, fake))
    fakes_within, reals_within = [], torch.zeros(len(real), dtype=torch.bool, device=real.device)
    for rows, radius in zip(squared_distances(fake, real, chunk), fake_radii.split(chunk), strict=True):
        fakes_within.append((rows <= real_radii).any(dim=1))
        reals_within |= (rows <= radius[:, None]).any(dim=0)
    return PrecisionRecall(torch.cat(fakes_within).double().mean().item(), reals_within.double().mean().item())


class DensityCoverage(NamedTuple):
    """In how many real balls a fake lies, over k (1 on average for equal laws); the share of real balls with a fake."""

    density: float
    coverage: float


def density_coverage(real: Tensor, fake: Tensor, k: int = 5, chunk: int = 1000) -> DensityCoverage:
    """Density and coverage (Naeem et al. 2020, section 3): density is best near 1, and coverage higher.

        density = 1 / (k M) sum_j sum_i [y_j in B_i],    coverage = 1 / N sum_i [some y_j in B_i]

    with B_i the closed ball round the real point x_i (N, d) that reaches its k-th nearest other real point, and y_j the
    fakes (M, d). Only real points have balls, so that outliers among the fakes count for little. For equal laws density
    is 1 on average and coverage about 1 - 2^-k where N = M; their k is 5. Density above 1 is no merit: fakes that
    keep to the middle of the data lie in more balls (normal ones shrunk to half: 2.0 in eight dimensions, 6.6 in 16).
    """
    paired(real, fake, least=k + 1)
    radius = radii(real, k, chunk)
    inside = torch.zeros(len(real), dtype=torch.int64, device=real.device)  # how many fakes there are in each ball
    for rows in squared_distances(fake, real, chunk):
        inside += (rows <= radius).sum(dim=0)
    return DensityCoverage(inside.sum().item() / (k * len(fake)), (inside > 0).double().mean().item())


def radii(points: Tensor, k: int, chunk: int) -> Tensor:
    """The squared distances (N,) of points (N, d) to the k-th nearest other point, widened by rounding."""
    return nearest(points, k=k, chunk=chunk).distances[:, -1].square() * ON_THE_EDGE
