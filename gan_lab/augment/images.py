"""Differentiable transformations of images (N, C, H, W), with one set of numbers per image."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.augment.wavelets import doubling, halving


def each(v: Tensor) -> Tensor:
    """A number for each image, (N,), as (N, 1, 1, 1)."""
    return v.view(-1, 1, 1, 1)


def contrast(x: Tensor, c: Tensor) -> Tensor:
    """m + c (x - m), with m the mean of the image over channels and places; c (N,)."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + each(c) * (x - mean)


def saturation(x: Tensor, s: Tensor) -> Tensor:
    """m + s (x - m), with m the luma: the mean over channels at each place; s (N,). Grey images stay as they are."""
    luma = x.mean(1, keepdim=True)
    return luma + each(s) * (x - luma)


def hue(x: Tensor, angle: Tensor) -> Tensor:
    """The colours (C = 3) turned about the grey axis v by an angle (N,) in radians. Grey images stay as they are.

    With d = x - luma, which is orthogonal to v, Rodrigues' formula is luma + d cos(angle) + (v x d) sin(angle).
    """
    luma = x.mean(1, keepdim=True)
    d = x - luma
    across = (d.roll(1, 1) - d.roll(-1, 1)) / math.sqrt(3)
    return luma + d * each(angle.cos()) + across * each(angle.sin())


def warp(x: Tensor, linear: Tensor, shift: Tensor, fill: float | None = None) -> Tensor:
    """The image x at the places L (q - c - t) + c, for each place q = (row, column) of the new one, c the middle.

    So the content moves by t (N, 2), in pixels, after it was transformed by the inverse of L (N, 2, 2). Bilinear, and
    exact where the places are those of pixels. Outside, the image is `fill`, or reflected at its outermost pixels.
    """
    size = torch.tensor(x.shape[2:], device=x.device)
    last = (size - 1).view(1, 2, 1, 1)
    q = torch.stack(torch.meshgrid(*(torch.arange(n, device=x.device) for n in x.shape[2:]), indexing="ij"))
    place = torch.einsum("nij,njhw->nihw", linear, q - last / 2 - shift[:, :, None, None]) + last / 2
    if fill is not None:
        outside = ((place < 0) | (place > last)).any(1, keepdim=True)
        return torch.where(outside, fill, _at(x, place.clamp(last * 0, last)))
    return _at(x, last - (place.remainder(2 * last.clamp_min(1)) - last).abs())


def filtered_warp(x: Tensor, maps: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """`warp` by each of the maps (L, t), the last one first, all at once and between two passes of a wavelet filter.

    x is reflected by all but its outermost pixels, and 0 farther off. It is resampled bilinearly at twice its
    resolution, to which sym6 takes it and from which its adjoint takes it back: without a map nothing changes.
    """
    margin = [max(side - 1, 3) for side in x.shape[2:]]
    rows, columns = (doubling(side, more, x) for side, more in zip(x.shape[2:], margin, strict=True))
    fine = F.pad(rows @ x @ columns.mT, (1, 1, 1, 1))
    middle = (torch.tensor(x.shape[2:], device=x.device) - 1).view(1, 2, 1, 1) / 2
    q = [torch.arange(2 * side + 10, device=x.device) / 2 - 2.5 for side in x.shape[2:]]  # each half pixel
    place = (torch.stack(torch.meshgrid(*q, indexing="ij")) - middle).expand(len(x), -1, -1, -1)
    for linear, shift in reversed(maps):
        place = torch.einsum("nij,njhw->nihw", linear, place - shift[:, :, None, None])
    place = 2 * (place + middle + torch.tensor(margin, device=x.device).view(1, 2, 1, 1)) + 1
    last = torch.tensor(fine.shape[2:], device=x.device).view(1, 2, 1, 1) - 1
    rows, columns = (halving(side, x) for side in x.shape[2:])
    return rows @ _at(fine, place.clamp(last * 0, last)) @ columns.mT


def _at(x: Tensor, place: Tensor) -> Tensor:
    """x (N, C, ...) at places (N, 2, H, W) within it, (N, C, H, W): a weighted sum of four pixels.

    torch's own grid_sample has no second derivative, which a penalty on D's gradient takes.
    """
    height, width = x.shape[2:]
    low = place.floor()
    share_row, share_column = (place - low).to(x.dtype).unsqueeze(2).unbind(1)
    (row, column), flat = low.long().unbind(1), x.flatten(2)

    def pixel(r: Tensor, c: Tensor) -> Tensor:
        index = r.clamp(0, height - 1) * width + c.clamp(0, width - 1)
        return flat.gather(2, index.flatten(1)[:, None].expand(-1, x.shape[1], -1)).unflatten(2, place.shape[2:])

    upper = torch.lerp(pixel(row, column), pixel(row, column + 1), share_column)
    lower = torch.lerp(pixel(row + 1, column), pixel(row + 1, column + 1), share_column)
    return torch.lerp(upper, lower, share_row)


def cut_out(x: Tensor, middle: Tensor, size: Tensor) -> Tensor:
    """x with a box of 0 (grey) around `middle`, of this size, both (N, 2) in whole pixels; it may stick out."""
    places = torch.meshgrid(*(torch.arange(n, device=x.device) for n in x.shape[2:]), indexing="ij")
    start = (middle - size // 2).unbind(1)
    inside = [
        (place >= first[:, None, None]) & (place < (first + length)[:, None, None])
        for place, first, length in zip(places, start, size.unbind(1), strict=True)
    ]
    return x.masked_fill((inside[0] & inside[1])[:, None], 0.0)
