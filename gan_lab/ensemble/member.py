"""Member of an ensemble: one of several runs that take turns in one process."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

import pytorch_lightning as pl
from omegaconf import DictConfig

from gan_lab.callbacks.game_callback import callbacks_of
from gan_lab.callbacks.stopping import Interruption
from gan_lab.data.module import Stream
from gan_lab.experiment.run import play
from gan_lab.game.gan import GAN
from gan_lab.terms import Term
from gan_lab.types import Periodic


class Member:
    """An ordinary run that stops before each round that it is to play: a coroutine, in a thread of its own.

    The thread is awake only while `advance` is being called, so that no two members ever run at the same time: they may
    share torch's generator of random numbers, which each of them seeds before every round, and all else of a process.

    Attributes:
        round: rounds that it has played, at a stop; -1 before it has begun.
        game, stream: what it plays and draws from, once it has begun.
        code, error: what it has ended with.

    Args:
        at: the round that it goes on from, where it has a choice (see `gan_lab.experiment.run.play`).
    """

    def __init__(self, config: DictConfig, overrides: Sequence[str], at: int | None = None) -> None:
        self.config = config
        self.round = -1
        self.game: GAN
        self.stream: Stream
        self.code: int | None = None
        self.error: Exception | None = None
        self._trainer: pl.Trainer
        self._awake, self._asleep = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, args=(overrides, at), daemon=True)

    @property
    def over(self) -> bool:
        return self.code is not None or self.error is not None

    def advance(self) -> None:
        """Let it play the round that it stopped before, and go on to its next stop or to its end."""
        if not self._thread.ident:
            self._thread.start()
        self._awake.release()
        self._asleep.acquire()

    def interrupt(self, number: int) -> None:
        """Signal `number` ends it where it has stopped: it saves and writes all its files."""
        for interruption in self.callbacks(Interruption):
            interruption.signal = number
        self._trainer.should_stop = True
        self.advance()

    def callbacks(self, kind: type[Any]) -> list[Any]:
        """Its callbacks of this kind, once it has begun."""
        return [callback for callback in callbacks_of(self._trainer) if isinstance(callback, kind)]

    def alone(self) -> int:
        """The next round that it has to play by itself, since one of its callbacks has something to do after it.

        A `Periodic` callback says when that is; any other may act after every round. What they see of a lazy term is of
        the last round in which that counted, and so begins as many rounds before.
        """
        played, due = self.game.round, [self.config.rounds]
        for callback in self.callbacks(pl.Callback):
            every = [getattr(callback, name) for name in callback.intervals] if isinstance(callback, Periodic) else [1]
            due += [played - played % n + n for n in every if n]
        lazy = [int(cast(Term, term).every) for player in (self.game.d, self.game.g) for term in player.terms.values()]
        return min(due) + 1 - max(lazy, default=1) if played else 1  # of the first round all take note

    def _run(self, overrides: Sequence[str], at: int | None) -> None:
        self._awake.acquire()
        try:
            self.code = play(self.config, overrides, [_Stop(self._stop)], at)
        except Exception as error:
            self.error = error
        finally:
            self._asleep.release()

    def _stop(self, trainer: pl.Trainer, game: GAN, stream: Stream) -> None:
        self._trainer, self.game, self.stream, self.round = trainer, game, stream, game.round
        self._asleep.release()
        self._awake.acquire()


class _Stop(pl.Callback):
    """Calls `stop(trainer, game, stream)` before each round of Lightning's loop, and before any other callback."""

    intervals: ClassVar[tuple[str, ...]] = ()

    def __init__(self, stop: Callable[[pl.Trainer, GAN, Stream], None]) -> None:
        self._stop = stop

    def on_train_batch_start(self, trainer: pl.Trainer, gan: Any, stream: Any, *_: Any) -> None:
        self._stop(trainer, gan, stream)
