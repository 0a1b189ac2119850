"""Checkpoints at exact rounds, complete and written atomically."""

import time
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from gan_lab.callbacks.game_callback import is_due
from gan_lab.callbacks.measuring import Monitoring
from gan_lab.callbacks.terminate_on_nan import NAMES, remedy
from gan_lab.distributed.collectives import most
from gan_lab.errors import UserError
from gan_lab.evaluation.copying import along
from gan_lab.game.gan import GAN
from gan_lab.game.history import better
from gan_lab.io.checkpoint import LAST
from gan_lab.io.files import keep_as
from gan_lab.io.weights import number_of, numbered
from gan_lab.ranges import NonNegativeInt, PositiveFloat, PositiveInt


class Clock:
    """Whether a checkpoint is late. Games that share a clock all get the same answer in one round."""

    def __init__(self, minutes: float | None) -> None:
        self._minutes = minutes
        self._since = time.monotonic()
        self._told: tuple[int, bool] = (-1, False)  # a round, and what was said of it

    def restart(self) -> None:
        self._since = time.monotonic()

    def late(self, at_round: int) -> bool:
        if self._told[0] != at_round:
            late = self._minutes is not None and time.monotonic() - self._since >= 60 * self._minutes
            self._told = (at_round, late)
        return self._told[1]


class RoundCheckpoint(Monitoring, Checkpoint):
    """`checkpoints/last.ckpt` at each `every`-th round, `minutes` after the one before, and at the end, however the run
    ends. The one before it stays as `previous.ckpt`.

    With `monitor`, the name of a published metric, `checkpoints/best.ckpt` holds the round at which it was lowest
    (`mode` "min") or highest ("max"), judged whenever a new value of it is published. Where copies were looked for
    along the run, `best/copying` in the summary has the standard deviations by which a test of that round speaks for
    them.

    `checkpoints/round_N.ckpt` stays of each `keep_every`-th round, and of the latest `keep` of every `every`-th.

    A subclass of Lightning's `Checkpoint`, so that it is called after every other callback.
    """

    intervals: ClassVar[tuple[str, ...]] = ("every", "keep_every")
    setting: ClassVar[str] = "callbacks.checkpoint.monitor"

    def __init__(
        self,
        directory: str,
        every: PositiveInt = 500,
        minutes: PositiveFloat | None = None,
        monitor: str | None = None,
        mode: Literal["min", "max"] = "min",
        keep: NonNegativeInt = 0,
        keep_every: PositiveInt | None = None,
    ) -> None:
        self.directory = Path(directory) / "checkpoints"
        self.every, self.minutes = every, minutes
        self.keep, self.keep_every = keep, keep_every
        self.monitor, self.mode = monitor, mode
        self.best: float | None = None
        self.best_round: int | None = None
        self.best_copying: float | None = None
        self.clock = Clock(minutes)
        self._saved = 0  # the round that last.ckpt holds

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._saved = gan.round
        self.clock.restart()
        if gan.round == 0 and gan.started_from is not None:  # a resume does not ask for that file again
            self._save(trainer, gan, "last")

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if self._better(gan):
            self._save(trainer, gan, "best")
        regular, lasting = self.due(gan), is_due(gan.round, self.keep_every)
        if regular or lasting or trainer.should_stop or self._late(gan):
            self._save(trainer, gan, "last")
            self._saved = gan.round
            self.clock.restart()
        if trainer.is_global_zero and (lasting or (regular and self.keep)):
            self._number(gan.round)

    def _number(self, played: int) -> None:
        """Keep the checkpoint just written by its round, and of the others as many as asked for."""
        keep_as(self.directory / LAST, self.directory / numbered(played))
        there = map(number_of, self.directory.glob(numbered(None)))
        passing = sorted(number for number in there if number >= 0 and not is_due(number, self.keep_every))
        for number in passing[: -self.keep] if self.keep else []:
            (self.directory / numbered(number)).unlink()

    def _late(self, gan: GAN) -> bool:
        if self.minutes is None:
            return False
        return most(int(self.clock.late(gan.round)), gan.device) > 0  # clocks differ, and all processes save or none

    def _save(self, trainer: pl.Trainer, gan: GAN, name: str) -> None:
        _check_finite_state(gan, self.directory.parent)
        for logger in trainer.loggers:
            logger.save()  # what was logged up to here is on disk before the checkpoint that vouches for it
        trainer.save_checkpoint(self.directory / f"{name}.ckpt")

    def _better(self, gan: GAN) -> bool:
        if self.monitor is None:
            return False
        if gan.history.since.get(self.monitor) != gan.round:
            return False  # not published in this round
        value = gan.history.last[self.monitor]
        if not better(value, self.best, self.mode):
            return False
        now = {name: gan.history.last[name] for name, since in gan.history.since.items() if since == gan.round}
        self.best, self.best_round, self.best_copying = value, gan.round, along(now)
        return True

    def on_train_epoch_end(self, trainer: pl.Trainer, gan: Any) -> None:
        if self._saved != gan.round:  # something else than the budget or a signal ended the run
            self._save(trainer, gan, "last")
            self._saved = gan.round

    def conclusion(self) -> dict[str, Any]:
        """The best value of the monitored metric, its round and what was found of copies then, for the summary."""
        if self.monitor is None:
            return {}
        copying = {} if self.best_copying is None else {"best/copying": self.best_copying}
        return {f"best/{self.monitor}": self.best, "best/round": self.best_round, **copying}

    def state_dict(self) -> dict[str, Any]:
        state = {"monitor": self.monitor, "mode": self.mode, "best": self.best, "best_round": self.best_round}
        return state if self.best_copying is None else {**state, "best_copying": self.best_copying}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if (state["monitor"], state["mode"]) == (self.monitor, self.mode):  # else the best of something else
            self.best, self.best_round = state["best"], state["best_round"]
            self.best_copying = state.get("best_copying")


def _check_finite_state(gan: GAN, directory: Path) -> None:
    for player in (gan.d, gan.g):
        state = player.network.state_dict().values()
        if not all(bool(tensor.isfinite().all()) for tensor in state if tensor.is_floating_point()):
            raise UserError(
                f"{NAMES[player.name]}'s weights became NaN or infinite by round {gan.round}; "
                f"{remedy(player.name, directory)}"
            )
