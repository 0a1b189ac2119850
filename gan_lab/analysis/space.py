"""Latent spaces: the noise z of a generator, or the styles w of one that has them."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from gan_lab.latents import Normal
from gan_lab.sampling import Trained
from gan_lab.types import Styled


class Space(Protocol):
    """Codes (N, ...), of which the generator makes samples, differentiably."""

    name: ClassVar[str]

    def codes(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Those of noise and classes; without a gradient."""
        ...

    def generate(self, codes: Tensor, y: Tensor | None) -> Tensor:
        """Samples (N, *shape)."""
        ...

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Codes (N, T, ...) on the path from a (N, ...), where t is 0, to b, where it is 1; t is (T,)."""
        ...


@dataclass(frozen=True)
class Noise:
    """z (N, dim). Paths are great circles under normal noise, which lies near a sphere, else straight lines."""

    trained: Trained
    name: ClassVar[str] = "z"

    def codes(self, z: Tensor, y: Tensor | None) -> Tensor:
        return z

    def generate(self, codes: Tensor, y: Tensor | None) -> Tensor:
        return self.trained.generate(codes, y)

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return (slerp if isinstance(self.trained.latent, Normal) else line)(a, b, t)


@dataclass(frozen=True)
class Styles:
    """w (N, layers, dim), or (N, 1, dim): the same in all layers. Paths are straight lines."""

    trained: Trained
    name: ClassVar[str] = "w"

    @property
    def generator(self) -> Styled:
        assert isinstance(self.trained.generator, Styled)
        return self.trained.generator

    @torch.no_grad()
    def codes(self, z: Tensor, y: Tensor | None) -> Tensor:
        device = self.trained.device
        return self.generator.styles(z.to(device), None if y is None else y.to(device)).cpu()

    def generate(self, codes: Tensor, y: Tensor | None) -> Tensor:
        z = torch.zeros(1, self.trained.latent.dim)
        layers = self.codes(z, None if y is None else y[:1].cpu()).shape[1]
        return self.generator.synthesise(codes.to(self.trained.device).expand(-1, layers, -1))

    def between(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return line(a, b, t)


def space_of(trained: Trained) -> Space:
    """w of a generator with styles, else z."""
    return Styles(trained) if isinstance(trained.generator, Styled) else Noise(trained)


def line(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """a + t (b - a): (N, ...) twice and (T,) to (N, T, ...)."""
    return torch.lerp(a[:, None], b[:, None], t.view(1, -1, *[1] * (a.ndim - 1)).to(a))


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """(sin((1 - t) v) a + sin(t v) b) / sin(v), v the angle between a and b: (N, d) twice and (T,) to (N, T, d).

    Spherical linear interpolation (Shoemake 1985; White 2016 for latents). Of parallel vectors the straight line.
    """
    cosine = torch.cosine_similarity(a, b, dim=1).clamp(-1, 1)
    angle = torch.acos(cosine)[:, None, None]
    share = t.view(1, -1, 1).to(a)
    arc = (torch.sin((1 - share) * angle) * a[:, None] + torch.sin(share * angle) * b[:, None]) / torch.sin(angle)
    return torch.where(torch.sin(angle).abs() < 1e-4, line(a, b, t), arc)
