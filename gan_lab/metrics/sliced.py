"""Sliced Wasserstein distance."""

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.pairwise import paired
from gan_lab.seeding import derive_seed


def sliced_wasserstein(
    real: Tensor, fake: Tensor, directions: int = 500, order: float = 2.0, seed: int = 0, chunk: int = 100
) -> float:
    """The sliced Wasserstein distance of points (N, d) and (M, d), in their units and in float64: lower is better.

        SW_p^p = mean over directions w of W_p^p(w . x, w . y),    W_p^p = integral_0^1 |F^-1(u) - G^-1(u)|^p du

    with p = `order` >= 1, directions w uniform on the unit sphere, and F^-1, G^-1 the two quantile functions on the
    line, which N and M need not share (Rabin et al. 2011; Bonneel et al. 2015). Above zero at finite N and
    M even for equal laws, so compare at equal numbers only. Projects on `chunk` directions at a time.
    """
    paired(real, fake)
    if directions < 1 or order < 1:
        raise UserError(f"directions={directions}, order={order}: both must be 1 or more")
    lines, total = random_directions(real.shape[1], directions, seed).to(real.device), 0.0
    for part in lines.split(chunk, dim=1):
        total += wasserstein_on_lines(real.double() @ part, fake.double() @ part, order).sum().item()
    return (total / directions) ** (1 / order)


def random_directions(dim: int, n: int, seed: int) -> Tensor:
    """n unit vectors, uniform on the sphere: (dim, n) float64."""
    rng = torch.Generator().manual_seed(derive_seed(seed, "directions"))
    drawn = torch.randn(dim, n, generator=rng, dtype=torch.float64)
    return drawn / drawn.norm(dim=0)


def wasserstein_on_lines(x: Tensor, y: Tensor, order: float) -> Tensor:
    """W_p^p of each column of x (N, L) and y (M, L): (L,)."""
    n, m = len(x), len(y)
    # Between these quantiles, in units of 1 / (n m), both quantile functions are constant.
    cuts = torch.cat([torch.arange(n + 1) * m, torch.arange(m + 1) * n]).unique().to(x.device)
    start, width = cuts[:-1], cuts.diff().double() / (n * m)
    gap = x.sort(dim=0).values[start // m] - y.sort(dim=0).values[start // n]
    return width @ gap.abs().pow(order)
