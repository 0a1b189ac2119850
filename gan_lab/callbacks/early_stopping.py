"""Early stopping of a run that no longer improves, on request."""

from typing import Any, ClassVar, Literal

import pytorch_lightning as pl

from gan_lab.callbacks.measuring import Monitoring
from gan_lab.game.gan import GAN
from gan_lab.game.history import better
from gan_lab.ranges import NonNegativeFloat, PositiveInt


class EarlyStopping(Monitoring):
    """End the run when a published metric, `monitor`, has not become better in its last `patience` values.

    Better is by more than `min_delta` below the best so far (`mode` "min") or above it ("max"). The game's own losses
    do not say whether the samples get better; metrics of the samples do. A run that ends so is finished: nothing is
    left to resume, unless `rounds` is raised and the patience with it.
    """

    intervals: ClassVar[tuple[str, ...]] = ()
    setting: ClassVar[str] = "callbacks.early_stopping.monitor"

    monitor: str

    def __init__(
        self,
        monitor: str,
        patience: PositiveInt,
        mode: Literal["min", "max"] = "min",
        min_delta: NonNegativeFloat = 0.0,
    ) -> None:
        self.monitor, self.patience, self.mode, self.min_delta = monitor, patience, mode, min_delta
        self.best: float | None = None
        self.waited = 0  # values since the best
        self._seen = 0  # the round of the value that was judged last

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._decide(trainer)  # the patience may have been spent before the run was interrupted

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        since = gan.history.since.get(self.monitor, self._seen)
        if since == self._seen:
            return
        self._seen = since
        self._judge(gan.history.last[self.monitor])
        self._decide(trainer)

    def _judge(self, value: float) -> None:
        if better(value, self.best, self.mode, self.min_delta):
            self.best, self.waited = value, 0
        else:
            self.waited += 1

    def _decide(self, trainer: pl.Trainer) -> None:
        if self.waited >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited, "seen": self._seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited, self._seen = state["best"], state["waited"], state["seen"]
