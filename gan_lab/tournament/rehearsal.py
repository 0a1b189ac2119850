"""Rehearsal of a run: a few rounds, counted and timed, before a budget is spent."""

import json
import time
from pathlib import Path
from typing import Any, ClassVar, cast

import pytorch_lightning as pl
import torch
from torch.utils.flop_counter import FlopCounterMode

from gan_lab.callbacks.game_callback import GameCallback
from gan_lab.game.gan import GAN
from gan_lab.io.files import write_atomically
from gan_lab.sweeps.plan import COST

COUNTED = 16  # rounds that are counted, and then as many that are timed: lazy terms act in these, too
ROUNDS = 2 * COUNTED + 1  # after the last one it is evaluated, which is no part of a round


class _Untracked:
    """In place of the counter's tracker of modules, which refuses `autograd.grad` and is not needed for the sum."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


class Rehearsal(GameCallback):
    """Writes `cost.json`: means over rounds of FLOPs, real images and seconds.

    FLOPs are those that torch counts: of matrix products and convolutions, forwards and backwards, a multiplication and
    an addition being two. What is done element by element is not counted. The first 16 rounds are counted, as many
    more are timed, and one is neither.
    """

    intervals: ClassVar[tuple[str, ...]] = ("each_round",)

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._counter: FlopCounterMode | None = None
        self._flops = self._began = self._seconds = 0.0

    def before_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if gan.round < COUNTED:
            self._counter = FlopCounterMode(display=False)
            self._counter.mod_tracker = cast(Any, _Untracked())
            self._counter.__enter__()
        if gan.round in (COUNTED, 2 * COUNTED):
            if gan.device.type == "cuda":
                torch.cuda.synchronize()
            now = time.perf_counter()
            self._began, self._seconds = now, now - self._began

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._flops += self._counter.get_total_flops()
            self._counter = None
        if gan.round == ROUNDS:
            cost = {"flops": self._flops / COUNTED, "images": gan.images / ROUNDS, "seconds": self._seconds / COUNTED}
            text = json.dumps(cost)
            write_atomically(Path(self.directory) / COST, lambda path: path.write_text(text))
