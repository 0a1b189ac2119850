"""Learning-rate schedules that torch lacks, in rounds."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, UnitInterval


def advance(schedule: LRScheduler, played: int) -> None:
    """The schedule's step after `played` rounds.

    Raises:
        UserError: it leaves a learning rate that is negative or no number.
    """
    schedule.step()
    for group in schedule.optimizer.param_groups:
        if not 0 <= group["lr"] < math.inf:
            raise UserError(f"schedule: the learning rate becomes {group['lr']:.3g} in round {played + 1}")


def is_alike(state: Any, fresh: Any) -> bool:
    """Whether a schedule's state, as a checkpoint holds it, is of the kinds and lengths of one that begins."""
    if isinstance(fresh, dict):
        return isinstance(state, dict) and all(k in state and is_alike(state[k], value) for k, value in fresh.items())
    if isinstance(fresh, list | tuple):
        return isinstance(state, list | tuple) and len(state) == len(fresh) and all(map(is_alike, state, fresh))
    return fresh is None or isinstance(state, int | float if isinstance(fresh, int | float) else type(fresh))


@dataclass(frozen=True)
class Cosine:
    """A number at time t: `first` at 0, along half a cosine to `last` at `over`, and `last` from there on."""

    first: NonNegativeFloat
    last: NonNegativeFloat
    over: PositiveInt

    def __call__(self, t: int) -> float:
        share = min(t / self.over, 1.0)
        return self.last + (self.first - self.last) * (1 + math.cos(math.pi * share)) / 2


class CosineWithBeta2(LRScheduler):
    """Learning rate from lr_0 to `lr_factor` lr_0, Adam's beta2 from `beta2[0]` to `beta2[1]`, both as `Cosine`.

    Time counts rounds, and both stay as they are after round `over`. As in the code of R3GAN (Huang et al. 2024): while
    D's gradients change fast, the memory of their squares is short.

    Raises:
        UserError: the optimiser has no beta2.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_factor: NonNegativeFloat,
        beta2: tuple[UnitInterval, UnitInterval],
        over: PositiveInt,
    ) -> None:
        if "betas" not in optimizer.defaults:
            raise UserError(f"schedule: moves beta2, which {type(optimizer).__name__} has not; use optimizer=adam")
        self.lr_factor, self.beta2, self.over = lr_factor, tuple(beta2), over  # plain numbers: they are checkpointed
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        t = self.last_epoch
        first, last = self.beta2
        beta2 = Cosine(first, last, self.over)(t)
        for group in self.optimizer.param_groups:
            group["betas"] = (group["betas"][0], beta2)
        factor = Cosine(1.0, self.lr_factor, self.over)(t)
        return [lr * factor for lr in self.base_lrs]


class DecayWithMomentum(LRScheduler):
    """Learning rate max(lr_0 / decay^t, least); momentum linear in t from `momentum[0]` to `momentum[1]`.

    t counts rounds; the momentum moves between rounds `start` and `saturate`. It is pylearn2's ExponentialDecay
    with its MomentumAdjustor, as in the code of Goodfellow et al. 2014.

    Raises:
        UserError: the optimiser has no momentum, or the momentum has no rounds to move in.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        decay: PositiveFloat,
        least: PositiveFloat,
        momentum: tuple[UnitInterval, UnitInterval],
        start: NonNegativeInt,
        saturate: PositiveInt,
    ) -> None:
        if "momentum" not in optimizer.defaults:
            raise UserError(f"schedule: moves momentum, which {type(optimizer).__name__} has not; use optimizer=sgd")
        if saturate <= start:
            raise UserError(f"schedule.saturate={saturate}: must be above schedule.start={start}")
        self.decay, self.least, self.momentum = decay, least, tuple(momentum)
        self.start, self.saturate = start, saturate
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        t = self.last_epoch
        first, last = self.momentum
        share = min(max((t - self.start) / (self.saturate - self.start), 0.0), 1.0)
        for group in self.optimizer.param_groups:
            group["momentum"] = first + share * (last - first)
        return [max(lr / self.decay**t, self.least) for lr in self.base_lrs]
