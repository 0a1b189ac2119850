"""Wavelet filters: the resolution doubled and halved by sym6, and octaves amplified by sym2."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Scaling filters h of Daubechies' least asymmetric wavelets (Ten Lectures on Wavelets, 1992, section 8.1), in their
# orthonormal form: sum_k h_k = sqrt 2 and sum_k h_k h_(k + 2n) = [n = 0].
SYM2 = tuple((a + b * math.sqrt(3)) / (4 * math.sqrt(2)) for a, b in ((1, -1), (3, -1), (3, 1), (1, 1)))
SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip


def _octaves() -> Tensor:
    """Four filters (4, 43) of zero phase that add up to 1: of all below pi / 8, and of the three octaves above it.

    With P(z) = H(z) H(1/z) / 2 of sym2, which halves the band: P(z) P(z^2) P(z^4), then P(-z) at scales 4, 2 and 1.
    """
    low = np.convolve(SYM2, SYM2[::-1]) / 2
    high = low * (-1.0) ** np.arange(1, len(low) + 1)
    bank = np.ones((1, 1))
    for _ in range(3):
        spread = np.zeros((len(bank), 2 * bank.shape[1] - 1))
        spread[:, ::2] = bank
        coarse = np.stack([np.convolve(band, low) for band in spread])
        bank = np.vstack([coarse, np.pad(high, (coarse.shape[1] - len(high)) // 2)])
    return torch.from_numpy(bank)


OCTAVES = _octaves()


def doubling(side: int, margin: int, like: Tensor) -> Tensor:
    """The matrix (2 side + 4 margin, side) that reflects `side` pixels by a margin and doubles the resolution by sym6.

    What lies beyond is 0. The pixels' own places are the even rows.
    """
    pixels = reflected(torch.eye(side, dtype=like.dtype, device=like.device)[None, None], (margin, 0))
    return F.conv_transpose2d(pixels, _taps(like) * math.sqrt(2), stride=(2, 1), padding=(5, 0))[0, 0]


def halving(side: int, like: Tensor) -> Tensor:
    """Half the transpose of `doubling`: the matrix (side, 2 side + 10) that takes half pixels, five more each way."""
    halves = torch.eye(2 * side + 10, dtype=like.dtype, device=like.device)[None, None]
    return F.conv2d(halves, _taps(like) / math.sqrt(2), stride=(2, 1))[0, 0]


def amplified(x: Tensor, gains: Tensor) -> Tensor:
    """x with each of its four octaves times a gain (N, 4), along rows and columns; x is reflected at its edges."""
    n, channels, *_ = x.shape
    margin = OCTAVES.shape[1] // 2
    taps = (gains.to(x.dtype) @ OCTAVES.to(x)).repeat_interleave(channels, 0)[:, None]
    image = reflected(x, (margin, margin)).flatten(0, 1)[None]
    image = F.conv2d(image, taps[..., None], groups=n * channels)
    return F.conv2d(image, taps[:, :, None], groups=n * channels).unflatten(1, (n, channels))[0]


def reflected(x: Tensor, margin: tuple[int, int]) -> Tensor:
    """x with a margin of rows and of columns, reflected at its outermost pixels as often as it takes."""
    for axis, more in zip((2, 3), margin, strict=True):
        last = x.shape[axis] - 1
        place = torch.arange(-more, last + more + 1, device=x.device)
        x = x.index_select(axis, last - (place.remainder(max(2 * last, 1)) - last).abs())
    return x


def _taps(like: Tensor) -> Tensor:
    return torch.tensor(SYM6, dtype=like.dtype, device=like.device).view(1, 1, -1, 1)
