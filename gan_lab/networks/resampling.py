"""Resamplers with the filter [1, 3, 3, 1] of StyleGAN2 and its successors (Karras et al. 2020, appendix B)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d

from gan_lab.ranges import PositiveFloat, PositiveInt

FILTER = (1.0, 3.0, 3.0, 1.0)  # a side: (1, 2, 1) * (1, 1)


class Resampler(nn.Module):
    """The smoothing that all resamplers share: each channel by itself, with zeros beyond the border."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        side = torch.tensor(FILTER) / sum(FILTER)
        self.register_buffer("kernel", torch.outer(side, side)[None, None], persistent=False)


class Upsample(Resampler):
    """(N, C, H, W) -> (N, C, 2H, 2W): bilinear interpolation, but for the zeros beyond the border."""

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        # Times 4, since three in four of the pixels that the filter meets are empty.
        return conv_transpose2d(x, 4 * self.kernel.expand(channels, 1, -1, -1), stride=2, padding=1, groups=channels)


class Downsample(Resampler):
    """(N, C, H, W) -> (N, C, H/2, W/2): every other pixel of the filtered map."""

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        return conv2d(x, self.kernel.expand(channels, 1, -1, -1), stride=2, padding=1, groups=channels)


class Blur(Resampler):
    """(N, C, H, W) -> (N, C, H + 2 padding - 3, W + 2 padding - 3): the filtered map, times `gain`."""

    def __init__(self, padding: PositiveInt, gain: PositiveFloat = 1.0) -> None:
        super().__init__()
        self.padding, self.gain = padding, gain

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        return conv2d(x, self.gain * self.kernel.expand(channels, 1, -1, -1), padding=self.padding, groups=channels)
