"""Low-pass filters, and the leaky ReLU between two of them, of StyleGAN3 (Karras et al. 2021, section 3, appendix C).

Frequencies are in cycles per side of the image; a map's sampling rate is its pixels per side. All is plain PyTorch: the
authors' CUDA kernel, which keeps the large map between the filters out of memory, is not here.
"""

import math

import numpy as np
import torch
from scipy import signal, special
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.networks.equalised import CLAMP
from gan_lab.ranges import PositiveInt


def low_pass(taps: int, cutoff: float, half_width: float, rate: float, radial: bool = False) -> Tensor:
    """A Kaiser filter of this cutoff and half of its transition band, at this sampling rate, in float32; its sum is 1.

    A side of a separable filter, (taps,), or, `radial`, the same in all directions, (taps, taps): a jinc, J_1(r) / r.
    """
    if not radial:
        side = signal.firwin(taps, cutoff, width=2 * half_width, fs=rate)
        return torch.as_tensor(side, dtype=torch.float32)
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    r = np.pi * np.hypot(x[:, None], x)  # an even number of taps: never 0
    window = np.kaiser(taps, signal.kaiser_beta(signal.kaiser_atten(taps, 2 * half_width / (rate / 2))))
    kernel = special.j1(2 * cutoff * r) / r * np.outer(window, window)
    return torch.as_tensor(kernel / kernel.sum(), dtype=torch.float32)


def enlarged(x: Tensor, side: Tensor, times: int) -> Tensor:
    """(N, C, H, W) with `times` - 1 zeros between pixels, along both axes, filtered: all that is not 0 of it."""
    channels = x.shape[1]
    side = (times * side).expand(channels, 1, 1, -1)
    x = F.conv_transpose2d(x, side, stride=(1, times), groups=channels)
    return F.conv_transpose2d(x, side.mT, stride=(times, 1), groups=channels)


def reduced(x: Tensor, kernel: Tensor, times: int) -> Tensor:
    """(N, C, H, W) filtered, where the filter lies within it; the first of every `times` pixels along both axes."""
    channels = x.shape[1]
    if kernel.ndim == 2:
        return F.conv2d(x, kernel.expand(channels, 1, -1, -1), stride=times, groups=channels)
    across = kernel.expand(channels, 1, 1, -1)
    return F.conv2d(
        F.conv2d(x, across, stride=(1, times), groups=channels), across.mT, stride=(times, 1), groups=channels
    )


class FilteredLeakyReLU(nn.Module):
    """sqrt(2) s(x), s a leaky ReLU of slope 0.2 at `up` times the sampling rate, then 1 / `down` of that one.

    (N, C, size, size) -> (N, C, out_size, out_size), about the same centre. The filters let pass what the map before
    and the one after have room for; what s adds beyond does not fold back.
    """

    rise: Tensor
    fall: Tensor

    def __init__(
        self, size: PositiveInt, out_size: PositiveInt, up: PositiveInt, down: PositiveInt, rise: Tensor, fall: Tensor
    ) -> None:
        super().__init__()
        self.up, self.down = up, down
        self.register_buffer("rise", rise, persistent=False)
        self.register_buffer("fall", fall, persistent=False)
        wanted = (out_size - 1) * down + len(fall)  # pixels along a side between the filters
        # Samples lie in the middle of their pixels (appendix C.3): between the grids lies a half of a finer pixel.
        before = (wanted - size * up + len(rise) - 1 + up) // 2 - (len(rise) - 1)
        after = wanted - before - ((size - 1) * up + len(rise))
        self.margins = [before, after, before, after]  # where negative it is cut off

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(enlarged(x, self.rise, self.up), self.margins)
        return reduced((math.sqrt(2) * F.leaky_relu(x, 0.2)).clamp(-CLAMP, CLAMP), self.fall, self.down)
