"""Augmentations of ADA (Karras et al. 2020, appendix B), for images in [-1, 1].

Each transformation of a group happens with probability p, independently. `FilteredGeometry` is the paper's geometry: it
interpolates at twice the resolution, between two passes of a wavelet filter. `Geometric` by itself does so at the
images' own, which is cheaper and blurs more: at p = 1, .44 of the variance of white noise is left, with the filter .61.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gan_lab.augment.draws import chosen, normal, uniform, upright
from gan_lab.augment.images import each, filtered_warp, hue, saturation, warp
from gan_lab.augment.wavelets import amplified
from gan_lab.ranges import NonNegativeFloat, UnitInterval

Affine = tuple[Tensor, Tensor]  # L (N, 2, 2) and the shift t (N, 2) in pixels of `images.warp`
_EXPECTED_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)  # of photographs in the four bands, from the lowest


@dataclass(frozen=True)
class PixelBlitting:
    """What keeps pixels whole: mirroring, quarter turns, and shifts up to `translation` of the size each way.

    A shift is a number uniform in +-translation size, rounded: the outermost ones are half as likely as the others.
    Mirroring and turning are off unless asked for: a 6 is no 9.
    """

    flip: bool = False
    quarter_turns: bool = False
    translation: UnitInterval = 0.125

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        return warp(x, *self.draw(x, p))

    def draw(self, x: Tensor, p: Tensor) -> Affine:
        """The map of places, as `images.warp` takes it, for each image."""
        linear = upright(x)
        if self.flip:
            mirrored = torch.ones(len(x), 2, device=x.device)
            mirrored[:, 1] = chosen(1 - 2 * uniform(x, 0, 2).floor(), 1.0, p)
            linear = linear @ torch.diag_embed(mirrored)
        if self.quarter_turns:
            linear = linear @ rotation(chosen(uniform(x, 0, 4).floor(), 0.0, p) * math.pi / 2).round()
        shifts = [(side * uniform(x, -self.translation, self.translation)).round() for side in x.shape[2:]]
        return linear, chosen(torch.stack(shifts, 1), 0.0, p)


@dataclass(frozen=True)
class Geometric:
    """One affine map of many: scaling by s, rotation, scaling by (a, 1 / a), rotation, a shift t; 0 is none of it.

    log2 s ~ N(0, scale^2), log2 a ~ N(0, anisotropy^2), t ~ N(0, (translation size)^2) in each direction, angles
    uniform in +-rotation half turns. Either rotation comes with probability 1 - sqrt(1 - p), so that there is none with
    probability 1 - p.
    """

    scale: NonNegativeFloat = 0.2
    rotation: UnitInterval = 1.0
    anisotropy: NonNegativeFloat = 0.2
    translation: NonNegativeFloat = 0.125

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        return warp(x, *self.draw(x, p))

    def draw(self, x: Tensor, p: Tensor) -> Affine:
        """The map of places, as `images.warp` takes it, for each image."""
        either = 1 - (1 - p).clamp_min(0).sqrt()
        before, after = (
            rotation(chosen(uniform(x, -self.rotation, self.rotation), 0.0, either) * math.pi) for _ in range(2)
        )
        s, a = (chosen(normal(x, sigma).exp2(), 1.0, p) for sigma in (self.scale, self.anisotropy))
        shift = torch.stack([normal(x, self.translation * side) for side in x.shape[2:]], 1)
        linear = before @ torch.diag_embed(torch.stack([s * a, s / a], 1)) @ after
        return linear, chosen(shift, 0.0, p)


@dataclass(frozen=True)
class FilteredGeometry:
    """Both of the above as one map of places, resampled once between two passes of a wavelet filter (sym6).

    So the authors' code resamples; None is without that group. It reflects the images only as far as the batch's
    farthest place lies, give or take the ends of the filters, and puts 0 beyond; here all are reflected alike.
    """

    pixel_blitting: PixelBlitting | None = PixelBlitting()
    geometric: Geometric | None = Geometric()

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        groups = (self.pixel_blitting, self.geometric)
        return filtered_warp(x, [group.draw(x, p) for group in groups if group is not None])


@dataclass(frozen=True)
class Color:
    """c (x + b), the luma mirrored, hues turned, saturation times s; 0 or false is none of it.

    b ~ N(0, brightness^2), log2 c ~ N(0, contrast^2), log2 s ~ N(0, saturation^2), hues by up to +-hue half turns.
    Mirroring the luma is off unless asked for: it makes black of white. Hue and saturation leave grey images alone.
    """

    brightness: NonNegativeFloat = 0.2
    contrast: NonNegativeFloat = 0.5
    luma_flip: bool = False
    hue: UnitInterval = 1.0
    saturation: NonNegativeFloat = 1.0

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        x = x + each(chosen(normal(x, self.brightness), 0.0, p))
        x = x * each(chosen(normal(x, self.contrast).exp2(), 1.0, p))
        if self.luma_flip:
            x = x - 2 * each(chosen(uniform(x, 0, 2).floor(), 0.0, p)) * x.mean(1, keepdim=True)
        if x.shape[1] == 1:
            return x
        x = hue(x, chosen(uniform(x, -self.hue, self.hue), 0.0, p) * math.pi)
        return saturation(x, chosen(normal(x, self.saturation).exp2(), 1.0, p))


@dataclass(frozen=True)
class Filtering:
    """Octaves of the image amplified or damped: log2 t_i ~ N(0, strength^2) for each of four bands.

    The gains of band i's draw are t_i for it and 1 for the others, over sqrt(sum_j e_j gain_j^2), so that an image of
    the expected spectrum e = (10, 1, 1, 1) / 13 keeps its power; those of the four draws are multiplied.
    """

    strength: NonNegativeFloat = 1.0

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        power = torch.tensor(_EXPECTED_POWER, device=x.device)
        gains = torch.ones(len(x), len(power), device=x.device)
        for band in range(len(power)):
            drawn = torch.ones_like(gains)
            drawn[:, band] = chosen(normal(x, self.strength).exp2(), 1.0, p)
            gains = gains * drawn / (drawn.square() @ power)[:, None].sqrt()
        return amplified(x, gains)


@dataclass(frozen=True)
class Noise:
    """x + s n, n ~ N(0, 1) in each value, s = |N(0, sigma^2)| for the image."""

    sigma: NonNegativeFloat = 0.1

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        return x + each(chosen(normal(x, self.sigma).abs(), 0.0, p)) * torch.randn_like(x)


@dataclass(frozen=True)
class Cutout:
    """A box of 0 (grey), of this `ratio` of the sides of x, around a point uniform over x: all pixels centred in it."""

    ratio: UnitInterval = 0.5

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        size = chosen(torch.full((len(x),), self.ratio, device=x.device), 0.0, p)
        rows, columns = (
            (((torch.arange(side, device=x.device) + 0.5) / side - uniform(x, 0, 1)[:, None]).abs() < size[:, None] / 2)
            for side in x.shape[2:]
        )
        return x.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.0)


def rotation(angle: Tensor) -> Tensor:
    """Matrices (N, 2, 2) of angles (N,) in radians."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
