"""Early stopping of a run that no longer improves, on request."""

import math
from typing import Any, ClassVar, Literal

import pytorch_lightning as pl

from gan_lab.callbacks.measuring import Monitoring
from gan_lab.errors import UserError
from gan_lab.evaluation.improvement import FEWEST, most_improvement, spent
from gan_lab.game.gan import GAN
from gan_lab.game.history import better
from gan_lab.ranges import NonNegativeFloat, OpenUnitInterval, PositiveInt

Z95 = 1.959964


class EarlyStopping(Monitoring):
    """End the run when a published metric, `monitor`, no longer becomes better.

    Without `error`: when it has not become better in its last `patience` values, by more than `min_delta` below the
    best so far (`mode` "min") or above it ("max").

    With `error`: when a test says so. After each `patience` values a line is fitted to them, and the run ends if it is
    sure that they improve by less than `min_delta` in as many values: if the upper bound of the trend's improvement is
    below that. A run that improves by `min_delta` or more in each `patience` values, in a line but for noise, is ended
    with a probability of `error` at most, over all looks together, where the values err independently; where neighbours
    err alike, in up to two or three times as many (docs/reading_the_game.md; `gan_lab.evaluation.improvement`). One
    that improves in steps between looks alone may be ended: take a patience that holds several steps. A value that is
    no number is not tested; `patience` of them in a row end the run. The metric's own standard
    error counts where `NAME/error`, or an interval `NAME/low` to `NAME/high` of 95 %, is published with it.

    The game's own losses do not say whether the samples get better; metrics of the samples do. A run that ends so is
    finished: nothing is left to resume, unless `rounds` is raised and the patience with it.

    Raises:
        UserError: with `error`, fewer than 4 values are waited for, or `min_delta` is 0, which no interval is below.
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
        error: OpenUnitInterval | None = None,
    ) -> None:
        if error is not None and (patience < FEWEST or min_delta == 0):
            raise UserError(
                f"callbacks.early_stopping.error={error}: a test needs patience={FEWEST} values or more, and an "
                f"improvement that matters, min_delta, above 0; they are {patience} and {min_delta:g}"
            )
        self.monitor, self.patience, self.mode, self.min_delta, self.error = monitor, patience, mode, min_delta, error
        self.best: float | None = None
        self.waited = 0  # values since the best
        self.window: list[tuple[float, float]] = []  # values, lower being better, and errors, since the last look
        self.looks = 0  # that have let the run go on
        self.missed = 0  # values that were no numbers, one after the other
        self._seen = 0  # the round of the value that was judged last

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._decide(trainer)  # the patience may have been spent before the run was interrupted

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        since = gan.history.since.get(self.monitor, self._seen)
        if since == self._seen:
            return
        self._seen = since
        self._judge(gan.history.last[self.monitor], self._error_in(gan.history.last))
        self._decide(trainer)

    def _error_in(self, published: dict[str, float]) -> float:
        """The metric's standard error; 0 where none is published."""
        low, high = (published.get(f"{self.monitor}/{end}", math.nan) for end in ("low", "high"))
        by_interval = (high - low) / (2 * Z95)
        return published.get(f"{self.monitor}/error", by_interval if math.isfinite(by_interval) else 0.0)

    def _judge(self, value: float, error: float) -> None:
        self.missed = self.missed + 1 if math.isnan(value) else 0
        if self.error is not None and not self.missed:
            self.window.append((value if self.mode == "min" else -value, error))
        if better(value, self.best, self.mode, self.min_delta):
            self.best, self.waited = value, 0
        else:
            self.waited += 1

    def _decide(self, trainer: pl.Trainer) -> None:
        if self._has_stopped_improving():
            trainer.should_stop = True

    def _has_stopped_improving(self) -> bool:
        if self.error is None:
            return self.waited >= self.patience
        if self.missed >= self.patience:
            return True
        if len(self.window) < self.patience:
            return False
        values, errors = zip(*self.window, strict=True)
        if most_improvement(values, errors, spent(self.error, self.looks + 1)) < self.min_delta:
            return True
        self.window, self.looks = [], self.looks + 1
        return False

    def state_dict(self) -> dict[str, Any]:
        state = {"monitor": self.monitor, "mode": self.mode, "patience": self.patience, "seen": self._seen}
        state |= {"best": self.best, "waited": self.waited, "missed": self.missed}
        return state if self.error is None else {**state, "window": list(map(list, self.window)), "looks": self.looks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._seen = state["seen"]
        if (state.get("monitor", self.monitor), state.get("mode", self.mode)) != (self.monitor, self.mode):
            return  # the best of something else
        self.best, self.waited, self.missed = state["best"], state["waited"], state.get("missed", 0)
        self.looks = state.get("looks", 0)
        if state.get("patience", self.patience) == self.patience:
            self.window = [(value, error) for value, error in state.get("window", [])]
        else:
            self.looks += 1  # whatever was looked at with the other patience is not looked at again
