"""FastGAN's generator (Liu et al. 2021), as Projected GAN has it (Sauer et al. 2021).

What the papers leave open is as in the authors' code, autonomousvision/projected-gan. Spectral normalisation is put
around by `wrapper=spectral_norm`, which the page of the model names.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import glu, interpolate

from gan_lab.networks.biggan import ConditionedBatchNorm, SharedEmbedding
from gan_lab.networks.ladder import ladder
from gan_lab.ranges import DoublingRectangle, PositiveInt

WIDTHS = (16, 8, 4, 2, 2, 1, 1 / 2, 1 / 4, 1 / 8)  # channels of the maps from the smallest on, in units of `width`
GATED = range(4, 8)  # the maps that are gated, each by the one that is 16 times smaller


class Noise(nn.Module):
    """x + w e, e ~ N(0, 1) for each place, the same for all channels, in evaluation too; w is learnt, 0 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.weight * torch.randn_like(x[:, :1])
        return out


class FastGANBlock(nn.Sequential):
    """Twice conv, noise, norm, GLU, after a doubling: (N, a, H, W) -> (N, b, 2H, 2W)."""

    def __init__(self, a: PositiveInt, b: PositiveInt) -> None:
        layers: list[nn.Module] = [nn.Upsample(scale_factor=2, mode="nearest")]
        for channels in (a, b):
            conv = nn.Conv2d(channels, 2 * b, 3, padding=1, bias=False)
            layers += [conv, Noise(), nn.BatchNorm2d(2 * b), nn.GLU(1)]
        super().__init__(*layers)


class ConditionedFastGANBlock(nn.Module):
    """The same with normalisations that are affine in c (N, condition_dim), and one w for the noise of both."""

    def __init__(self, a: PositiveInt, b: PositiveInt, condition_dim: PositiveInt) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(channels, 2 * b, 3, padding=1, bias=False) for channels in (a, b))
        self.norms = nn.ModuleList(ConditionedBatchNorm(2 * b, condition_dim, bias=True) for _ in range(2))
        self.noise = Noise()

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        x = interpolate(x, scale_factor=2.0, mode="nearest")
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = glu(norm(self.noise(conv(x)), c), 1)
        return x


class SkipLayerExcitation(nn.Module):
    """x sigmoid(B swish(A pool(s))): channels of x (N, b, H, W) are gated by a smaller map s (N, a, h, w).

    The pool takes s to 4 x 4; A is a 4 x 4 convolution, B a 1 x 1 one (FastGAN, section 3.1).
    """

    def __init__(self, a: PositiveInt, b: PositiveInt) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Conv2d(a, b, 4, bias=False), nn.SiLU(),
            nn.Conv2d(b, b, 1, bias=False), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, small: Tensor, x: Tensor) -> Tensor:
        out: Tensor = x * self.gate(small)
        return out


class FastGANGenerator(nn.Module):
    """z (N, latent_dim) -> (N, C, H, W): z of mean square 1, a transposed convolution, blocks that double the map.

    The maps from 64 to 512 pixels (of an image whose sides are powers of 2) are each gated by the one 16 times smaller.
    Widths are multiples of `width`, 16 times at the smallest map and 1 time at 128 pixels. The output has no tanh and
    is not kept within [-1, 1]. With `num_classes`, labels y (N,) are embedded in as many numbers as z has, in which
    the blocks' normalisations are affine.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: DoublingRectangle,
        width: PositiveInt = 128,
        num_classes: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        start, levels = ladder(shape, 1, 1)
        channels = [max(int(share * width), 1) for share in WIDTHS[: len(levels)]]
        self.first = nn.Sequential(
            nn.ConvTranspose2d(latent_dim, 2 * channels[0], start, bias=False),
            nn.BatchNorm2d(2 * channels[0]),
            nn.GLU(1),
        )
        self.conditional = num_classes is not None
        self.embedding: SharedEmbedding | None = None
        if num_classes is None:
            self.blocks = nn.ModuleList(FastGANBlock(a, b) for a, b in pairwise(channels))
        else:
            self.embedding = SharedEmbedding(num_classes, latent_dim)
            nn.init.normal_(self.embedding.get_parameter("weight"))
            self.blocks = nn.ModuleList(ConditionedFastGANBlock(a, b, latent_dim) for a, b in pairwise(channels))
        gated = [i for i in GATED if i < len(channels)]
        self.gates = nn.ModuleDict({str(i): SkipLayerExcitation(channels[i - 4], channels[i]) for i in gated})
        self.last = nn.Conv2d(channels[-1], shape[0], 3, padding=1)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        c = () if self.embedding is None else (self.embedding(z, y),)
        z = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        maps = [self.first(z[:, :, None, None])]
        for i, block in enumerate(self.blocks, start=1):
            x = block(maps[-1], *c)
            maps.append(self.gates[str(i)](maps[i - 4], x) if str(i) in self.gates else x)
        out: Tensor = self.last(maps[-1])
        return out
