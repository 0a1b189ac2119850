"""Known densities, to measure a game against the truth."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lab.ranges import PositiveFloat, PositiveInt


class GaussianMixture:
    """K equally likely isotropic Gaussians in d dimensions.

    p(x) = 1/K sum_k (2 pi sigma^2)^(-d/2) exp(-|x - m_k|^2 / (2 sigma^2)), with `means` m (K, d) and `sigma` in the
    units of x.
    """

    def __init__(self, means: Tensor, sigma: float) -> None:
        self.means = means
        self.sigma = sigma

    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats of points (N, d): (N,), in the dtype and on the device of x."""
        modes, d = self.means.shape
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"points must have shape (N, {d}), not {tuple(x.shape)}")
        # Differences, not |x|^2 - 2 x.m + |m|^2: the latter cancels badly where sigma is small against |m|.
        squares = (x[:, None, :] - self.means.to(x)).square().sum(dim=2)
        exponents = -squares / (2 * self.sigma**2)
        return exponents.logsumexp(dim=1) - math.log(modes) - d / 2 * math.log(2 * math.pi * self.sigma**2)

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n points, (n, d): x = m_k + sigma eps with k uniform and eps standard normal."""
        modes, d = self.means.shape
        k = torch.randint(modes, (n,), generator=generator)
        return torch.randn(n, d, generator=generator).mul_(self.sigma).add_(self.means[k])


def ring(modes: PositiveInt, radius: PositiveFloat, sigma: PositiveFloat) -> GaussianMixture:
    """`modes` Gaussians evenly on a circle around 0, the first at (radius, 0); d = 2.

    Eight modes, radius 1, sigma 0.01: the 2D-ring of VEEGAN (Srivastava et al. 2017) and PacGAN (Lin et al. 2018).
    """
    angles = 2 * math.pi / modes * torch.arange(modes)
    return GaussianMixture(radius * torch.stack([angles.cos(), angles.sin()], dim=1), sigma)


def grid(side: PositiveInt, spacing: PositiveFloat, sigma: PositiveFloat) -> GaussianMixture:
    """side x side Gaussians on a square lattice around 0, neighbours `spacing` apart; d = 2.

    Side 5, spacing 2 and sigma 0.05 are the 2D-grid of VEEGAN and PacGAN.
    """
    ticks = spacing * (torch.arange(side) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(ticks, ticks), sigma)


def mixture_1d(modes: PositiveInt, spacing: PositiveFloat, sigma: PositiveFloat) -> GaussianMixture:
    """`modes` Gaussians evenly on a line around 0, neighbours `spacing` apart; d = 1."""
    return GaussianMixture(spacing * (torch.arange(modes) - (modes - 1) / 2)[:, None], sigma)


def gaussian(mean: Sequence[float], sigma: PositiveFloat) -> GaussianMixture:
    """One isotropic Gaussian: N(mean, sigma^2 I)."""
    return GaussianMixture(torch.tensor([list(mean)], dtype=torch.float32), sigma)
