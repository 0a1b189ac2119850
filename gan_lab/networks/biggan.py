"""BigGAN: class-conditional residual networks (Brock, Donahue & Simonyan 2019, section 3, appendix B, tables 4 to 6).

What the paper leaves open is as in the authors' code, ajbrock/BigGAN-PyTorch. Spectral normalisation of both players is
put around by `wrapper=spectral_norm`, which the page of the model names. With `num_classes` None the networks take no
class.
"""

import math
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from gan_lab.errors import UserError
from gan_lab.networks.attention import SelfAttention, attention_at, check_attention
from gan_lab.networks.batch_norm import SharedBatchNorm
from gan_lab.networks.ladder import ladder
from gan_lab.networks.resnet import ResNetDiscriminator, UpBlock
from gan_lab.ranges import DoublingRectangle, NonNegativeInt, PositiveInt, Rectangle
from gan_lab.types import DiscriminatorOutput


def orthogonal(network: nn.Module) -> None:
    """Orthogonal weights (Saxe et al. 2014), those of a convolution as the matrix (out, in x kernel); biases 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            nn.init.orthogonal_(module.weight)
            if not isinstance(module, nn.Embedding) and module.bias is not None:
                nn.init.zeros_(module.bias)


class ConditionedBatchNorm(nn.Module):
    """(1 + A c) x^ + B c, x^ being x (N, channels, H, W) normalised over the batch, and c (N, condition_dim).

    A and B are linear, or with `bias` affine.
    """

    def __init__(self, channels: PositiveInt, condition_dim: PositiveInt, bias: bool = False) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale, self.shift = (nn.Linear(condition_dim, channels, bias=bias) for _ in range(2))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        scale, shift = (linear(c)[:, :, None, None] for linear in (self.scale, self.shift))
        out: Tensor = (1 + scale) * self.norm(x) + shift
        return out


class SharedEmbedding(nn.Module):
    """e_y (N, dim) of labels y (N,), for all layers of G; of no labels (N, 0), where `num_classes` is None.

    It is no `nn.Embedding`, which `wrapper=spectral_norm` would normalise: the authors leave G's alone.

    Raises:
        UserError: no labels are given, and there are classes.
    """

    def __init__(self, num_classes: PositiveInt | None, dim: PositiveInt) -> None:
        super().__init__()
        self.conditional = num_classes is not None
        self.dim = dim if self.conditional else 0
        self.weight = nn.Parameter(nn.init.orthogonal_(torch.empty(num_classes, dim))) if num_classes else None

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        return z[:, :0] if self.weight is None else embedding(demanded(y), self.weight)


def demanded(y: Tensor | None) -> Tensor:
    """The labels, which the game passes where nothing else uses them up.

    Raises:
        UserError: there are none.
    """
    if y is None:
        raise UserError(
            "these networks read the class themselves: take conditioning=none, or let them go without: "
            "model.num_classes=null"
        )
    return y


class BigGANGenerator(nn.Module):
    """z (N, latent_dim), y (N,) -> (N, C, H, W) in [-1, 1]: every block takes the class and a part of z.

        x_0 = A z_0,    x_i = block_i(x_(i-1), [e_y, z_i]),    tanh conv relu norm x_n

    z is cut in n + 1 parts z_0, ..., z_n, of equal length but for z_0, which has what is left over. e_y has `shared`
    numbers. The blocks' normalisations are affine in [e_y, z_i]; the last one has weights of its own. `width` is the
    number of channels of the largest map (the paper's ch); it doubles with every halving up to `max_width`. (At 256 x
    256 and beyond the paper's tables repeat a width here and there, which this rule does not.) `attention`: the height
    of the map on which self-attention follows the block; 0: none.

    Raises:
        UserError: z is shorter than it has parts.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: DoublingRectangle,
        num_classes: PositiveInt | None,
        width: PositiveInt = 96,
        max_width: PositiveInt = 1536,
        shared: PositiveInt = 128,
        attention: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        (height, across), channels = ladder(shape, width, max_width)
        check_attention(attention, [height << i for i in range(1, len(channels))])
        if latent_dim < len(channels):
            raise UserError(f"latent.dim={latent_dim}: must be at least {len(channels)}, a number for each part of G")
        chunk = latent_dim // len(channels)
        self.parts = [latent_dim - chunk * (len(channels) - 1), *[chunk] * (len(channels) - 1)]
        self.start = (channels[0], height, across)
        self.embedding = SharedEmbedding(num_classes, shared)
        self.affine = nn.Linear(self.parts[0], math.prod(self.start))
        norm = partial(ConditionedBatchNorm, condition_dim=self.embedding.dim + chunk)
        self.blocks = nn.ModuleList()
        for i, (a, b) in enumerate(pairwise(channels), start=1):
            self.blocks.extend([UpBlock(a, b, norm), *attention_at(height << i, b, attention)])
        self.norm = SharedBatchNorm(channels[-1])
        self.last = nn.Conv2d(channels[-1], shape[0], 3, padding=1)
        orthogonal(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        e, parts = self.embedding(z, y), iter(z.split(self.parts, 1))
        x = self.affine(next(parts)).unflatten(1, self.start)
        for block in self.blocks:
            x = block(x) if isinstance(block, SelfAttention) else block(x, torch.cat([e, next(parts)], 1))
        return torch.tanh(self.last(self.norm(x).relu()))


class BigGANDiscriminator(ResNetDiscriminator):
    """D(x, y) = D(x) + <v_y, phi(x)>: a wide residual D with a projection (Miyato & Koyama 2018), phi its features."""

    def __init__(
        self,
        shape: Rectangle,
        num_classes: PositiveInt | None,
        width: PositiveInt = 96,
        max_width: PositiveInt = 1536,
        halvings: PositiveInt = 5,
        flat: NonNegativeInt = 1,
        attention: NonNegativeInt = 0,
    ) -> None:
        super().__init__(shape, width, max_width, halvings, flat, wide=True, attention=attention)
        self.conditional = num_classes is not None
        self.directions = nn.Embedding(num_classes, self.features) if num_classes else None
        orthogonal(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return projected(super().forward(x), self.directions, y)


def projected(output: DiscriminatorOutput, directions: nn.Embedding | None, y: Tensor | None) -> DiscriminatorOutput:
    """D(x) + <v_y, phi(x)>, or D(x) where there are no directions."""
    if directions is None:
        return output
    return output._replace(logits=output.logits + (directions(demanded(y)) * output.features[-1]).sum(1))
