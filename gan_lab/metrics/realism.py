"""Realism and rarity: how near single samples lie to the data, and to data that are rare."""

import torch
from torch import Tensor

from gan_lab.metrics.pairwise import paired, squared_distances
from gan_lab.metrics.precision_recall import radii


def realism(real: Tensor, fake: Tensor, k: int = 3, chunk: int = 1000) -> Tensor:
    """The realism of each fake (M, d), (M,) float64: above 1 in the real manifold (Kynkaanniemi et al. 2019, eq. 3).

        R(y) = max_i r_i / ||y - x_i||

    over the real points x_i (N, d) whose radius r_i, the distance to the k-th nearest other real point, is below the
    median of these: of balls round outliers, which are large, nothing is believed. Infinite for copies of those points.
    """
    paired(real, fake, least=k + 2)
    squared = radii(real, k, chunk)
    median = squared.quantile(0.5)
    small = squared < median if (squared < median).any() else squared <= median  # where most radii are equal
    found = [
        (squared[small] / rows).nan_to_num(torch.inf, torch.inf).amax(dim=1)
        for rows in squared_distances(fake, real[small], chunk)
    ]
    return torch.cat(found).sqrt()


def rarity(real: Tensor, fake: Tensor, k: int = 3, chunk: int = 1000) -> Tensor:
    """The rarity of those fakes (M, d) that lie in the real manifold, (at most M,) float64 (Han et al. 2022, eq. 2).

        min r_i over the real points x_i (N, d) with ||y - x_i|| <= r_i

    r_i being the distance to the k-th nearest other real point: large where real points are far apart. In the features'
    units; fakes in no ball have none.
    """
    paired(real, fake, least=k + 1)
    squared = radii(real, k, chunk)
    found = [squared.where(rows <= squared, torch.inf).amin(dim=1) for rows in squared_distances(fake, real, chunk)]
    rare = torch.cat(found)
    return rare[rare.isfinite()].sqrt()
