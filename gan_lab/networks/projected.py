"""Projected discriminator: small discriminators of the random mixtures of a frozen network's features.

Sauer, Chitta, Mueller & Geiger 2021, section 3; what the paper leaves open is as in the authors' code,
autonomousvision/projected-gan. Spectral normalisation is put around by `wrapper=spectral_norm`, which the page of the
model names; it leaves what is frozen alone.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, embedding, interpolate, leaky_relu, linear

from gan_lab.errors import UserError
from gan_lab.networks.biggan import demanded
from gan_lab.networks.efficientnet import efficientnet_lite0
from gan_lab.ranges import PositiveInt, Rectangle
from gan_lab.types import DiscriminatorOutput

STAGES = (3, 5, 11, 16)  # blocks after which features are taken: the map is 4, 8, 16, 32 times smaller than the image
CHANNELS = (24, 40, 112, 320)  # of these features
WIDTHS = (1, 1, 2, 4, 8)  # channels of the maps that a discriminator sees and makes, from the largest on
DIRECTION = 64  # numbers that a class is told by, at each scale
EMBEDDING = 128  # numbers that it is embedded in before


class FrozenFeatures(nn.Module):
    """x (N, 3, H, W) in [-1, 1] -> features of four stages of EfficientNet-Lite0, (N, c_i, H / 2^(i+2), W / 2^(i+2)).

    The network moves with this module from device to device, but it is none of its parts: its weights are not the
    player's, in no checkpoint, and out of reach of wrappers. It is in evaluation mode always.
    """

    def __init__(self) -> None:
        super().__init__()
        self._frozen = (efficientnet_lite0("model=projected, whose D looks through EfficientNet-Lite0"),)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        self._frozen[0]._apply(fn)
        return super()._apply(fn, recurse)

    def forward(self, x: Tensor) -> list[Tensor]:
        (network,) = self._frozen
        x = network._swish(network._bn0(network._conv_stem(x)))
        stages = []
        for number, block in enumerate(network._blocks, start=1):
            x = block(x)
            if number in STAGES:
                stages.append(x)
        return stages


class Mixing(nn.Module):
    """W x + b at each place, W and b random and frozen: (N, a, H, W) -> (N, b, H, W). They start as a convolution's do.

    It is no `nn.Conv2d`, which `wrapper=spectral_norm` would normalise.
    """

    def __init__(self, a: PositiveInt, b: PositiveInt) -> None:
        super().__init__()
        weight, bias = nn.Conv2d(a, b, 1).parameters()
        self.weight, self.bias = (nn.Parameter(start.data, requires_grad=False) for start in (weight, bias))

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight, self.bias)


class Projection(nn.Module):
    """Features mixed across channels, each stage by itself, and then across scales, from the deepest to the finest.

        u_i = up(S_i(C_i f_i + u_(i+1))),  u_4 = 0

    C_i and S_i are random mixings, `up` doubles the map bilinearly with its corners in place. u_i has w, w, 2w and 4w
    channels for a `width` w, and is 2, 4, 8 and 16 times smaller than the image.
    """

    def __init__(self, width: PositiveInt) -> None:
        super().__init__()
        wide = [width << i for i in range(len(CHANNELS))]
        self.channels = nn.ModuleList(Mixing(a, b) for a, b in zip(CHANNELS, wide, strict=True))
        self.scales = nn.ModuleList(Mixing(b, share * width) for b, share in zip(wide, WIDTHS[:-1], strict=True))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        mixed: list[Tensor] = []
        for f, channel, scale in zip(features[::-1], self.channels[::-1], self.scales[::-1], strict=True):
            x = channel(f) + mixed[-1] if mixed else channel(f)
            # Theirs doubles first, which commutes with the mixing: this is a quarter of the work.
            mixed.append(interpolate(scale(x), scale_factor=2.0, mode="bilinear", align_corners=True))
        return mixed[::-1]


def head(width: PositiveInt, scale: int, outputs: PositiveInt = 1) -> nn.Sequential:
    """The discriminator of a scale, 0 the finest: (N, a, 2^(4 - scale) h, ...) -> logits (N, outputs, h - 3, ...)."""
    layers: list[nn.Module] = []
    for a, b in pairwise(width * share for share in WIDTHS[scale:]):
        layers += [nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(b, outputs, 4, bias=False))


class ClassDirection(nn.Module):
    """v_y = leaky_relu(A e_y + a) of labels y (N,), e_y learnt: (N, DIRECTION, 1, 1).

    It has no `nn.Embedding` and no `nn.Linear`, which `wrapper=spectral_norm` would normalise: the authors do not.
    """

    def __init__(self, num_classes: PositiveInt) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(num_classes, EMBEDDING))
        self.weight, self.bias = nn.Linear(EMBEDDING, DIRECTION).parameters()

    def forward(self, y: Tensor) -> Tensor:
        return leaky_relu(linear(embedding(y, self.embedding), self.weight, self.bias), 0.2)[:, :, None, None]


class ProjectedDiscriminator(nn.Module):
    """x (N, 1 or 3, H, W) in [-1, 1] -> logits (N, h, h) of four scales, the finest first; h = resolution / 32 - 3.

    Images are brought to `resolution` x `resolution` pixels, bilinearly: the authors' 224 for all that are smaller, and
    256 for theirs of 256. Of a discriminator all weights are learnt, of its input none: the features of a frozen
    network and their random mixture. It shows no features to put a head on.

    With `num_classes` the logit of each place is a projection on the class alone, <v_y, phi> / sqrt(DIRECTION), each
    scale having its own v and phi, the output of its discriminator.

    Raises:
        UserError: other channels, or a resolution at which the scales do not fit together; the wheel is not installed.
    """

    def __init__(
        self,
        shape: Rectangle,
        width: PositiveInt = 64,
        resolution: PositiveInt = 224,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        if shape[0] not in (1, 3):
            raise UserError(f"model=projected: its D takes images of 1 or 3 channels, not data.shape={list(shape)}")
        if resolution % 32 or resolution < 128:
            raise UserError(f"model.discriminator.resolution={resolution}: must be a multiple of 32, at least 128")
        self.resolution = resolution
        self.features = FrozenFeatures()
        self.projection = Projection(width)
        self.conditional = num_classes is not None
        outputs = 1 if num_classes is None else DIRECTION
        self.heads = nn.ModuleList(head(width, scale, outputs) for scale in range(len(CHANNELS)))
        self.directions = nn.ModuleList(ClassDirection(num_classes) for _ in self.heads if num_classes)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        size = (self.resolution, self.resolution)
        x = interpolate(x, size, mode="bilinear", align_corners=False).expand(-1, 3, -1, -1)
        projected = self.projection(self.features(x))
        outputs = [judge(u) for judge, u in zip(self.heads, projected, strict=True)]
        if self.directions:
            y = demanded(y)
            outputs = [
                (v(y) * phi).sum(1, keepdim=True) / math.sqrt(DIRECTION)
                for v, phi in zip(self.directions, outputs, strict=True)
            ]
        logits, *others = (output.squeeze(1) for output in outputs)
        return DiscriminatorOutput(logits, scales=tuple(others))
