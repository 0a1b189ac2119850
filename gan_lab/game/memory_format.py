"""Memory format (strides) of gradients and of optimiser state, kept equal to that of the weights.

Where these lie in different orders, such as (N, H, W, C) and (N, C, H, W), they would move each weight by another's
gradient, and not say so.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer


def as_it_lies(value: Tensor, weight: Tensor) -> Tensor:
    """The same value, with the weight's strides."""
    if value.stride() == weight.stride():
        return value
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)


def lay_out(optimizers: Iterable[Optimizer]) -> None:
    """Give what optimisers keep of each weight that weight's strides; as it came from a file it may have others."""
    for weight, kept in (pair for optimizer in optimizers for pair in optimizer.state.items()):
        for name, value in kept.items():
            if isinstance(value, Tensor) and value.shape == weight.shape:
                kept[name] = as_it_lies(value, weight)
