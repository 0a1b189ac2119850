"""The generator of SRGAN (Ledig et al. 2017, figure 4): residual blocks on small maps, then pixels shuffled."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.networks.images import image_condition
from gan_lab.ranges import NonNegativeInt, PositiveInt, Rectangle


class _Residual(nn.Module):
    """x + norm conv prelu norm conv x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_normalised(width), nn.PReLU(), *_normalised(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def _normalised(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)


class SRGANGenerator(nn.Module):
    """z (N, latent dim) and an image y (N, C, H / factor, W / factor) to an image (N, C, H, W) in [-1, 1].

        h = prelu conv [y, z],  h <- h + norm conv (block ... block h),  then log2 factor times  prelu shuffle conv,
        tanh conv                                    first and last convolution 9 x 9, the others 3 x 3

    `shuffle` turns 4 `width` planes into `width` of twice the size. `latent_dim` planes of noise, each constant, go
    beside y; with 0 there is none, as in the paper, and one answer for each y.

    With `skip` the answer is y enlarged (bicubic) plus the last convolution, cut off at +-1: only what is missing is to
    be learnt (Kim, Lee & Lee 2016, section 3). That convolution starts at zero, and G as bicubic enlargement.

    Raises:
        UserError: the factor is no power of two, or does not divide the size.
    """

    conditional = True

    def __init__(
        self,
        shape: Rectangle,
        factor: PositiveInt,
        latent_dim: NonNegativeInt = 0,
        width: PositiveInt = 64,
        blocks: PositiveInt = 16,
        skip: bool = False,
    ) -> None:
        super().__init__()
        doublings = factor.bit_length() - 1
        if factor != 2**doublings or shape[1] % factor or shape[2] % factor:
            raise UserError(f"factor={factor}: must be a power of two that divides the size, {shape[1]} x {shape[2]}")
        self.shape = (shape[0], shape[1] // factor, shape[2] // factor)
        self.latent_dim = latent_dim
        self.first = nn.Sequential(nn.Conv2d(shape[0] + latent_dim, width, 9, 1, 4), nn.PReLU())
        self.blocks = nn.Sequential(*(_Residual(width) for _ in range(blocks)), *_normalised(width))
        larger: list[nn.Module] = []
        for _ in range(doublings):
            larger += [nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()]
        final = nn.Conv2d(width, shape[0], 9, 1, 4)
        self.skip, self.factor = skip, factor
        if skip:
            nn.init.zeros_(final.weight)
            nn.init.zeros_(cast(Tensor, final.bias))
        self.last = nn.Sequential(*larger, final, nn.Identity() if skip else nn.Tanh())

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        y = image_condition(y, self.shape)
        noise = z[:, : self.latent_dim, None, None].expand(-1, -1, *y.shape[2:])
        x = self.first(torch.cat([y, noise], 1))
        answer = self.last(x + self.blocks(x))
        if not self.skip:
            return answer
        return (F.interpolate(y, scale_factor=self.factor, mode="bicubic") + answer).clamp(-1, 1)
