"""Resizers: the filters by which evaluators bring pictures to their network's size.

Which one it is moves a Frechet distance by more than what many papers improve (Parmar, Zhang & Zhu 2022); so it is part
of a figure's procedure. Each takes pictures (N, 3, H, W) uint8 to (N, 3, size, size) float32 of the same range,
0 to 255; they are stretched where they are no squares.
"""

from typing import ClassVar, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F


class Resizer(Protocol):
    """A filter with a name, which figures made through it carry."""

    name: ClassVar[str]

    def __call__(self, pixels: Tensor, size: int) -> Tensor: ...


class TensorFlowBilinear:
    """Bilinear without antialiasing as TensorFlow 1 has it, corners not aligned: that of the original FID.

    Pixel i of the result lies at i H / size: the picture is shifted by up to half a pixel, which is why other bilinear
    filters give other figures (image_resizer_state.h and resize_bilinear_op.cc of TensorFlow 1).
    """

    name: ClassVar[str] = "bilinear of TensorFlow 1, not antialiased"

    def __call__(self, pixels: Tensor, size: int) -> Tensor:
        x = pixels.float()
        for dim in (3, 2):
            length = x.shape[dim]
            at = torch.arange(size, device=x.device, dtype=torch.float32) * torch.tensor(length / size)
            low = at.long()
            weight = (at - low).view(-1, *[1] * (3 - dim))
            left, right = x.index_select(dim, low), x.index_select(dim, (low + 1).clamp_max(length - 1))
            x = left + (right - left) * weight
        return x


class CleanBicubic:
    """Bicubic with antialiasing by Pillow, each channel in floating point, clipped to 0..255: that of clean-fid."""

    name: ClassVar[str] = "bicubic of clean-fid, antialiased"

    def __call__(self, pixels: Tensor, size: int) -> Tensor:
        channels = pixels.cpu().flatten(0, 1).float().numpy()
        resized = [np.asarray(Image.fromarray(c).resize((size, size), Image.Resampling.BICUBIC)) for c in channels]
        found = torch.from_numpy(np.stack(resized)).clamp_(0, 255)
        return found.view(*pixels.shape[:2], size, size).to(pixels.device)


class PillowBicubic:
    """Bicubic with antialiasing by Pillow, rounded to bytes: that of CLIP's and DINOv2's own transforms."""

    name: ClassVar[str] = "bicubic of Pillow, antialiased, in bytes"

    def __call__(self, pixels: Tensor, size: int) -> Tensor:
        pictures = pixels.cpu().permute(0, 2, 3, 1).contiguous().numpy()
        resized = [np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BICUBIC)) for p in pictures]
        return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).float().to(pixels.device)


class Bilinear:
    """PyTorch's bilinear without antialiasing, corners not aligned: that of pytorch-fid."""

    name: ClassVar[str] = "bilinear of PyTorch, not antialiased"

    def __call__(self, pixels: Tensor, size: int) -> Tensor:
        return F.interpolate(pixels.float(), (size, size), mode="bilinear", align_corners=False)


class BilinearAntialiased:
    """PyTorch's bilinear with antialiasing: that of `features=efficientnet_lite0`."""

    name: ClassVar[str] = "bilinear, antialiased"

    def __call__(self, pixels: Tensor, size: int) -> Tensor:
        return F.interpolate(pixels.float(), (size, size), mode="bilinear", antialias=True)
