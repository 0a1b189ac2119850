"""R3GAN: residual networks without normalisation for both players (Huang et al. 2024, section 4).

Figures that the paper leaves open are those of the authors' code, brownvc/R3GAN.
"""

import math

import torch
from torch import Tensor, nn

from gan_lab.networks.ladder import ladder
from gan_lab.networks.resampling import Downsample, Upsample
from gan_lab.ranges import DoublingRectangle, PositiveInt
from gan_lab.types import DiscriminatorOutput

SLOPE = 0.2  # of every leaky ReLU


def _msr(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """Weights from N(0, gain^2 / fan-in), so that variances grow by gain^2 (He et al. 2015); biases 0."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _project(a: int, b: int) -> list[nn.Module]:
    """From a channels to b, pixel by pixel; nothing where they are as many."""
    return [] if a == b else [_msr(nn.Conv2d(a, b, 1, bias=False))]


class ResidualBlock(nn.Module):
    """x + W3 s(W2 s(W1 x + b1) + b2): an inverted bottleneck, (N, width, H, W) to the same, s a leaky ReLU.

    W1 and W3 are 1 x 1 convolutions to `expansion` times as many channels and back; W2 is a 3 x 3 convolution in
    groups of `group_width` channels (ResNeXt's cardinality is expansion * width / group_width). Biases stand before
    nonlinearities only.

    It starts as Fixup has it (Zhang et al. 2019): W3 is 0 and the block the identity; W1 and W2 undo the loss of
    variance in s and are scaled by depth^(-1/4), that W3 may see a second moment of 1 / depth of x's. `depth` is the
    number of blocks in the network.

    Raises:
        ValueError: the groups do not divide the channels.
    """

    def __init__(
        self, width: PositiveInt, expansion: PositiveInt, group_width: PositiveInt, depth: PositiveInt
    ) -> None:
        super().__init__()
        wide = expansion * width
        if wide % group_width != 0:
            raise ValueError(f"group_width={group_width} must divide a block's {wide} inner channels")
        gain = math.sqrt(2 / (1 + SLOPE**2)) * depth**-0.25
        self.branch = nn.Sequential(
            _msr(nn.Conv2d(width, wide, 1), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            _msr(nn.Conv2d(wide, wide, 3, padding=1, groups=wide // group_width), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            _msr(nn.Conv2d(wide, width, 1, bias=False), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class R3GANGenerator(nn.Module):
    """z (N, latent_dim) -> (N, C, H, W): a learned constant, channel by channel times a linear form of z; then blocks.

    `width` is the number of channels of the largest map; it doubles with every halving up to `max_width`. Each map
    has `blocks` blocks. Nothing bounds the samples: there is no last nonlinearity.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: DoublingRectangle,
        width: PositiveInt = 96,
        max_width: PositiveInt = 768,
        blocks: PositiveInt = 2,
        expansion: PositiveInt = 2,
        group_width: PositiveInt = 16,
    ) -> None:
        super().__init__()
        sides, widths = ladder(shape, width, max_width)
        self.basis = nn.Parameter(torch.randn(widths[0], *sides))
        self.modulation = _msr(nn.Linear(latent_dim, widths[0], bias=False))
        layers: list[nn.Module] = []
        for i, channels in enumerate(widths):
            if i > 0:
                layers += [*_project(widths[i - 1], channels), Upsample()]
            layers += [ResidualBlock(channels, expansion, group_width, blocks * len(widths)) for _ in range(blocks)]
        self.net = nn.Sequential(*layers, _msr(nn.Conv2d(widths[-1], shape[0], 1, bias=False)))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.net(self.basis * self.modulation(z)[:, :, None, None])


class R3GANDiscriminator(nn.Module):
    """x (N, C, H, W) -> logits (N,): the generator's mirror image, parameters alike.

    The smallest map is weighed and summed channel by channel (a depthwise convolution of its own size); these sums are
    the features, and the logit is a linear form of them, without a bias.
    """

    def __init__(
        self,
        shape: DoublingRectangle,
        width: PositiveInt = 96,
        max_width: PositiveInt = 768,
        blocks: PositiveInt = 2,
        expansion: PositiveInt = 2,
        group_width: PositiveInt = 16,
    ) -> None:
        super().__init__()
        sides, widths = ladder(shape, width, max_width)
        widths.reverse()
        layers = [_msr(nn.Conv2d(shape[0], widths[0], 1, bias=False))]
        for i, channels in enumerate(widths):
            if i > 0:
                layers += [Downsample(), *_project(widths[i - 1], channels)]
            layers += [ResidualBlock(channels, expansion, group_width, blocks * len(widths)) for _ in range(blocks)]
        self.trunk = nn.Sequential(*layers)
        self.basis = _msr(nn.Conv2d(widths[-1], widths[-1], sides, groups=widths[-1], bias=False))
        self.head = _msr(nn.Linear(widths[-1], 1, bias=False))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.basis(self.trunk(x)).flatten(1)
        return DiscriminatorOutput(self.head(features).squeeze(1), features=(features,))
