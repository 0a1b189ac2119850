"""Layers of S networks at once, for batches (S N, ...) of which each network has N rows.

Whatever acts on each row by itself, such as a nonlinearity, serves a stacked batch as it is.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StackedLinear(nn.Module):
    """x W_k' + b_k for the rows of member k: (S N, in_features) -> (S N, out_features).

    `weight` is (S, out_features, in_features), `bias` (S, out_features) or None, at first `linear`'s for all members.
    """

    def __init__(self, linear: nn.Linear, members: int) -> None:
        super().__init__()
        self.members = members
        self.weight = _repeated(linear.weight, members)
        self.bias = None if linear.bias is None else _repeated(linear.bias, members)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.unflatten(0, (self.members, -1))
        if self.bias is None:
            return torch.bmm(rows, self.weight.mT).flatten(0, 1)
        return torch.baddbmm(self.bias.unsqueeze(1), rows, self.weight.mT).flatten(0, 1)


class StackedDropout(nn.Module):
    """Dropout that draws the rows of member k from its own generator, as that member's network would by itself."""

    def __init__(self, p: float, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        self.p, self.generators = p, generators

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        parts = zip(x.chunk(len(self.generators)), self.generators, strict=True)
        kept = [torch.empty_like(rows).bernoulli_(1 - self.p, generator=generator) for rows, generator in parts]
        return x * torch.cat(kept).div_(1 - self.p)


class StraightLeakyReLU(nn.Module):
    """Leaky ReLU for penalties on gradients: its second derivative, which is zero, is left out of the graph.

    torch's own is differentiated into zeros that travel back through the network: an eighth of a round of the ring.
    """

    def __init__(self, negative_slope: float) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return _Leaky.apply(x, self.negative_slope)


class _Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.slope = slope
        return F.leaky_relu(x, slope)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return _Slope.apply(gradient[0], x.detach(), ctx.slope), None


class _Slope(torch.autograd.Function):
    """g -> leaky_relu'(x) g, which is linear in g and its own transpose."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, x: Tensor, slope: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.slope = slope
        return torch.ops.aten.leaky_relu_backward(gradient, x, slope, False)

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Any:
        return _Slope.apply(gradient[0], ctx.saved_tensors[0], ctx.slope), None, None


def stacked(network: nn.Module, generators: Sequence[torch.Generator]) -> nn.Module:
    """A network for the batches of as many members as there are generators; its parameters have one more, first axis.

    Names stay those of `network`. Only networks of linear maps, dropout and nonlinearities are meant.
    """
    twin = deepcopy(network)
    for parent in list(twin.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear):
                setattr(parent, name, StackedLinear(child, len(generators)))
            elif isinstance(child, nn.Dropout):
                setattr(parent, name, StackedDropout(child.p, generators))
            elif isinstance(child, nn.LeakyReLU):
                setattr(parent, name, StraightLeakyReLU(child.negative_slope))
    return twin


def _repeated(parameter: Tensor, times: int) -> nn.Parameter:
    return nn.Parameter(parameter.detach().repeat(times, *[1] * parameter.ndim), parameter.requires_grad)
