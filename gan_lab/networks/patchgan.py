"""PatchGAN: a discriminator that judges pieces of a pair (Isola et al. 2017, section 3.2.2 and appendix 6.1.2)."""

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.dcgan import initialise
from gan_lab.networks.images import image_condition
from gan_lab.ranges import PositiveInt, Rectangle
from gan_lab.types import DiscriminatorOutput


class PatchGANDiscriminator(nn.Module):
    """x (N, C, H, W) and an image y of its size to logits (N, h, w), one for each patch of the pair [x, y].

    `layers` convolutions 4 x 4 of stride 2, one of stride 1, and a last one to the logits; batch normalisation but for
    the first and the last, leaky ReLU of slope .2. A logit sees 16 x 16 pixels with 1 layer, 34 x 34 with 2 and
    70 x 70 with 3, the paper's for 256 x 256. `width` channels at first, doubled at each layer up to 8 `width`.

    Its features are the last hidden map, flattened.

    Raises:
        UserError: so many layers leave nothing of the image.
    """

    conditional = True

    def __init__(self, shape: Rectangle, width: PositiveInt = 64, layers: PositiveInt = 1) -> None:
        super().__init__()
        self.shape = shape
        if min(shape[1:]) // 2**layers < 3:
            raise UserError(f"layers={layers} leave nothing of {shape[1]} x {shape[2]} pixels for PatchGAN to judge")
        widths = [2 * shape[0], *(width * min(2**i, 8) for i in range(layers + 1))]
        trunk: list[nn.Module] = []
        for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
            trunk.append(nn.Conv2d(a, b, 4, 2 if i < layers else 1, 1, bias=i == 0))
            if i > 0:
                trunk.append(nn.BatchNorm2d(b))
            trunk.append(nn.LeakyReLU(0.2, inplace=True))
        self.trunk = nn.Sequential(*trunk)
        self.head = nn.Conv2d(widths[-1], 1, 4, 1, 1)
        initialise(self)

    def forward(self, x: Tensor, y: Tensor) -> DiscriminatorOutput:
        features = self.trunk(torch.cat([x, image_condition(y, self.shape)], 1))
        return DiscriminatorOutput(self.head(features).squeeze(1), features=(features.flatten(1),))
