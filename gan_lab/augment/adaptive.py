"""Augmentations of ADA: pixel blits, geometry and colour (Karras et al. 2020, appendix B), for images in [-1, 1].

Each transformation of a group happens with probability p, independently. `Geometric` interpolates pixels bilinearly, at
the images' own resolution; the paper does so at twice that, between two passes of a wavelet filter (sym6). So D sees
images that are more blurred than there: at p = 1, .44 of the variance of white noise is left, with the filter .61.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gan_lab.augment.draws import chosen, normal, uniform, upright
from gan_lab.augment.images import each, hue, saturation, warp
from gan_lab.ranges import NonNegativeFloat, UnitInterval


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
        linear = upright(x)
        if self.flip:
            mirrored = torch.ones(len(x), 2, device=x.device)
            mirrored[:, 1] = chosen(1 - 2 * uniform(x, 0, 2).floor(), 1.0, p)
            linear = linear @ torch.diag_embed(mirrored)
        if self.quarter_turns:
            linear = linear @ rotation(chosen(uniform(x, 0, 4).floor(), 0.0, p) * math.pi / 2).round()
        shifts = [(side * uniform(x, -self.translation, self.translation)).round() for side in x.shape[2:]]
        return warp(x, linear, chosen(torch.stack(shifts, 1), 0.0, p))


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
        either = 1 - (1 - p).clamp_min(0).sqrt()
        before, after = (
            rotation(chosen(uniform(x, -self.rotation, self.rotation), 0.0, either) * math.pi) for _ in range(2)
        )
        s, a = (chosen(normal(x, sigma).exp2(), 1.0, p) for sigma in (self.scale, self.anisotropy))
        shift = torch.stack([normal(x, self.translation * side) for side in x.shape[2:]], 1)
        linear = before @ torch.diag_embed(torch.stack([s * a, s / a], 1)) @ after
        return warp(x, linear, chosen(shift, 0.0, p))


@dataclass(frozen=True)
class Color:
    """c x + b, the luma mirrored, hues turned, saturation times s; 0 or false is none of it.

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


def rotation(angle: Tensor) -> Tensor:
    """Matrices (N, 2, 2) of angles (N,) in radians."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
