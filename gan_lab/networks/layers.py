"""Layers that torch.nn lacks."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt, UnitInterval


class Maxout(nn.Module):
    """max_j (W_j x + b_j) over `pieces` affine maps, for each of `out_features` units (Goodfellow et al. 2013, eq. 3).

    (N, in_features) -> (N, out_features). `dropout` is the share of the units that is dropped.
    """

    seeds_together: ClassVar[bool] = True

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
        return self.dropout(_Largest.apply(self.linear(x), self.pieces))


class _Largest(torch.autograd.Function):
    """The largest of every k neighbours: (..., n k) -> (..., n). Those that tie share its gradient.

    It is `amax` to the bit, in half the time: torch counts ties as truth values, one by one, and these are numbers.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, k: int) -> Tensor:
        pieces = x.unflatten(-1, (-1, k)).movedim(-1, 0).contiguous()
        largest = pieces.amax(0)
        ctx.save_for_backward(pieces, largest)
        return largest

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Any:
        pieces, largest = ctx.saved_tensors
        ties = torch.eq(pieces, largest, out=torch.empty_like(pieces))
        return (ties * (gradient[0] / ties.sum(0))).movedim(0, -1).flatten(-2), None


class Dense(nn.Sequential):
    """An affine map, a normalisation if so asked, and a nonlinearity: (N, in_features) -> (N, out_features).

    With `norm`, called with the width, the map has no bias of its own: the normalisation would take it out.
    """

    seeds_together: ClassVar[bool] = True

    def __init__(
        self,
        in_features: PositiveInt,
        out_features: PositiveInt,
        activation: Callable[[], nn.Module],
        norm: Callable[[int], nn.Module] | None = None,
    ) -> None:
        norms = [] if norm is None else [norm(out_features)]
        super().__init__(nn.Linear(in_features, out_features, bias=norm is None), *norms, activation())


class WeightNormLinear(nn.Linear):
    """g v / ||v|| x + b, for each unit a direction v, a length g and a bias b (Salimans & Kingma 2016, eq. 2).

    (N, in_features) -> (N, out_features). `weight` holds the v, of which only the direction matters. g starts at 1;
    it is learnt with `learn_length`, else stays where it was set.
    """

    def __init__(self, in_features: PositiveInt, out_features: PositiveInt, learn_length: bool = True) -> None:
        super().__init__(in_features, out_features)
        self.length = nn.Parameter(torch.ones(out_features), requires_grad=learn_length)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        # The output is scaled, not the weights, of which there are more. (torch's weight_norm, which scales these in
        # one pass, has wrong second derivatives.)
        return F.linear(x, self.weight) * (self.length / self.weight.norm(dim=1)) + self.bias

    @torch.no_grad()
    def standardise(self, x: Tensor) -> None:
        """Set g and b so that each unit has mean 0 and variance 1 on x (section 3 there)."""
        self.length.fill_(1), self.bias.zero_()
        t = self(x)
        std = t.std(0, correction=0)
        self.length.div_(std)
        self.bias.copy_(-t.mean(0) / std)


class ShiftedBatchNorm(nn.BatchNorm1d):
    """x^ + b, x^ being x (N, C) normalised over the batch: batch normalisation without a learnt scale."""

    def __init__(
        self, num_features: PositiveInt, eps: PositiveFloat = 1e-6, momentum: UnitInterval = 0.1, affine: bool = True
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)
        if affine:
            self.weight.requires_grad_(False)


class GaussianNoise(nn.Module):
    """x + sigma eps, eps ~ N(0, 1) for each coordinate; in training mode only."""

    def __init__(self, sigma: NonNegativeFloat) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return x.add(torch.randn_like(x), alpha=self.sigma) if self.training and self.sigma > 0 else x


class SymmetricSigmoid(nn.Module):
    """2 sigmoid(t) - 1: the sigmoid output of a model of data in [0, 1], for data in [-1, 1]."""

    seeds_together: ClassVar[bool] = True

    def forward(self, t: Tensor) -> Tensor:
        return 2 * torch.sigmoid(t) - 1

    def inverse(self, x: Tensor) -> Tensor:
        """t from x, kept within 1e-7 of the ends."""
        return torch.logit((x + 1) / 2, eps=1e-7)


class UnitInput(nn.Module):
    """Data in [-1, 1] as a network for data in [0, 1] sees it: (x + 1) / 2, with a share `dropout` of it dropped."""

    seeds_together: ClassVar[bool] = True

    def __init__(self, dropout: UnitInterval = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout((x + 1) / 2)
