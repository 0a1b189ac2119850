"""End of a run: its number of rounds is reached, or a signal asks for it."""

import signal
import threading
import time
from types import FrameType
from typing import Any, ClassVar

import pytorch_lightning as pl

from gan_lab.callbacks.game_callback import GameCallback
from gan_lab.distributed.collectives import check_alike, most
from gan_lab.game.gan import GAN


class MaxRounds(GameCallback):
    """Stop after `rounds` rounds, counted over the whole life of the run.

    Raises:
        UserError: of several processes not all go on from the same round.
    """

    intervals: ClassVar[tuple[str, ...]] = ()

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        check_alike("rounds behind them", gan.round, gan.device)
        self._judge(trainer, gan)  # killed after its last round, before all files were written: none is left to play

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._judge(trainer, gan)

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        gan.stop_clock()  # before other callbacks look back at the run

    def _judge(self, trainer: pl.Trainer, gan: GAN) -> None:
        if gan.round >= self.rounds:
            trainer.should_stop = True


class Interruption(GameCallback):
    """Ctrl-C, SIGTERM and a cluster's warnings end the run after the round in play, never between D's and G's move.

    Whichever process receives it, all end after the same round. A signal that comes `SOON` after the first or later is
    obeyed at once; until then it is the same one: `timeout` and SLURM tell a process and its group.

    Signals reach a process's main thread alone: a run in another one is stopped by who started it, by setting `signal`.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    SOON = 1.0  # seconds

    intervals: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}
        self._noted = 0.0  # when the first signal came

    def setup(self, trainer: pl.Trainer, gan: pl.LightningModule, stage: str) -> None:
        # Lightning has yet to install its own listener to SIGTERM, which speaks to the other processes in mid-round.
        self._before = self._listeners()

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        if threading.current_thread() is threading.main_thread():
            self.listen()

    def listen(self) -> None:
        """Take note of signals from now on, until `ignore`."""
        self._before = self._before or self._listeners()
        for number in self.SIGNALS:
            signal.signal(number, self._note)

    def _listeners(self) -> dict[int, Any]:
        return {number: signal.getsignal(number) for number in self.SIGNALS}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._noted = number, time.monotonic()
        elif time.monotonic() - self._noted >= self.SOON:
            self.ignore()
            signal.raise_signal(number)

    def ignore(self) -> None:
        """Leave signals to whoever listened before."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                signal.signal(number, handler)
        self._before = {}

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        self.signal = most(self.signal or 0, gan.device) or None  # which makes several processes wait for this round
        if self.signal is not None:
            trainer.should_stop = True

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        self.ignore()

    def on_exception(self, trainer: pl.Trainer, gan: pl.LightningModule, exception: BaseException) -> None:
        self.ignore()
