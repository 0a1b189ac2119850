"""Step sizes of an optimiser: what it multiplies a steady gradient by."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer, RMSprop

from gan_lab.errors import UserError
from gan_lab.optimizers.root_adam import RootAdam

IGNORED = ("weight_decay", "amsgrad", "centered", "dampening", "nesterov")  # by the formulas below


def step_sizes(optimizer: Optimizer) -> list[Tensor]:
    """One for each number in each weight, shaped like it, at the optimiser's present settings and state.

        gradient descent           lr / (1 - momentum)
        RMSprop                    lr / (sqrt(v) + eps)
        Adam, RootAdam             lr / (sqrt(v^) + eps),  lr / sqrt(v^ + eps)

    Averages of gradients have reached a steady gradient (see `momentum`), and those of squares stay as they are. Before
    the first step, when v is 0, sizes of the last two are lr.

    Raises:
        UserError: the optimiser is none of these, or has a setting that the formula does not know.
    """
    (group,) = optimizer.param_groups
    return [_size(optimizer, group, weight) for weight in group["params"]]


def momentum(optimizer: Optimizer) -> float:
    """beta of the optimiser's average of gradients, m <- beta m + (1 - beta) g; 0 where it has none."""
    (group,) = optimizer.param_groups
    return float(group["betas"][0] if "betas" in group else group.get("momentum", 0.0))


def _size(optimizer: Optimizer, group: dict[str, Any], weight: Tensor) -> Tensor:
    state, size = optimizer.state.get(weight, {}), torch.full_like(weight, group["lr"], requires_grad=False)
    kind = type(optimizer)  # itself: kinds of these may step otherwise
    ignored = [name for name in IGNORED if group.get(name)]
    if kind is RMSprop and group["momentum"]:
        ignored.append("momentum")
    if ignored:
        raise UserError(f"callbacks.jacobian: step sizes with {ignored[0]} are not known; take optimizers without")
    if kind is SGD:
        return size / (1 - group["momentum"])
    if kind not in (Adam, RootAdam, RMSprop):
        raise UserError(
            f"callbacks.jacobian: the step sizes of {kind.__name__} are not known; take optimizer=sgd, "
            "adam, root_adam or rmsprop"
        )
    if not state:
        return size
    if kind is RMSprop:
        return size / (state["square_avg"].sqrt() + group["eps"])
    squares = state["exp_avg_sq"] / (1 - group["betas"][1] ** float(state["step"]))
    if kind is RootAdam:
        return size / (squares + group["eps"]).sqrt()
    return size / (squares.sqrt() + group["eps"])
