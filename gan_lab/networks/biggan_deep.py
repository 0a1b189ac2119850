"""BigGAN-deep: bottlenecks of four convolutions, twice as many blocks (Brock et al. 2019, appendix B, tables 7 to 9).

What the paper leaves open is as in the authors' code, ajbrock/BigGAN-PyTorch. Spectral normalisation of both players is
put around by `wrapper=spectral_norm`, which the page of the model names. With `num_classes` None the networks take no
class.
"""

import math
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from gan_lab.networks.attention import SelfAttention, attention_at, check_attention
from gan_lab.networks.batch_norm import SharedBatchNorm
from gan_lab.networks.biggan import ConditionedBatchNorm, SharedEmbedding, orthogonal, projected
from gan_lab.networks.ladder import ladder
from gan_lab.networks.resnet import doubled, heights_of
from gan_lab.ranges import DoublingRectangle, NonNegativeInt, PositiveInt, Rectangle
from gan_lab.types import DiscriminatorOutput

RATIO = 4  # a block's channels for each inner one


def _bottleneck(a: int, inner: int, b: int) -> nn.ModuleList:
    """Convolutions 1 x 1, 3 x 3, 3 x 3 and 1 x 1 from a channels to b, with `inner` between them."""
    sizes = [(a, inner, 1), (inner, inner, 3), (inner, inner, 3), (inner, b, 1)]
    return nn.ModuleList(nn.Conv2d(m, n, k, padding=k // 2) for m, n, k in sizes)


class DeepUpBlock(nn.Module):
    """up(x[:b]) + W4 s4 W3 s3 W2 up(s2 W1 s1(x)), s_i = relu norm_i(., c): (N, a, H, W), (N, dim) -> (N, b, 2H, 2W).

    Where b < a the skip connection drops the last channels. Without `up` the size stays.
    """

    def __init__(self, a: PositiveInt, b: PositiveInt, condition_dim: PositiveInt, up: bool) -> None:
        super().__init__()
        self.kept, self.up = b, up
        inner = max(a // RATIO, 1)
        self.norms = nn.ModuleList(ConditionedBatchNorm(n, condition_dim) for n in (a, inner, inner, inner))
        self.convolutions = _bottleneck(a, inner, b)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        inner = x
        for i, (norm, convolution) in enumerate(zip(self.norms, self.convolutions, strict=True)):
            inner = norm(inner, c).relu()
            inner = convolution(doubled(inner) if self.up and i == 1 else inner)
        x = x[:, : self.kept]
        return (doubled(x) if self.up else x) + inner


class DeepDownBlock(nn.Module):
    """[p(x), S p(x)] + W4 p(relu W3 relu W2 relu W1 relu x): (N, a, H, W) -> (N, b, H/2, W/2).

    p is the mean of 2 x 2 pixels; S makes the b - a channels by which b exceeds a. Without `halve` there is no p.
    """

    def __init__(self, a: PositiveInt, b: PositiveInt, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.convolutions = _bottleneck(a, max(b // RATIO, 1), b)
        self.more = nn.Conv2d(a, b - a, 1) if b > a else None

    def forward(self, x: Tensor) -> Tensor:
        *first, last = self.convolutions
        inner = x
        for convolution in first:
            inner = convolution(inner.relu())
        inner = inner.relu()
        if self.halve:
            x, inner = avg_pool2d(x, 2), avg_pool2d(inner, 2)
        out: Tensor = last(inner) + (x if self.more is None else torch.cat([x, self.more(x)], 1))
        return out


class BigGANDeepGenerator(nn.Module):
    """z (N, latent_dim), y (N,) -> (N, C, H, W) in [-1, 1]: every block takes the class and all of z, c = [e_y, z].

        x_0 = A c,    x_i = block_i(x_(i-1), c),    tanh conv relu norm x_n

    e_y has `shared` numbers. Each size of the map has `depth` blocks, of which the last one doubles it. The blocks'
    normalisations are affine in c; the last one has weights of its own. `width` is the number of channels of the
    largest map (the paper's ch); it doubles with every halving up to `max_width`. `attention`: the height of the map on
    which self-attention follows the block that makes it; 0: none.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: DoublingRectangle,
        num_classes: PositiveInt | None,
        width: PositiveInt = 128,
        max_width: PositiveInt = 2048,
        depth: PositiveInt = 2,
        shared: PositiveInt = 128,
        attention: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        (height, across), channels = ladder(shape, width, max_width)
        check_attention(attention, [height << i for i in range(1, len(channels))])
        self.start = (channels[0], height, across)
        self.embedding = SharedEmbedding(num_classes, shared)
        dim = self.embedding.dim + latent_dim
        self.affine = nn.Linear(dim, math.prod(self.start))
        block = partial(DeepUpBlock, condition_dim=dim)
        self.blocks = nn.ModuleList()
        for i, (a, b) in enumerate(pairwise(channels), start=1):
            self.blocks.extend([*(block(a, a, up=False) for _ in range(depth - 1)), block(a, b, up=True)])
            self.blocks.extend(attention_at(height << i, b, attention))
        self.norm = SharedBatchNorm(channels[-1])
        self.last = nn.Conv2d(channels[-1], shape[0], 3, padding=1)
        orthogonal(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        c = torch.cat([self.embedding(z, y), z], 1)
        x = self.affine(c).unflatten(1, self.start)
        for block in self.blocks:
            x = block(x) if isinstance(block, SelfAttention) else block(x, c)
        return torch.tanh(self.last(self.norm(x).relu()))


class BigGANDeepDiscriminator(nn.Module):
    """x (N, C, H, W), y (N,) -> logits (N,): D(x) + <v_y, phi(x)>, phi the sum over the last map after a relu.

    A convolution makes `width` channels. Each of `halvings` + `flat` stages doubles them up to `max_width`, and has
    `depth` blocks, the first of which halves the map, but for the flat stages. `attention`: the height of the map on
    which self-attention follows the stage that makes it; 0: none. Its features are phi: (N, channels).

    Raises:
        UserError: so many halvings leave nothing of the image.
    """

    def __init__(
        self,
        shape: Rectangle,
        num_classes: PositiveInt | None,
        width: PositiveInt = 128,
        max_width: PositiveInt = 2048,
        halvings: PositiveInt = 5,
        flat: NonNegativeInt = 0,
        depth: PositiveInt = 2,
        attention: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        heights = heights_of(shape, halvings)
        check_attention(attention, heights)
        channels = [min(width << i, max_width) for i in range(halvings + flat + 1)]
        layers: list[nn.Module] = [nn.Conv2d(shape[0], channels[0], 3, padding=1)]
        for i, (a, b) in enumerate(pairwise(channels)):
            layers += [DeepDownBlock(b if j else a, b, halve=i < halvings and j == 0) for j in range(depth)]
            if i < halvings:
                layers += attention_at(heights[i], b, attention)
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Linear(channels[-1], 1)
        self.conditional = num_classes is not None
        self.directions = nn.Embedding(num_classes, channels[-1]) if num_classes else None
        orthogonal(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.blocks(x).relu().sum((2, 3))
        output = DiscriminatorOutput(self.head(features).squeeze(1), features=(features,))
        return projected(output, self.directions, y)
