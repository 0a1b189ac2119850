"""Progress bar in rounds."""

import sys
import time
from typing import Any, ClassVar

import pytorch_lightning as pl
from tqdm import tqdm

from gan_lab.callbacks.game_callback import GameCallback, callbacks_of
from gan_lab.callbacks.measuring import Monitoring
from gan_lab.callbacks.metrics import observe
from gan_lab.evaluation.copying import along, answer
from gan_lab.game.gan import GAN
from gan_lab.ranges import PositiveFloat

LINES_EVERY = 60.0  # seconds, where the output is no terminal


class Lines:
    """Standard error for a bar that is not redrawn in place: each of its states is a line of its own."""

    def write(self, text: str) -> None:
        line = text.replace("\r", "").strip()
        if line:
            sys.stderr.write(f"{line}\n")

    def flush(self) -> None:
        sys.stderr.flush()


class Progress(GameCallback):
    """Rounds, pace, time left, and the figure that the run monitors, refreshed every `seconds` (on a terminal).

    Where none is monitored, both losses and D's accuracy. Before them the mark of a run that copies.
    Where the output is a file, SLURM's log or a notebook's cell, a line a minute.
    """

    intervals: ClassVar[tuple[str, ...]] = ()

    def __init__(self, rounds: int, seconds: PositiveFloat = 0.5) -> None:
        self.rounds = rounds
        self.live = sys.stderr.isatty()
        self.seconds = seconds if self.live else max(seconds, LINES_EVERY)
        self._next = 0.0
        self._bar: Any = None
        self._monitored: str | None = None

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        if trainer.is_global_zero:
            monitoring = [callback for callback in callbacks_of(trainer) if isinstance(callback, Monitoring)]
            self._monitored = next((callback.monitor for callback in monitoring if callback.monitor), None)
            self._bar = tqdm(
                total=self.rounds,
                initial=gan.round,
                unit="round",
                dynamic_ncols=True,
                mininterval=self.seconds,
                file=sys.stderr if self.live else Lines(),
            )
            self._next = time.monotonic() + (0.0 if self.live else self.seconds)

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if self._bar is None or (time.monotonic() < self._next and not trainer.should_stop):
            return
        self._next = time.monotonic() + self.seconds
        last = gan.history.last
        if self._monitored is None:
            shown = _headline(observe(gan.record, gan.loss.boundary))
        else:
            shown = {name: f"{last[name]:.4g}" for name in (self._monitored,) if name in last}
        figures = ", ".join(f"{name}={value}" for name, value in shown.items())
        mark = answer([along(last)]).marked("").strip()  # first: a narrow terminal shows no more than the beginning
        self._bar.set_postfix_str(f"{mark} {figures}".strip(), refresh=False)
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
