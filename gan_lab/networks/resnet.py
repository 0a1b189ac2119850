"""Residual networks of SNGAN (Miyato et al. 2018, appendix B.4, tables 3 to 6) and SAGAN (Zhang et al. 2019).

What the papers leave open is as in the authors' code: pfnet-research/sngan_projection (nearest neighbours, means of
2 x 2 pixels, order of operations, initial weights) and brain-research/self-attention-gan (attention, D's wide blocks).
Spectral normalisation is put around by `wrapper=spectral_norm`, which the pages of these models name.
"""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_lab.errors import UserError
from gan_lab.networks.attention import attention_at, check_attention
from gan_lab.networks.batch_norm import SharedBatchNorm
from gan_lab.networks.ladder import ladder
from gan_lab.ranges import DoublingRectangle, NonNegativeInt, PositiveFloat, PositiveInt, Rectangle
from gan_lab.types import DiscriminatorOutput


def doubled(x: Tensor, bilinear: bool = False) -> Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W): every pixel four times, or, `bilinear`, interpolated."""
    return interpolate(x, scale_factor=2.0, mode="bilinear" if bilinear else "nearest")


def xavier(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """Weights uniform in +-gain sqrt(6 / (fan-in + fan-out)) (Glorot & Bengio 2010), biases 0."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class UpBlock(nn.Module):
    """up(S x) + C2 relu n2(C1 up(relu n1(x))): (N, a, H, W) -> (N, b, 2H, 2W).

    C1 and C2 are 3 x 3 convolutions, S is a 1 x 1 convolution, n1 and n2 are normalisations, made by `norm` for their
    channels and given x and, where there is one, the condition. `bilinear`: up interpolates.
    """

    def __init__(
        self,
        a: PositiveInt,
        b: PositiveInt,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
        bilinear: bool = False,
    ) -> None:
        super().__init__()
        self.bilinear = bilinear
        self.norm1, self.norm2 = norm(a), norm(b)
        self.conv1, self.conv2 = (xavier(nn.Conv2d(c, b, 3, padding=1), math.sqrt(2)) for c in (a, b))
        self.skip = xavier(nn.Conv2d(a, b, 1))

    def forward(self, x: Tensor, *condition: Tensor) -> Tensor:
        inner = self.conv1(doubled(self.norm1(x, *condition).relu(), self.bilinear))
        # Their S comes after the doubling, which commutes with it: this is a quarter of the work.
        return doubled(self.skip(x), self.bilinear) + self.conv2(self.norm2(inner, *condition).relu())


class DownBlock(nn.Module):
    """S p(x) + p(C2 relu C1 relu x): (N, a, H, W) -> (N, b, H/2, W/2), p the mean of 2 x 2 pixels.

    C1 and C2 are 3 x 3 convolutions with `hidden` channels between them, S is a 1 x 1 convolution. Without `halve`
    there is no p, and S only where a and b differ. The `first` block of a network does without the first relu, which
    would take from the image.
    """

    def __init__(
        self, a: PositiveInt, b: PositiveInt, hidden: PositiveInt, halve: bool = True, first: bool = False
    ) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.conv1, self.conv2 = (
            xavier(nn.Conv2d(c, d, 3, padding=1), math.sqrt(2)) for c, d in ((a, hidden), (hidden, b))
        )
        self.skip = xavier(nn.Conv2d(a, b, 1)) if halve or a != b else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv2(self.conv1(x if self.first else x.relu()).relu())
        if self.halve:  # theirs has S before p but in the first block; they commute
            x, inner = avg_pool2d(x, 2), avg_pool2d(inner, 2)
        out: Tensor = self.skip(x) + inner
        return out


class ResNetGenerator(nn.Module):
    """z (N, latent_dim) -> (N, C, H, W) in [-1, 1]: a linear map to the smallest map, blocks that double it, tanh last.

    `width` is the number of channels of the largest map; it doubles with every halving up to `max_width`. `attention`:
    the height of the map on which self-attention follows the block; 0: none. `epsilon` is that of the batch
    normalisations; the last one is the same for all classes, with `conditioning=batch_norm` too. `bilinear`: maps are
    enlarged by interpolation, as in kwotsin/mimicry.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: DoublingRectangle,
        width: PositiveInt = 64,
        max_width: PositiveInt = 1024,
        attention: NonNegativeInt = 0,
        epsilon: PositiveFloat = 1e-5,
        bilinear: bool = False,
    ) -> None:
        super().__init__()
        (height, across), channels = ladder(shape, width, max_width)
        check_attention(attention, [height << i for i in range(1, len(channels))])
        self.start = (channels[0], height, across)
        self.affine = xavier(nn.Linear(latent_dim, math.prod(self.start)))
        layers: list[nn.Module] = []
        norm = partial(nn.BatchNorm2d, eps=epsilon)
        for i, (a, b) in enumerate(pairwise(channels), start=1):
            layers += [UpBlock(a, b, norm, bilinear), *attention_at(height << i, b, attention)]
        self.blocks = nn.Sequential(*layers)
        self.norm = SharedBatchNorm(channels[-1], epsilon)
        self.last = xavier(nn.Conv2d(channels[-1], shape[0], 3, padding=1))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        x = self.blocks(self.affine(z).unflatten(1, self.start))
        return torch.tanh(self.last(self.norm(x).relu()))


class ResNetDiscriminator(nn.Module):
    """x (N, C, H, W) -> logits (N,): blocks that halve the map, `flat` ones that do not, the sum over the map, affine.

    The first block makes `width` channels; every further one doubles them up to `max_width`. Between a block's two
    convolutions there are as many channels as enter it, or, of a `wide` one, as leave it. `attention`: the height of
    the map on which self-attention follows the block that makes it; 0: none.

    Its features are the sums over the last map, after a relu: (N, channels).

    Raises:
        UserError: so many halvings leave nothing of the image.
    """

    def __init__(
        self,
        shape: Rectangle,
        width: PositiveInt = 64,
        max_width: PositiveInt = 1024,
        halvings: PositiveInt = 5,
        flat: NonNegativeInt = 1,
        wide: bool = False,
        attention: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        heights = heights_of(shape, halvings)
        check_attention(attention, heights)
        channels = [shape[0], *(min(width << i, max_width) for i in range(halvings + flat))]
        layers: list[nn.Module] = []
        for i, (a, b) in enumerate(pairwise(channels)):
            hidden = b if wide or i == 0 else a
            layers.append(DownBlock(a, b, hidden, halve=i < halvings, first=i == 0))
            if i < halvings:
                layers += attention_at(heights[i], b, attention)
        self.blocks = nn.Sequential(*layers)
        self.features = channels[-1]
        self.head = xavier(nn.Linear(self.features, 1))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.blocks(x).relu().sum((2, 3))
        return DiscriminatorOutput(self.head(features).squeeze(1), features=(features,))


def heights_of(shape: tuple[int, int, int], halvings: int) -> list[int]:
    """The heights of D's maps.

    Raises:
        UserError: so many halvings leave nothing of the image.
    """
    if min(shape[1:]) >> halvings < 1:
        raise UserError(f"halvings={halvings}: leave nothing of {shape[1]} x {shape[2]} pixels")
    return [shape[1] >> i for i in range(1, halvings + 1)]
