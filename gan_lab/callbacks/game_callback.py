"""Base of the lab's callbacks: Lightning's hooks with the game's types, and the rounds that a callback acts after."""

from typing import Any, ClassVar

import pytorch_lightning as pl

from gan_lab.data.module import GameData
from gan_lab.game.gan import GAN


class GameCallback(pl.Callback):
    """A callback that acts after each `every`-th round (0: after none).

    Lightning's hooks are implemented here, once. A subclass overrides `begin`, `before_round`, `after_round`, `act` and
    `end`, whose `gan` has its type.

    Attributes:
        first, last: whether it acts after the first and the last round as well; the last one is then not yet saved.
        intervals: see `types.Periodic`. One that has to see each round, and not only those that it acts after, says
            ("each_round",); one that only reacts to what others have done, ().
    """

    first: ClassVar[bool] = False
    last: ClassVar[bool] = False
    intervals: ClassVar[tuple[str, ...]] = ("every",)
    each_round: ClassVar[int] = 1

    every: int = 1

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        """Called before the first round of each part of a run."""

    def before_round(self, trainer: pl.Trainer, gan: GAN) -> None: ...

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if self.due(gan) or (self.last and trainer.should_stop):
            self.act(trainer, gan)

    def due(self, gan: GAN) -> bool:
        """Whether it acts after the round just played, be it the last one or not."""
        return is_due(gan.round, self.every) or (self.first and gan.round == 1)

    def act(self, trainer: pl.Trainer, gan: GAN) -> None: ...

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        """Called after the last round, when the last checkpoint is written."""

    def on_train_start(self, trainer: pl.Trainer, gan: Any) -> None:
        self.begin(trainer, gan)

    def on_train_batch_start(self, trainer: pl.Trainer, gan: Any, *_: Any) -> None:
        self.before_round(trainer, gan)

    def on_train_batch_end(self, trainer: pl.Trainer, gan: Any, *_: Any) -> None:
        self.after_round(trainer, gan)

    def on_train_end(self, trainer: pl.Trainer, gan: Any) -> None:
        self.end(trainer, gan)


def is_due(played: int, every: int | None) -> bool:
    """Whether the number of rounds played is a multiple of `every`; of 0 or None it never is."""
    return played % every == 0 if every else False


def data_of(trainer: pl.Trainer) -> GameData:
    return trainer.datamodule  # type: ignore[attr-defined]


def callbacks_of(trainer: pl.Trainer) -> list[pl.Callback]:
    return trainer.callbacks  # type: ignore[attr-defined]
