"""Distributions of the noise z that the generator transforms."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gan_lab.ranges import PositiveInt


@dataclass(frozen=True)
class Normal:
    """z ~ N(0, 1)^dim. Truncation scales z, and with it the standard deviation of every coordinate."""

    dim: PositiveInt

    def sample(self, n: int, generator: torch.Generator | None = None, device: Any = None) -> Tensor:
        return torch.randn(n, self.dim, generator=generator, device=device)

    def truncate(self, z: Tensor, truncation: float) -> Tensor:
        return truncation * z


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
