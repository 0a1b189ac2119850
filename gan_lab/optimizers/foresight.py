"""Differentiable steps of an optimiser, as functions of weights and gradients."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from gan_lab.errors import UserError

SMALLEST = 1e-15  # its square is still a normal number of single precision


class Foresight:
    """w_{i+1} = w_i + step(g_i), i = 0, 1, ..., from the optimiser's present settings and state; it does not move.

    Each call makes the next step; the weights that it gives depend on the weights and on the gradients that it, and
    the calls before it, were given. It is the optimiser's own code that runs, on copies.

    Raises:
        UserError: the optimiser cannot be differentiated.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._kind: Any = type(optimizer)
        known = {*inspect.signature(self._kind).parameters}
        if "differentiable" not in known:
            raise UserError(
                f"update=unrolled: {self._kind.__name__} cannot be differentiated; take optimizer=adam, sgd or "
                "rmsprop, or foresee plain gradient steps by update.lr=0.1"
            )
        (group,) = optimizer.param_groups
        plain = {"foreach": False, "fused": False, "capturable": False, "differentiable": True}
        self._settings = {name: value for name, value in {**group, **plain}.items() if name in known - {"params"}}
        self._states: list[dict[str, Any]] = [optimizer.state.get(weight, {}) for weight in group["params"]]

    def __call__(self, weights: Sequence[Tensor], gradient: Sequence[Tensor]) -> list[Tensor]:
        moved = [weight.clone() for weight in weights]  # steps change them in place
        optimizer: Optimizer = self._kind(moved, **self._settings)
        for weight, slope, state in zip(moved, gradient, self._states, strict=True):
            # Square roots of averaged squares have no derivative where a gradient has always been 0.
            weight.grad = torch.where(slope.abs() < SMALLEST, slope + SMALLEST, slope)
            optimizer.state[weight] = {k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()}
        optimizer.step()
        self._states = [optimizer.state[weight] for weight in moved]
        for weight in moved:
            weight.grad = None
        return moved
