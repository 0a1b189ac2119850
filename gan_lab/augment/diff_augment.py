"""Augmentations of DiffAugment: colour, translation, cutout (Zhao et al. 2020, section 3), for images in [-1, 1]."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gan_lab.augment.draws import chosen, uniform, upright
from gan_lab.augment.images import contrast, cut_out, each, saturation, warp
from gan_lab.ranges import NonNegativeFloat, UnitInterval


@dataclass(frozen=True)
class Color:
    """x + b, then its saturation times s, then its contrast times c, each uniform around the neutral value.

    b in +-brightness, s in 1 +- saturation, c in 1 +- contrast; 0 is none.
    """

    brightness: NonNegativeFloat = 0.5
    saturation: NonNegativeFloat = 1.0
    contrast: NonNegativeFloat = 0.5

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        x = x + each(chosen(uniform(x, -self.brightness, self.brightness), 0.0, p))
        x = saturation(x, chosen(uniform(x, 1 - self.saturation, 1 + self.saturation), 1.0, p))
        return contrast(x, chosen(uniform(x, 1 - self.contrast, 1 + self.contrast), 1.0, p))


@dataclass(frozen=True)
class Translation:
    """x moved by whole pixels, uniform up to this `ratio` of its size each way; what comes in is 0 (grey)."""

    ratio: UnitInterval = 0.125

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        most = pixels(x, self.ratio)
        shift = (torch.rand(len(x), 2, device=x.device) * (2 * most + 1)).floor() - most
        return warp(x, upright(x), chosen(shift, 0.0, p), fill=0.0)


@dataclass(frozen=True)
class Cutout:
    """A box of 0 (grey), of this `ratio` of the sides of x, around a pixel, or a corner of pixels, uniform over x."""

    ratio: UnitInterval = 0.5

    def __call__(self, x: Tensor, p: Tensor) -> Tensor:
        sides, size = pixels(x, 1.0), pixels(x, self.ratio)
        places = sides + 1 - size % 2  # an even box stands around a corner, of which there is one more
        middle = (torch.rand(len(x), 2, device=x.device) * places).floor().long()
        return cut_out(x, middle, chosen(size.expand(len(x), 2), 0, p))


def pixels(x: Tensor, ratio: float) -> Tensor:
    """This share of the height and width of x in whole pixels, (2,); halves are rounded up."""
    return torch.tensor([int(side * ratio + 0.5) for side in x.shape[2:]], device=x.device)
