"""Pairwise distances of two sets of points in chunks, and the checks that metrics share."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gan_lab.errors import UserError

TWINS = 1e-12  # of the squared norms: what a matrix product leaves between equal points is a thousandth of it


def paired(real: Tensor, fake: Tensor, least: int = 2) -> None:
    """Two clouds (N, d) and (M, d) of `least` finite points or more.

    Raises:
        UserError: they are something else.
    """
    shapes = f"real {tuple(real.shape)} and fake {tuple(fake.shape)}"
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise UserError(f"{shapes}: must be points (N, d) and (M, d) of one dimension d; flatten images first")
    if min(len(real), len(fake)) < least:
        raise UserError(f"{shapes}: this measure needs {least} points or more of each")
    if not (real.isfinite().all() and fake.isfinite().all()):
        raise UserError(f"{shapes}: must be finite, and hold NaN or infinity")


def squared_distances(points: Tensor, others: Tensor, chunk: int) -> Iterator[Tensor]:
    """Rows of squared Euclidean distances (chunk, M) of points (N, d) to others (M, d), in order, in float64.

    By matrix products, of points moved to the others' mean, which takes nothing from near pairs that are far from the
    origin. Points nearer than a millionth of their norm count as equal: exactly 0, as they do not after rounding.
    """
    centre = others.double().mean(dim=0)
    y = others.double() - centre
    y_norms = y.square().sum(dim=1)
    for part in points.split(chunk):
        x = part.double() - centre
        norms = x.square().sum(dim=1, keepdim=True) + y_norms
        squared = (x @ y.T).mul_(-2).add_(norms)  # in place: there are chunk x M of them
        yield squared.masked_fill_(squared < norms.mul_(TWINS), 0)


class Neighbours(NamedTuple):
    """The k nearest of each of N points: Euclidean distances (N, k) float64, rising, and indices (N, k) int64."""

    distances: Tensor
    indices: Tensor


def nearest(points: Tensor, others: Tensor | None = None, k: int = 1, chunk: int = 1000) -> Neighbours:
    """The k nearest of `others` (M, d) to each of `points` (N, d); where None, of the other points than itself.

    Holds chunk x M distances at a time. Of others at the same distance, any may be named.

    Raises:
        UserError: there are fewer than k others.
    """
    among = points if others is None else others
    available = len(among) - (others is None)
    if not 1 <= k <= available:
        raise UserError(f"k={k}: must be 1 to {available}, the number of points to be near to")
    found, start = [], 0
    for rows in squared_distances(points, among, chunk):
        if others is None:
            rows[:, start : start + len(rows)].fill_diagonal_(torch.inf)
            start += len(rows)
        found.append(rows.topk(k, largest=False))
    return Neighbours(torch.cat([f.values for f in found]).sqrt(), torch.cat([f.indices for f in found]))
