"""StyleGAN3: a generator whose details move with what they belong to (Karras et al. 2021).

What the paper leaves open, and classes, are as in the authors' code, NVlabs/stylegan3. The discriminator is that
of StyleGAN2.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.distributed.collectives import mean
from gan_lab.errors import UserError
from gan_lab.networks.equalised import CLAMP, EqualisedLinear
from gan_lab.networks.filtered import FilteredLeakyReLU, low_pass
from gan_lab.networks.stylegan2 import Mapping
from gan_lab.ranges import PositiveInt, PowerOfTwoSquare, UnitInterval

FIRST_CUTOFF, FIRST_STOPBAND = 2.0, 2**2.1  # of the first map, in cycles per image
LAST_STOPBAND = 2**0.3  # of the last one, in units of its cutoff
CRITICAL = 2  # layers at the end that use all frequencies of their sampling rate
MARGIN = 10  # pixels around the image
TAPS = 6  # of a filter, for each pixel of the coarser map
SCALE = 0.25  # of the image
CENTRE_DECAY = 0.998  # of the mean of w, per batch (or part of one, with gan.accumulate)


class Band(NamedTuple):
    """What a map has room for: signals up to `cutoff`, over `half_width` faded out, at a sampling rate; its size."""

    cutoff: float
    half_width: float
    rate: int
    size: int


def bands(resolution: int, layers: int) -> list[Band]:
    """Of the maps behind each layer, the last of which makes the image.

    Cutoffs and stopbands grow geometrically, up to the layers that are sampled critically (section 3.2, appendix C.1).

    Raises:
        UserError: there are too few layers to grow over.
    """
    if layers <= CRITICAL:
        raise UserError(f"model.generator.layers={layers}: must be at least {CRITICAL + 1}")
    last = resolution / 2
    found = []
    for i in range(layers + 1):
        share = min(i / (layers - CRITICAL), 1)
        cutoff = FIRST_CUTOFF * (last / FIRST_CUTOFF) ** share
        stopband = FIRST_STOPBAND * (last * LAST_STOPBAND / FIRST_STOPBAND) ** share
        rate = 2 ** math.ceil(math.log2(min(2 * stopband, resolution)))
        size = resolution if i >= layers - 1 else rate + 2 * MARGIN
        found.append(Band(cutoff, max(stopband, rate / 2) - cutoff, rate, size))
    return found


class FourierFeatures(nn.Module):
    """w (N, dim) -> (N, channels, size, size): a linear map of sin 2 pi (<f, R (p - t)> + phase) at each place p.

    Frequencies f within the band and phases are drawn once; the rotation R and the shift t are affine in w and none at
    first.
    """

    frequencies: Tensor
    phases: Tensor
    places: Tensor

    def __init__(self, dim: PositiveInt, channels: PositiveInt, band: Band) -> None:
        super().__init__()
        f = torch.randn(channels, 2)
        squares = f.square().sum(1, keepdim=True)
        self.register_buffer("frequencies", band.cutoff * f / (squares.sqrt() * squares.exp().pow(0.25)))
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        places = (torch.arange(band.size) + 0.5 - band.size / 2) / band.rate
        self.register_buffer("places", places, persistent=False)
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = EqualisedLinear(dim, 4)
        nn.init.zeros_(self.affine.weight)
        self.affine.bias.data[0] = 1.0  # (cos, sin, t_x, t_y)

    def forward(self, w: Tensor) -> Tensor:
        t = self.affine(w)
        cos, sin, across, down = (t / t[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        rotation = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
        f = self.frequencies @ rotation
        phases = self.phases - (f @ torch.stack([across, down], 1)[:, :, None]).squeeze(2)
        along = f[:, :, :, None] * self.places
        angles = phases[:, :, None, None] + along[:, :, 1, :, None] + along[:, :, 0, None, :]
        gain = 1 / math.sqrt(len(self.weight))
        return torch.einsum("oc,nchw->nohw", gain * self.weight, torch.sin(2 * math.pi * angles))


class AliasFreeLayer(nn.Module):
    """A modulated convolution and a filtered leaky ReLU; the `last` layer of the network is an affine map alone.

        W' * x / m + b,   W'_ijk = s_i d_j W_ijk

    (N, in_channels, H, W) and w (N, dim) -> (N, out_channels, H', W'). s is affine in w; d is such that W' has length 1
    for each output, and 1 in the last layer. m is the moving root mean square of x in training, which `forward` takes
    part in with `track`.
    """

    magnitude: Tensor

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        dim: PositiveInt,
        before: Band,
        after: Band,
        decay: UnitInterval,
        kernel: PositiveInt = 3,
        radial: bool = False,
        last: bool = False,
    ) -> None:
        super().__init__()
        self.last, self.decay, self.padding = last, decay, kernel - 1
        self.affine = EqualisedLinear(dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("magnitude", torch.ones(()))
        rate = 2 * max(before.rate, after.rate)
        up, down = rate // before.rate, rate // after.rate
        self.nonlinear = None if last else FilteredLeakyReLU(
            before.size + kernel - 1, after.size, up, down,
            low_pass(TAPS * up, before.cutoff, before.half_width, rate),
            low_pass(TAPS * down, after.cutoff, after.half_width, rate, radial),
        )  # fmt: skip

    def forward(self, x: Tensor, w: Tensor, track: bool = False) -> Tensor:
        if track:
            square = mean([x.detach().to(self.magnitude).square().mean()])[0]
            self.magnitude.lerp_(square, 1 - self.decay)
        s = self.affine(w)
        if self.nonlinear is None:
            gain = 1 / math.sqrt(self.weight.shape[1])
            x = F.conv2d(x * (gain * self.magnitude.rsqrt() * s)[:, :, None, None], self.weight)
            return (x + self.bias[:, None, None]).clamp(-CLAMP, CLAMP)
        weight = self.weight * self.weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
        s = s * s.square().mean(1, keepdim=True).rsqrt()
        d = (s.square() @ weight.square().sum((2, 3)).T + 1e-8).rsqrt()
        x = F.conv2d(x * (self.magnitude.rsqrt() * s)[:, :, None, None], weight, padding=self.padding)
        out: Tensor = self.nonlinear(x * d[:, :, None, None] + self.bias[:, None, None])
        return out


class StyleGAN3Generator(nn.Module):
    """z (N, latent_dim), y (N,) -> (N, C, H, H): Fourier features through `layers` alias-free ones, and one to colours.

    `width` is the number of channels of the largest map; the others have more as their cutoff is lower, up to
    `max_width`. StyleGAN3-T has 3 x 3 convolutions and moves with shifts; StyleGAN3-R (`rotation`) has 1 x 1 ones and
    round filters, and moves with rotations, too. There are `mapping` layers between z and w, of `dim` numbers. Nothing
    bounds the samples. w is (N, layers + 2, dim): one for the features, one for each layer.
    """

    mean: Tensor

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: PowerOfTwoSquare,
        num_classes: PositiveInt | None,
        width: PositiveInt = 128,
        max_width: PositiveInt = 512,
        dim: PositiveInt = 512,
        mapping: PositiveInt = 2,
        layers: PositiveInt = 14,
        rotation: bool = False,
        magnitude_decay: UnitInterval = 0.999,
    ) -> None:
        super().__init__()
        maps = bands(shape[1], layers)
        channels = [*(round(min(width * maps[-1].cutoff / band.cutoff, max_width)) for band in maps[:-1]), shape[0]]
        self.mapping = Mapping(latent_dim, num_classes, dim, mapping)
        self.features = FourierFeatures(dim, channels[0], maps[0])
        self.layers = nn.ModuleList(
            AliasFreeLayer(
                a, b, dim, before, after, magnitude_decay,
                kernel=1 if rotation or i == layers else 3, radial=rotation and i < layers - CRITICAL, last=i == layers,
            )
            for i, ((a, b), (before, after)) in enumerate(
                zip(pairwise([channels[0], *channels]), pairwise([maps[0], *maps]), strict=True)
            )
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(dim))

    @property
    def centre(self) -> Tensor:
        return self.mean

    def styles(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.mapping(z, y)[:, None].expand(-1, len(self.layers) + 1, -1)

    def synthesise(self, w: Tensor, track: bool = False) -> Tensor:
        x = self.features(w[:, 0])
        for i, layer in enumerate(self.layers, start=1):
            x = layer(x, w[:, i], track)
        return SCALE * x

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        w = self.styles(z, y)
        if self.training:
            self.mean.lerp_(mean([w[:, 0].detach().mean(0).to(self.mean)])[0], 1 - CENTRE_DECAY)
        return self.synthesise(w, track=self.training)
