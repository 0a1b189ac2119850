"""U-Net discriminator: a logit for the image and one for each of its pixels (Schoenfeld, Schiele & Khoreva 2020).

What the paper leaves open is as in the authors' code, boschresearch/unetgan. Spectral normalisation of both players is
put around by `wrapper=spectral_norm`, which the page of the model names.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.attention import attention_at, check_attention
from gan_lab.networks.biggan import demanded, orthogonal
from gan_lab.networks.resnet import DownBlock, UpBlock, heights_of
from gan_lab.ranges import NonNegativeInt, PositiveInt, Rectangle
from gan_lab.types import DiscriminatorOutput


class UNetDiscriminator(nn.Module):
    """x (N, C, H, W), y (N,) -> logits (N,) of the images, and, as a further scale, logits (N, H, W) of their pixels.

        h_i = down_i(h_(i-1)),  u_n = h_n,  u_(i-1) = up_i([u_i, h_i]) (without h_n, which is u_n)
        image: a + <v_y, s>, s the sum of relu h_n over the map;  pixel p: b(u_0,p) + <w_y, u_0,p>

    BigGAN's blocks go down and, without normalisation, up again; a and b are affine. `width` is the number of channels
    of the largest maps; it doubles with every halving up to `max_width`. (The authors' 256 x 256 repeats a width on its
    way, which this rule does not.) `attention`: the height of the map on which self-attention follows the block down;
    0: none. With `num_classes` None it takes no class. Its features are s: (N, channels).

    Raises:
        UserError: the sides cannot be halved so often without a remainder.
    """

    def __init__(
        self,
        shape: Rectangle,
        num_classes: PositiveInt | None,
        width: PositiveInt = 64,
        max_width: PositiveInt = 1024,
        halvings: PositiveInt = 5,
        attention: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        heights = heights_of(shape, halvings)
        check_attention(attention, heights)
        if any(side % 2**halvings for side in shape[1:]):
            raise UserError(
                f"halvings={halvings}: the sides of {shape[1]} x {shape[2]} pixels must be multiples of {2**halvings}, "
                "so that D's maps fit together on the way up"
            )
        channels = [min(width << i, max_width) for i in range(halvings)]
        self.down = nn.ModuleList(
            nn.Sequential(DownBlock(a, b, b, first=i == 0), *attention_at(heights[i], b, attention))
            for i, (a, b) in enumerate(pairwise([shape[0], *channels]))
        )
        entering = [*(2 * c for c in channels[:-1]), channels[-1]]
        leaving = [channels[0], *channels[:-1]]
        self.up = nn.ModuleList(UpBlock(a, b, lambda _: nn.Identity()) for a, b in zip(entering, leaving, strict=True))
        self.head, self.pixel_head = nn.Linear(channels[-1], 1), nn.Conv2d(channels[0], 1, 1)
        self.conditional = num_classes is not None
        self.directions = nn.Embedding(num_classes, channels[-1]) if num_classes else None
        self.pixel_directions = nn.Embedding(num_classes, channels[0]) if num_classes else None
        orthogonal(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        maps = []
        for block in self.down:
            x = block(x)
            maps.append(x)
        features = x.relu().sum((2, 3))
        x = self.up[-1](x)
        for block, skipped in zip(self.up[-2::-1], maps[-2::-1], strict=True):
            x = block(torch.cat([x, skipped], 1))
        image, pixels = self.head(features).squeeze(1), self.pixel_head(x).squeeze(1)
        if self.directions is not None and self.pixel_directions is not None:
            y = demanded(y)
            image = image + (self.directions(y) * features).sum(1)
            pixels = pixels + (self.pixel_directions(y)[:, :, None, None] * x).sum(1)
        return DiscriminatorOutput(image, features=(features,), scales=(pixels,))
