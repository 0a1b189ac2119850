"""Layers with an equalised learning rate, and modulated convolutions, of StyleGAN2.

Weights are N(0, 1) and scaled in use by 1 / sqrt(fan-in) (Karras et al. 2018, section 4.1), so that Adam moves all
layers alike. Figures that the papers leave open are those of the authors' code, NVlabs/stylegan2-ada-pytorch.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.networks.resampling import Blur, Downsample
from gan_lab.ranges import PositiveFloat, PositiveInt

CLAMP = 256.0  # largest size of an activation, which keeps half precision from overflowing


def rectified(x: Tensor, gain: float = 1.0) -> Tensor:
    """gain sqrt(2) s(x), s a leaky ReLU of slope 0.2: variances stay near where they were."""
    return math.sqrt(2) * gain * F.leaky_relu(x, 0.2)


def activated(x: Tensor, gain: float = 1.0) -> Tensor:
    """The same of a convolution's map, kept within +-256 gain."""
    return rectified(x, gain).clamp(-CLAMP * gain, CLAMP * gain)


class EqualisedLinear(nn.Module):
    """m (W x / sqrt(fan-in) + b): (N, in_features) -> (N, out_features), W from N(0, 1 / m^2).

    m = `lr_multiplier`: the layer learns at m times the rate. b starts at `bias`, and at no other value than 0 where
    m is not 1.
    """

    def __init__(
        self, in_features: PositiveInt, out_features: PositiveInt, bias: float = 0.0, lr_multiplier: PositiveFloat = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias))
        self.gain, self.multiplier = lr_multiplier / math.sqrt(in_features), lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.gain * self.weight, self.multiplier * self.bias)


class EqualisedConv(nn.Module):
    """W * x / sqrt(fan-in) + b, b 0 at first: (N, in_channels, H, W) -> (N, out_channels, H, W).

    `halve`: the map is filtered and every other pixel kept. `kernel` is 1 or 3.
    """

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        kernel: PositiveInt,
        bias: bool = True,
        halve: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        self.gain = 1 / math.sqrt(in_channels * kernel**2)
        self.stride = 2 if halve and kernel == 3 else 1
        self.padding = 0 if self.stride == 2 else kernel // 2
        # A 1 x 1 convolution does not care which pixels are dropped first: those that it need not see.
        self.filter = (Downsample() if kernel == 1 else Blur(2)) if halve else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(self.filter(x), self.gain * self.weight, self.bias, self.stride, self.padding)


class ModulatedConv(nn.Module):
    """W' * x, W'_ijk = s_i d_j W_ijk, d_j = (sum_ik (s_i W_ijk)^2 + 1e-8)^(-1/2) (Karras et al. 2020, eqs. 1 and 3).

    x (N, in_channels, H, W) and w (N, dim) -> (N, out_channels, H, W), s (N, in_channels) affine in w and 1 at first.
    As s and d do not depend on the pixel they scale the maps, not the weights, of which there are N sets. `double`:
    the convolution is a transposed one, and its map, of twice the size, is filtered. d = 1 without `demodulate`, and
    the rate is equalised then.
    """

    def __init__(
        self,
        in_channels: PositiveInt,
        out_channels: PositiveInt,
        dim: PositiveInt,
        kernel: PositiveInt = 3,
        double: bool = False,
        demodulate: bool = True,
    ) -> None:
        super().__init__()
        self.affine = EqualisedLinear(dim, in_channels, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.demodulate, self.padding = demodulate, kernel // 2
        self.gain = 1.0 if demodulate else 1 / math.sqrt(in_channels * kernel**2)
        # Times 4, since three in four of the pixels that the filter meets are empty.
        self.filter = Blur(1, gain=4.0) if double else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        s = self.gain * self.affine(w)
        x = x * s[:, :, None, None]
        if self.filter is None:
            x = F.conv2d(x, self.weight, padding=self.padding)
        else:
            x = self.filter(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2))
        if self.demodulate:
            d = (s.square() @ self.weight.square().sum((2, 3)).T + 1e-8).rsqrt()
            x = x * d[:, :, None, None]
        return x
