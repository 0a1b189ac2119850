"""Layers that torch.nn lacks."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_lab.ranges import PositiveInt, UnitInterval


class Maxout(nn.Module):
    """max_j (W_j x + b_j) over `pieces` affine maps, for each of `out_features` units (Goodfellow et al. 2013, eq. 3).

    (N, in_features) -> (N, out_features). `dropout` is the share of the units that is dropped.
    """

    def __init__(
        self,
        in_features: PositiveInt,
        out_features: PositiveInt,
        pieces: PositiveInt = 5,
        dropout: UnitInterval = 0.0,
    ) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(in_features, out_features * pieces)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear(x).unflatten(-1, (-1, self.pieces)).amax(-1))


class Dense(nn.Sequential):
    """An affine map, a normalisation if so asked, and a nonlinearity: (N, in_features) -> (N, out_features).

    With `norm`, called with the width, the map has no bias of its own: the normalisation would take it out.
    """

    def __init__(
        self,
        in_features: PositiveInt,
        out_features: PositiveInt,
        activation: Callable[[], nn.Module],
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        norms = [] if norm is None else [norm(out_features)]
        super().__init__(nn.Linear(in_features, out_features, bias=norm is None), *norms, activation())


class SymmetricSigmoid(nn.Module):
    """2 sigmoid(t) - 1: the sigmoid output of a model of data in [0, 1], for data in [-1, 1]."""

    def forward(self, t: Tensor) -> Tensor:
        return 2 * torch.sigmoid(t) - 1

    def inverse(self, x: Tensor) -> Tensor:
        """t from x, kept within 1e-7 of the ends."""
        return torch.logit((x + 1) / 2, eps=1e-7)


class UnitInput(nn.Module):
    """Data in [-1, 1] as a network for data in [0, 1] sees it: (x + 1) / 2, with a share `dropout` of it dropped."""

    def __init__(self, dropout: UnitInterval = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout((x + 1) / 2)
