"""Fading blur: at the start of training D sees blurred images, real and generated ones alike."""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from gan_lab.errors import UserError
from gan_lab.ranges import PositiveFloat, PositiveInt
from gan_lab.types import DiscriminatorOutput


class FadingBlur(nn.Module):
    """D(f * x), in training mode only; f fades to a point over the first `over` rounds (Karras et al. 2021, sec. 3.2).

        f(i) ~ 2^(-(i / s)^2),  |i| <= 3 s,     s = sigma max(1 - t / over, 0)

    along both axes of the image, in pixels, which is 0 beyond its edges; t is the number of rounds played. As in the
    code of StyleGAN3-R (NVlabs/stylegan3), whose 200,000 images are 6,250 rounds of batches of 32. D cannot win at once
    by fine details that G does not have yet. A penalty on D's input gradient is one in x itself, as there.

    Attributes:
        played: t, which `callbacks.fading_blur` says before each round.
    """

    fades: ClassVar[bool] = True  # as callbacks.fading_blur counts

    def __init__(self, discriminator: nn.Module, sigma: PositiveFloat = 10.0, over: PositiveInt = 6250) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.sigma, self.over, self.played = sigma, over, 0

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        if x.ndim != 4:
            raise UserError(
                f"fading_blur: is for discriminators of images (N, C, H, W), not of {tuple(x.shape)}; leave it out"
            )
        output: DiscriminatorOutput = self.discriminator(self._seen(x), y)
        return output

    # Not compiled: the number of the round would be compiled in, and anew in each.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _seen(self, x: Tensor) -> Tensor:
        width = self.sigma * max(1 - self.played / self.over, 0)
        return blurred(x, width) if self.training and int(3 * width) else x


def blurred(x: Tensor, width: float) -> Tensor:
    """Images (N, C, H, W) convolved with 2^(-(i / width)^2), cut off at 3 width and normalised, along both axes."""
    reach, channels = int(3 * width), x.shape[1]
    f = torch.exp2(-(torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype) / width).square())
    f = (f / f.sum()).expand(channels, 1, 1, -1)
    return conv2d(conv2d(x, f, padding=(0, reach), groups=channels), f.mT, padding=(reach, 0), groups=channels)
