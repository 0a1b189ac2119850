"""StyleGAN2: a generator driven by styles, and a residual discriminator (Karras et al. 2020).

What the paper leaves open, and classes, are as in the code of StyleGAN2-ADA, NVlabs/stylegan2-ada-pytorch. With
`num_classes` None the networks take no class.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gan_lab.distributed.collectives import mean
from gan_lab.errors import UserError
from gan_lab.networks.equalised import CLAMP, EqualisedConv, EqualisedLinear, ModulatedConv, activated, rectified
from gan_lab.networks.ladder import ladder
from gan_lab.networks.resampling import Upsample
from gan_lab.ranges import DoublingRectangle, NonNegativeInt, PositiveFloat, PositiveInt, UnitInterval
from gan_lab.types import DiscriminatorOutput

CENTRE_DECAY = 0.995  # of the mean of w, per batch (or part of one, with gan.accumulate)


def unit(x: Tensor) -> Tensor:
    """x (N, n) scaled to a mean square of 1 over its n numbers."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class Mapping(nn.Module):
    """[z / |z|, e_y / |e_y|] (|.| of mean square) through `layers` layers at `lr_multiplier` times the rate: (N, dim).

    e_y is a learnt vector of `dim` numbers for each class. Without classes, or with `latent_dim` 0, one part is absent.

    Raises:
        UserError: it is given no labels, and there are classes.
    """

    def __init__(
        self,
        latent_dim: NonNegativeInt,
        num_classes: PositiveInt | None,
        dim: PositiveInt,
        layers: PositiveInt = 8,
        lr_multiplier: PositiveFloat = 0.01,
    ) -> None:
        super().__init__()
        self.conditional, self.latent_dim, self.num_classes = num_classes is not None, latent_dim, num_classes
        self.embedding = EqualisedLinear(num_classes, dim) if num_classes else None
        first = latent_dim + (dim if num_classes else 0)
        self.layers = nn.ModuleList(
            EqualisedLinear(a, b, lr_multiplier=lr_multiplier) for a, b in pairwise([first, *[dim] * layers])
        )

    def forward(self, z: Tensor | None, y: Tensor | None) -> Tensor:
        parts = [] if z is None else [unit(z)]
        if self.embedding is not None:
            parts.append(unit(self.embedding(self._labels(y).to(self.embedding.weight))))
        x = torch.cat(parts, 1)
        for layer in self.layers:
            x = rectified(layer(x))
        return x

    def _labels(self, y: Tensor | None) -> Tensor:
        if y is None or self.num_classes is None:
            raise UserError(
                "StyleGAN2's networks read the class themselves: take conditioning=none, or let them go without: "
                "model.num_classes=null"
            )
        return one_hot(y, self.num_classes)


class StyledConv(nn.Module):
    """sqrt(2) s(W' * x + b + strength n): a modulated convolution and noise, n ~ N(0, 1) for each pixel.

    (N, in_channels, H, W) and w (N, dim) -> (N, out_channels, *size). The noise is drawn in training mode, and always
    the same in evaluation mode; its strength is learnt, and 0 at first.
    """

    noise: Tensor

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        dim: PositiveInt,
        size: tuple[PositiveInt, PositiveInt],
        double: bool = False,
    ) -> None:
        super().__init__()
        self.conv = ModulatedConv(in_channels, out_channels, dim, double=double)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(size))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = self.conv(x, w)
        noise = torch.randn_like(x[:, :1]) if self.training else self.noise
        return activated(x + self.strength * noise + self.bias[:, None, None])


class StyleGAN2Generator(nn.Module):
    """z (N, latent_dim), y (N,) -> (N, C, H, W): a learnt constant, convolved under the styles w = f(z, y).

    Each map adds its picture to the enlarged one of the map before (skip connections). `width` is the number of
    channels of the largest map; it doubles with every halving up to `max_width`. There are `mapping` layers between z
    and w, of `dim` numbers. In training, with probability `mixing`, the layers from one drawn at random on have the
    styles of another z ~ N(0, 1). Nothing bounds the samples. w is (N, layers, dim); two layers for each map.
    """

    mean: Tensor

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: DoublingRectangle,
        num_classes: PositiveInt | None,
        width: PositiveInt = 64,
        max_width: PositiveInt = 512,
        dim: PositiveInt = 512,
        mapping: PositiveInt = 8,
        mixing: UnitInterval = 0.9,
    ) -> None:
        super().__init__()
        (height, across), channels = ladder(shape, width, max_width)
        self.mixing, self.layers = mixing, 2 * len(channels)
        self.mapping = Mapping(latent_dim, num_classes, dim, mapping)
        self.constant = nn.Parameter(torch.randn(channels[0], height, across))
        convs = [StyledConv(channels[0], channels[0], dim, (height, across))]
        for i, (a, b) in enumerate(pairwise(channels), start=1):
            size = (height << i, across << i)
            convs += [StyledConv(a, b, dim, size, double=True), StyledConv(b, b, dim, size)]
        self.convs = nn.ModuleList(convs)
        self.pictures = nn.ModuleList(ModulatedConv(n, shape[0], dim, kernel=1, demodulate=False) for n in channels)
        self.biases = nn.ParameterList(torch.zeros(shape[0]) for _ in channels)
        self.upsample = Upsample()
        self.register_buffer("mean", torch.zeros(dim))

    @property
    def centre(self) -> Tensor:
        return self.mean

    def styles(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        w = self.mapping(z, y)[:, None].expand(-1, self.layers, -1)
        if not self.training or self.mixing == 0:
            return w
        other = self.mapping(torch.randn_like(z), y)[:, None]
        first = torch.randint(1, self.layers, (), device=z.device)
        mixed = torch.rand((), device=z.device) < self.mixing
        own = (torch.arange(self.layers, device=z.device) < first) | ~mixed
        return torch.where(own[:, None], w, other)

    def synthesise(self, w: Tensor) -> Tensor:
        x = self.convs[0](self.constant.expand(w.shape[0], -1, -1, -1), w[:, 0])
        picture = self._picture(0, x, w)
        for i in range(1, len(self.pictures)):
            for layer in (2 * i - 1, 2 * i):
                x = self.convs[layer](x, w[:, layer])
            picture = self.upsample(picture) + self._picture(i, x, w)
        return picture

    def _picture(self, i: int, x: Tensor, w: Tensor) -> Tensor:
        """What map number i adds, under the styles of the layer that comes next."""
        picture: Tensor = self.pictures[i](x, w[:, 2 * i + 1]) + self.biases[i][:, None, None]
        return picture.clamp(-CLAMP, CLAMP)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        w = self.styles(z, y)
        if self.training:  # the first layer is never mixed
            self.mean.lerp_(mean([w[:, 0].detach().mean(0).to(self.mean)])[0], 1 - CENTRE_DECAY)
        return self.synthesise(w)


class Halving(nn.Module):
    """(N, a, H, W) -> (N, b, H/2, W/2): two 3 x 3 convolutions; `residual`: and a 1 x 1 beside, each by sqrt(1/2)."""

    def __init__(self, a: PositiveInt, b: PositiveInt, residual: bool) -> None:
        super().__init__()
        self.first, self.second = EqualisedConv(a, a, 3), EqualisedConv(a, b, 3, halve=True)
        self.skip = EqualisedConv(a, b, 1, bias=False, halve=True) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        h = activated(self.first(x))
        if self.skip is None:
            return activated(self.second(h))
        gain = math.sqrt(0.5)
        return gain * self.skip(x) + activated(self.second(h), gain)


class StyleGAN2Discriminator(nn.Module):
    """x (N, C, H, W) -> logits (N,), or <phi(x), f(y)> / sqrt(n) with classes: f a mapping like G's, of n numbers.

    `width` and `max_width` as in the generator. A plane of the standard deviation over groups of `group` samples (or
    fewer, which divide the batch) goes before the last convolution. Not `residual`: without skip connections, as the
    authors' configuration for CIFAR-10.
    """

    def __init__(
        self,
        shape: DoublingRectangle,
        num_classes: PositiveInt | None,
        width: PositiveInt = 64,
        max_width: PositiveInt = 512,
        group: PositiveInt = 4,
        residual: bool = True,
    ) -> None:
        super().__init__()
        (height, across), channels = ladder(shape, width, max_width)
        channels.reverse()
        n = channels[-1]
        self.group = group
        self.start = EqualisedConv(shape[0], channels[0], 1)
        self.blocks = nn.Sequential(*(Halving(a, b, residual) for a, b in pairwise(channels)))
        self.conv = EqualisedConv(n + 1, n, 3)
        self.dense = EqualisedLinear(n * height * across, n)
        self.head = EqualisedLinear(n, n if num_classes else 1)
        self.mapping = Mapping(0, num_classes, n) if num_classes else None

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        x = self.blocks(activated(self.start(x)))
        x = activated(self.conv(torch.cat([x, deviation(x, self.group)], 1)))
        features = rectified(self.dense(x.flatten(1)))
        logits = self.head(features)
        if self.mapping is None:
            return DiscriminatorOutput(logits.squeeze(1), features=(features,))
        logits = (logits * self.mapping(None, y)).sum(1) / math.sqrt(logits.shape[1])
        return DiscriminatorOutput(logits, features=(features,))


def deviation(x: Tensor, group: int) -> Tensor:
    """The standard deviation over a group of samples, averaged over features and pixels: (N, C, H, W) -> (N, 1, H, W).

    Of n groups, sample i is in group i mod n. They have as many samples as divide N, up to `group`.
    """
    size = max(k for k in range(1, min(group, len(x)) + 1) if len(x) % k == 0)
    grouped = x.unflatten(0, (size, -1))
    deviations = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    return deviations.repeat(size)[:, None, None, None].expand(-1, 1, *x.shape[2:])
