"""Bases of callbacks that publish figures, and of those that monitor one."""

import warnings
from collections.abc import Collection
from typing import ClassVar

import pytorch_lightning as pl

from gan_lab.callbacks.game_callback import GameCallback, callbacks_of
from gan_lab.callbacks.stopping import Interruption, MaxRounds
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN

OURS = ("gan_lab", "pytorch_lightning")  # whose callbacks say what they publish, or publish nothing


class Measuring(GameCallback):
    """Publishes what `measure` finds after each `every`-th round, and after the last one, whichever that is.

    Figures of a last round that is no `every`-th one are published once the last checkpoint is written, which does not
    hold them: a run that is extended drops them, and so equals one that was longer from the start.

    Figures are measured once before the first round, too: what cannot be computed ends the run there.

    Attributes:
        brief: whether measuring takes so little time that an interrupted run may wait for it.
        rehearsed: whether there is something to measure before the first round.
        names: of the figures, as far as they are known before the first round.
    """

    brief: ClassVar[bool] = False
    rehearsed: ClassVar[bool] = True

    names: Collection[str] = ()

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        """Called once before the first round, and before the first measurement."""

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        """Figures of the game as it is, by name. Leaves the game as it is."""
        raise NotImplementedError

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        self.prepare(trainer, gan)
        if self.rehearsed:
            self.names = self.measure(trainer, gan).keys()

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        gan.publish(self.measure(trainer, gan))

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        if not self.due(gan) and (self.brief or not interrupted(trainer)):
            self.act(trainer, gan)


def interrupted(trainer: pl.Trainer) -> bool:
    """Whether a signal ended the run."""
    found = (callback.signal for callback in callbacks_of(trainer) if isinstance(callback, Interruption))
    return any(number is not None for number in found)


class Monitoring(GameCallback):
    """Heeds a published figure, `monitor`; None: none.

    Raises:
        UserError: nothing publishes it, or not before the last round. Told after the first round, of which most
            figures are. Callbacks from elsewhere may publish anything.
    """

    setting: ClassVar[str]  # what the user calls it

    monitor: str | None
    _sought = False  # whether it was found to be published

    def before_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if gan.round and not self._sought:
            self._sought = True
            self._check(callbacks_of(trainer), gan)

    def _check(self, callbacks: list[pl.Callback], gan: GAN) -> None:
        if self.monitor is None or any(type(one).__module__.partition(".")[0] not in OURS for one in callbacks):
            return
        known = {*gan.history.last, *(name for callback in callbacks for name in getattr(callback, "goals", {}))}
        measuring = [callback for callback in callbacks if isinstance(callback, Measuring)]
        names = sorted(known.union(*(callback.names for callback in measuring)))
        setting = f"{self.setting}={self.monitor}"
        if self.monitor not in names:
            raise UserError(f"{setting}: nothing publishes it; must be one of {', '.join(names)}")
        rounds = next(callback.rounds for callback in callbacks if isinstance(callback, MaxRounds))
        sources = [callback for callback in measuring if self.monitor in callback.names]
        if sources and all(callback.every > rounds for callback in sources):
            raise UserError(f"{setting}: is published at each {sources[0].every}-th round, and rounds={rounds}")

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        if self.monitor is not None and self.monitor not in gan.history.last:
            names = ", ".join(sorted(gan.history.last))
            warnings.warn(f"{self.setting}={self.monitor} was never published ({names} were)", stacklevel=1)
