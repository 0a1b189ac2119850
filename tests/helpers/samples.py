"""Made-up samples, features that know their classes, and metrics by the names of their options."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from helpers.configuration import CONF
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from gan_lab.features.extractors import Pixels
from gan_lab.latents import Normal
from gan_lab.metrics.samples import RealSamples
from gan_lab.networks.stylegan2 import StyleGAN2Generator
from gan_lab.sampling import Trained
from gan_lab.types import Batch

N, SHAPE = 250, (1, 16, 16)


def images(seed: int, n: int = N, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def labels(n: int = N) -> Tensor:
    return torch.arange(n) % 3


def chunks(x: Tensor, y: Tensor | None = None, size: int = 7) -> Callable[[], Iterator[Batch]]:
    """The samples from the first one on, a batch at a time and without end, as data sets give them."""

    def batches() -> Iterator[Batch]:
        while True:
            for i in range(0, len(x), size):
                yield Batch(x[i : i + size], None if y is None else y[i : i + size])

    return batches


class Knowing(Pixels):
    """Features that know classes, and count how often they are asked."""

    identity = "knowing"

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return x.flatten(1)[:, :5]

    def probabilities(self, features: Tensor) -> Tensor:
        return features[:, :3].softmax(1)

    def read(self, texts: Sequence[str]) -> Tensor:
        return World.means[[int(text.split()[-1]) for text in texts], :5]


class World:
    """Data with three modes: images around three patterns, which the features' first pixels tell apart."""

    patterns = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(9)) - 0.5
    patterns[:, 0, 0, :3] = 2 * torch.eye(3) - 1
    means, sigma = patterns.flatten(1), 0.2 * math.sqrt(256) / 2.5  # as wide as 3 sigma of these are to be

    def draw(self, seed: int) -> tuple[Tensor, Tensor]:
        y = labels()
        return self.patterns[y] + 0.2 * torch.randn(N, *SHAPE, generator=torch.Generator().manual_seed(seed)), y

    def collapsed(self, seed: int) -> tuple[Tensor, Tensor]:
        """One mode, faded, whatever was asked for."""
        noise = 0.02 * torch.randn(N, *SHAPE, generator=torch.Generator().manual_seed(seed))
        return 0.5 * self.patterns[:1] + 0.3 + noise, labels()

    def real(self, cache: Path, size: int = 7) -> RealSamples:
        held_out = RealSamples(chunks(*self.draw(10), size), Knowing(), N, cache)
        return RealSamples(chunks(*self.draw(0), size), Knowing(), N, cache, held_out=held_out, mixture=self)


def texts() -> list[str]:
    """What each sample of the world is to show."""
    return [str(y) for y in labels().tolist()]


def styled() -> Trained:
    """A generator with styles, of samples of this shape."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = StyleGAN2Generator(4, SHAPE, None, width=4, max_width=8, dim=8, mapping=2)
    return Trained(network.eval(), Normal(4))


SMALLER = {
    "ndb": {"bins": 10},
    "kernel_subsets": {"size": 20, "subsets": 10},
    "copying_by_cells": {"least": 5},
}  # what suits 60 samples


class Blind(Pixels):
    """Features that know no classes."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :5]


def metric_of(name: str, **change: Any) -> Any:
    (part,) = OmegaConf.load(CONF / "metric" / f"{name}.yaml").values()
    return instantiate(part, **SMALLER.get(name, {}) | change)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
