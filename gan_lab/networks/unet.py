"""The U-Net generator of pix2pix (Isola et al. 2017, section 3.2.1 and appendix 6.1.1)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from gan_lab.networks.dcgan import initialise
from gan_lab.networks.images import image_condition
from gan_lab.ranges import DoublingImageShape, PositiveInt


class UNetGenerator(nn.Module):
    """z (N, latent_dim) and an image y (N, C, H, W) to an image (N, C, H, W) in [-1, 1].

        down:  e_1 = conv y,  e_i = norm conv lrelu e_(i-1),  e_n = conv lrelu e_(n-1)      each of half the size
        up:    d_(n-1) = norm deconv [relu e_n, z],  d_(i-1) = norm deconv relu [d_i, e_i],  tanh deconv relu [d_1, e_1]

    e_n is one pixel. Convolutions are 4 x 4 of stride 2, leaky ReLUs of slope .2, norms those of the batch. `width` is
    the number of e_1's channels; it doubles up to `max_width`. Where a side is odd it is halved downwards, and the way
    up restores it.

    The paper's noise is dropout of .5 behind d_(n-1), d_(n-2) and d_(n-3), at sampling too, and its samples hardly vary
    (section 3.1). Here it is z, beside e_n, on which all that y does not tell depends. Else the network is the paper's.
    """

    conditional = True

    def __init__(
        self, latent_dim: PositiveInt, shape: DoublingImageShape, width: PositiveInt = 64, max_width: PositiveInt = 512
    ) -> None:
        super().__init__()
        self.shape = shape
        sides, channels = [shape[1]], [shape[0]]
        while sides[-1] > 1:
            channels.append(min(width * 2 ** (len(sides) - 1), max_width))
            sides.append(sides[-1] // 2)
        last = len(sides) - 1
        self.down = nn.ModuleList(
            nn.Sequential(
                *([nn.LeakyReLU(0.2)] if i > 1 else []),
                nn.Conv2d(a, b, 4, 2, 1, bias=i in (1, last)),
                *([nn.BatchNorm2d(b)] if 1 < i < last else []),
            )
            for i, (a, b) in enumerate(pairwise(channels), start=1)
        )
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(
                    channels[i] + (latent_dim if i == last else channels[i]), channels[i - 1], 4, 2, 1,
                    output_padding=sides[i - 1] % 2, bias=i == 1,
                ),
                nn.BatchNorm2d(channels[i - 1]) if i > 1 else nn.Tanh(),
            )
            for i in range(last, 0, -1)
        )  # fmt: skip
        initialise(self)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x = image_condition(y, self.shape)
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        innermost, *outer = self.up
        x = innermost(torch.cat([skips.pop().relu(), z[:, :, None, None].to(x.dtype)], 1))
        for layer in outer:
            x = layer(torch.cat([x, skips.pop()], 1).relu())
        return x
