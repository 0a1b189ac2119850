"""Ranges of parameters of torch's optimisers and schedules, narrower than torch annotates them."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gan_lab.config.values import unfit
from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt, UnitInterval

Share = Annotated[float, Field(ge=0, lt=1)]
Factor = Annotated[float, Field(gt=0, le=1)]

# Both players minimise, step without a closure, and resume by themselves.
OPTIMIZER: dict[str, Any] = {
    "lr": PositiveFloat,
    "betas": tuple[Share, Share],
    "alpha": Share,
    "momentum": NonNegativeFloat,
    "weight_decay": NonNegativeFloat,
    "eps": NonNegativeFloat | tuple[float | None, float],
    "maximize": Literal[False],
    "differentiable": Literal[False],
    "capturable": Literal[False],
}
SCHEDULE: dict[str, Any] = {
    "gamma": PositiveFloat,
    "factor": Factor,
    "start_factor": Factor,
    "end_factor": UnitInterval,
    "eta_min": NonNegativeFloat,
    "total_iters": PositiveInt,
    "total_steps": PositiveInt | None,
    "T_max": PositiveInt,
    "T_0": PositiveInt,
    "T_mult": PositiveInt,
    "step_size": PositiveInt,
    "step_size_up": PositiveInt,
    "power": NonNegativeFloat,
    "milestones": list[PositiveInt],
    "base_lr": PositiveFloat,
    "max_lr": PositiveFloat,
    "last_epoch": Literal[-1],
}
RANGES = {"torch.optim.lr_scheduler.": SCHEDULE, "torch.optim.": OPTIMIZER}  # the first that fits


def foreign_complaint(target: str, name: str, value: Any) -> str | None:
    """What is wrong with `value` for the parameter `name` of torch's `target`; None where nothing is."""
    for prefix, ranges in RANGES.items():
        if target.startswith(prefix):
            return unfit(ranges[name], value) if name in ranges else None
    return None
