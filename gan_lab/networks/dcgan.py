"""DCGAN: deep convolutional networks without pooling (Radford, Metz & Chintala 2016, section 3).

`dense` is the width of a fully connected hidden layer at the narrow end, which DCGAN leaves out (0) and InfoGAN has
(1024; Chen et al. 2016, appendix C.1). It is a convolution whose map is one pixel.
"""

from itertools import pairwise

from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.ladder import ladder
from gan_lab.networks.whole_map import MapToPixel, PixelToMap
from gan_lab.ranges import DoublingRectangle, NonNegativeInt, PositiveInt
from gan_lab.types import DiscriminatorOutput


def initialise(network: nn.Module) -> None:
    """Weights from N(0, .02^2), batch-norm scales from N(1, .02^2), biases 0: the paper's, section 4, and its code."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


def _up(convolution: nn.ConvTranspose2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)]


def _down(convolution: nn.Conv2d, batch_norm: bool) -> list[nn.Module]:
    norm = [nn.BatchNorm2d(convolution.out_channels)] if batch_norm else []
    return [convolution, *norm, nn.LeakyReLU(0.2, inplace=True)]


class DCGANGenerator(nn.Module):
    """z (N, latent_dim) -> (N, C, H, W) in [-1, 1]: fractionally strided convolutions, batch norm and ReLU; tanh last.

    `width` is the number of channels of the largest hidden map; it doubles with every halving up to `max_width`.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: DoublingRectangle,
        width: PositiveInt = 64,
        max_width: PositiveInt = 1024,
        dense: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        sides, (_, *channels) = ladder(shape, width, max_width)
        layers = _up(PixelToMap(latent_dim, dense, (1, 1))) if dense else []
        layers += _up(PixelToMap(dense or latent_dim, channels[0], sides))
        for a, b in pairwise(channels):
            layers += _up(nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False))
        self.net = nn.Sequential(*layers, nn.ConvTranspose2d(channels[-1], shape[0], 4, 2, 1, bias=False), nn.Tanh())
        initialise(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(z[:, :, None, None])


class DCGANDiscriminator(nn.Module):
    """x (N, C, H, W) -> logits (N,): strided convolutions, batch norm (not at the input) and leaky ReLU of slope .2.

    Its features are the last hidden layer, flattened: the smallest map, or the dense one. Without `batch_norm` D judges
    each sample by itself, as gradient penalties and spectral normalisation suppose (Gulrajani et al. 2017, section 4).

    Raises:
        UserError: `batch_norm` is false, and there is none to leave out: only the layer at the input is hidden.
    """

    def __init__(
        self,
        shape: DoublingRectangle,
        width: PositiveInt = 64,
        max_width: PositiveInt = 1024,
        dense: NonNegativeInt = 0,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        sides, (_, *channels) = ladder(shape, width, max_width)
        if not batch_norm and len(channels) == 1 and not dense:
            raise UserError(f"batch_norm=false: on samples of {tuple(shape)} this D has none; leave it out")
        layers = [nn.Conv2d(shape[0], channels[-1], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        for a, b in pairwise(channels[::-1]):
            layers += _down(nn.Conv2d(a, b, 4, 2, 1, bias=False), batch_norm)
        layers += _down(MapToPixel(channels[0], dense, sides), batch_norm) if dense else []
        self.trunk = nn.Sequential(*layers)
        self.head = MapToPixel(dense or channels[0], 1, (1, 1) if dense else sides)
        initialise(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.trunk(x)
        return DiscriminatorOutput(self.head(features).flatten(), features=(features.flatten(1),))
