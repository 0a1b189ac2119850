"""Latent distributions: the noise z that the generator transforms."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.ranges import NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class Normal:
    """z ~ N(0, 1)^dim. Truncation scales z, and with it the standard deviation of every coordinate."""

    dim: PositiveInt

    def sample(self, n: int, generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        return torch.randn(n, self.dim, generator=generator, device=device)

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        return truncation * z

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats, (N,)."""
        return -(z.square().sum(1) + self.dim * math.log(2 * math.pi)) / 2


@dataclass(frozen=True)
class Uniform:
    """z ~ U(low, high)^dim; the 2014 paper's code has -low = high = sqrt 3, of unit variance.

    Truncation draws z towards the middle of the interval.
    """

    dim: PositiveInt
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low must be below high; they are {self.low} and {self.high}")

    def sample(self, n: int, generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        return torch.rand(n, self.dim, generator=generator, device=device) * (self.high - self.low) + self.low

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        middle = (self.low + self.high) / 2
        return middle + truncation * (z - middle)


@dataclass(frozen=True)
class Codes:
    """z = [noise, e_c1, e_c2, ..., s]: noise and codes that samples are to show (InfoGAN, Chen et al. 2016, section 3).

    Each c_j is uniform over the `categorical[j]` unit vectors, and s ~ U(-1, 1)^continuous. The noise, U(-1, 1), has
    what they leave of `dim`. Truncation draws noise and s towards 0 and leaves the categories alone.

    Raises:
        ValueError: they leave nothing, or there are none.
    """

    dim: PositiveInt
    categorical: tuple[PositiveInt, ...] = (10,)
    continuous: NonNegativeInt = 2

    def __post_init__(self) -> None:
        if self.noise == self.dim:
            raise ValueError("categorical=[] and continuous=0 leave no codes; take latent=uniform")
        if self.noise < 1:
            raise ValueError(f"dim={self.dim}: codes take {self.dim - self.noise} of it, which leaves no noise")

    @property
    def noise(self) -> int:
        """Coordinates of noise."""
        return self.dim - sum(self.categorical) - self.continuous

    def sample(self, n: int, generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        z = torch.rand(n, self.noise + self.continuous, generator=generator, device=device) * 2 - 1
        codes = [F.one_hot(torch.randint(k, (n,), generator=generator, device=device), k) for k in self.categorical]
        return torch.cat([z[:, : self.noise], *codes, z[:, self.noise :]], 1)

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        scale = torch.full((self.dim,), truncation, device=z.device)
        scale[self.noise : self.dim - self.continuous] = 1
        return scale * z
