"""Schedules that torch lacks; both players follow the same one, a step a round."""

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gan_lab.ranges import NonNegativeInt, PositiveFloat, PositiveInt, UnitInterval


class DecayWithMomentum(LRScheduler):
    """Learning rate max(lr_0 / decay^t, least); momentum linear in t from `momentum[0]` to `momentum[1]`.

    t counts rounds; the momentum moves between rounds `start` and `saturate`. It is pylearn2's ExponentialDecay
    with its MomentumAdjustor, as in the code of Goodfellow et al. 2014.
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
