"""Checkpoints at exact rounds, whole and atomic."""

from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from gan_lab.callbacks.finite import NAMES
from gan_lab.errors import UserError
from gan_lab.gan import GAN
from gan_lab.ranges import PositiveInt


class RoundCheckpoint(Checkpoint):
    """`checkpoints/last.ckpt` at each `every`-th round and at the end, however the run ends.

    With `monitor`, the name of a published metric, `checkpoints/best.ckpt` holds the round at which it was lowest
    (`mode` "min") or highest ("max"), judged whenever a new value of it is published.

    A subclass of Lightning's `Checkpoint`, so that it is called after every other callback.
    """

    def __init__(
        self,
        directory: str,
        every: PositiveInt = 500,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        self.directory = Path(directory) / "checkpoints"
        self.every = every
        self.monitor, self.mode = monitor, mode
        self.best: float | None = None

    def on_train_batch_end(self, trainer: pl.Trainer, gan: GAN, *_: Any) -> None:  # type: ignore[override]
        better = self._better(gan)
        due = gan.round % self.every == 0 or trainer.should_stop
        if not (due or better):
            return
        _demand_finite_weights(gan)
        for logger in trainer.loggers:
            logger.save()  # what was logged up to here is on disk before the checkpoint that vouches for it
        if better:
            trainer.save_checkpoint(self.directory / "best.ckpt")
        if due:
            trainer.save_checkpoint(self.directory / "last.ckpt")

    def _better(self, gan: GAN) -> bool:
        if self.monitor is None:
            return False
        extremes = gan.history.lowest if self.mode == "min" else gan.history.highest
        best = extremes.get(self.monitor, self.best)
        better = best != self.best
        self.best = best
        return better

    def on_train_end(self, trainer: pl.Trainer, gan: GAN) -> None:  # type: ignore[override]
        if self.monitor is not None and self.monitor not in gan.history.last:
            names = ", ".join(sorted(gan.history.last))
            raise UserError(f"callbacks.checkpoint.monitor={self.monitor}: never published (published: {names})")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = state["best"]


def _demand_finite_weights(gan: GAN) -> None:
    for player in (gan.d, gan.g):
        if not all(bool(weight.isfinite().all()) for weight in player.weights):
            name = NAMES[player.name]
            raise UserError(f"{name}'s weights are NaN or infinite at round {gan.round}; the last checkpoint is kept")
