"""The U-Net generator of pix2pix (Isola et al. 2017, section 3.2.1 and appendix 6.1.1)."""

import torch
from torch import Tensor, nn

from gan_lab.networks.dcgan import initialise, ladder
from gan_lab.networks.images import image_condition
from gan_lab.ranges import DoublingImageShape, PositiveInt


class UNetGenerator(nn.Module):
    """z (N, latent_dim) and an image y (N, C, H, W) to an image (N, C, H, W) in [-1, 1].

        down:  e_1 = conv y,  e_i = conv e_(i-1)            each of half the size, to a smallest map of 4 to 7 pixels
        middle: d_k = conv [e_k, z]                         z on every pixel of it
        up:    d_(i-1) = deconv [d_i, e_i],  tanh deconv [d_1, e_1]     (the middle's own e_k is in d_k already)

    Convolutions 4 x 4 of stride 2 with leaky ReLU of slope .2 on the way down and ReLU on the way up, with batch
    normalisation but for the first and the last. `width` is the number of e_1's channels; it doubles up to `max_width`.

    The paper's noise is dropout, and its samples hardly vary (section 3.1); here it is z, at the bottleneck, on which
    all that y does not tell depends.
    """

    conditional = True

    def __init__(
        self, latent_dim: PositiveInt, shape: DoublingImageShape, width: PositiveInt = 64, max_width: PositiveInt = 512
    ) -> None:
        super().__init__()
        self.shape = shape
        _, channels = ladder(shape, width, max_width)
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 4, 2, 1, bias=i == 0),
                *([nn.BatchNorm2d(b)] if i > 0 else []),
                nn.LeakyReLU(0.2, inplace=True),
            )
            for i, (a, b) in enumerate(zip([shape[0], *channels], channels, strict=False))
        )
        deepest = channels[-1]
        self.middle = nn.Sequential(
            nn.Conv2d(deepest + latent_dim, deepest, 3, 1, 1, bias=False),
            nn.BatchNorm2d(deepest),
            nn.ReLU(inplace=True),
        )
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(2 * a if i > 0 else a, b, 4, 2, 1, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(inplace=True),
            )
            for i, (a, b) in enumerate(zip(channels[::-1], channels[-2::-1], strict=False))
        )
        last = 2 * channels[0] if len(channels) > 1 else channels[0]
        self.output = nn.Sequential(nn.ConvTranspose2d(last, shape[0], 4, 2, 1), nn.Tanh())
        initialise(self)

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x = image_condition(y, self.shape)
        skips = []
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        deepest = skips.pop()
        x = self.middle(torch.cat([deepest, z[:, :, None, None].expand(-1, -1, *deepest.shape[2:])], 1))
        for layer in self.up:
            x = torch.cat([layer(x), skips.pop()], 1)
        return self.output(x)
