"""Progress bar in rounds."""

import sys
import time
from typing import Any, ClassVar

import pytorch_lightning as pl
from tqdm import tqdm

from gan_lab.callbacks.game_callback import GameCallback
from gan_lab.callbacks.metrics import observe
from gan_lab.game.gan import GAN
from gan_lab.ranges import PositiveFloat


class Progress(GameCallback):
    """Rounds, pace, time left, both losses and D's accuracy, refreshed every `seconds` (on a terminal).

    Where the output is a file, a line every 30 seconds.
    """

    intervals: ClassVar[tuple[str, ...]] = ()

    def __init__(self, rounds: int, seconds: PositiveFloat = 0.5) -> None:
        self.rounds = rounds
        self.seconds = seconds if sys.stderr.isatty() else max(seconds, 30.0)
        self._next = 0.0
        self._bar: Any = None

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        if trainer.is_global_zero:
            self._bar = tqdm(
                total=self.rounds, initial=gan.round, unit="round", dynamic_ncols=True, mininterval=self.seconds
            )
            self._next = time.monotonic()

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if self._bar is None or (time.monotonic() < self._next and not trainer.should_stop):
            return
        self._next = time.monotonic() + self.seconds
        self._bar.set_postfix(_headline(observe(gan.record, gan.loss.boundary)), refresh=False)
        self._bar.update(gan.round - self._bar.n)

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._close()

    def on_exception(self, trainer: pl.Trainer, gan: pl.LightningModule, exception: BaseException) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _headline(metrics: dict[str, float]) -> dict[str, str]:
    shown = {"D": "d/loss", "G": "g/loss", "real right": "d/accuracy_real", "fake right": "d/accuracy_fake"}
    return {label: f"{metrics[name]:.2f}" for label, name in shown.items() if name in metrics}
