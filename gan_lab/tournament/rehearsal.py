"""Rehearsal of a run: a few rounds, counted and timed, before a budget is spent."""

import json
import math
import time
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from torch.utils.flop_counter import FlopCounterMode

from gan_lab.callbacks.game_callback import GameCallback
from gan_lab.config.signature import declared
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.io.files import write_atomically
from gan_lab.sweeps.plan import COST

LEAST = 16  # rounds that are counted, and then as many that are timed
MOST = 128  # the same, where the intervals of lazy terms ask for more


class Plan(NamedTuple):
    """Rounds of a rehearsal: `counted`, `warming` (neither), as many as counted that are timed, and one more."""

    counted: int
    warming: int

    @property
    def rounds(self) -> int:
        """All of them; after the last one it is evaluated, which is no part of a round."""
        return 2 * self.counted + self.warming + 1


ROUNDS = Plan(LEAST, 0).rounds  # of most


def plan_of(config: DictConfig) -> Plan:
    """A whole number of the intervals of all lazy terms is counted and timed, so that each acts as often as on average.

    Of intervals that have no common multiple up to 128 rounds, 128. What is compiled is so in its first rounds that are
    not counted, with and without each term: as many are left out of the time.
    """
    parts = [part for name in ("d_terms", "g_terms") for part in (config.get(name) or {}).values() if part is not None]
    period = math.lcm(*(max(1, int(part.get("every", 1))) for part in parts))
    counted = period * -(-LEAST // period) if period <= MOST else MOST
    return Plan(counted, counted if config.gan.compile else 0)


def check_budget(config: DictConfig, unit: str) -> None:
    """Raise a UserError where rounds are paid for by what they cost, and that changes as the game goes on."""
    update = config["update"]  # a method of the configuration has that name
    updates = [part for part in (update, update.get("inner")) if part is not None]
    if unit != "rounds" and any(declared(part._target_, "reads_numbers") for part in updates):
        raise UserError(
            f"budget.{unit}: a round of this update costs more or less as the game goes on; take budget.rounds"
        )


class _Untracked:
    """In place of the counter's tracker of modules, which refuses `autograd.grad` and is not needed for the sum."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


class Rehearsal(GameCallback):
    """Writes `cost.json`: means over rounds of FLOPs, real images and seconds.

    FLOPs are those that torch counts: of matrix products and convolutions, forwards and backwards, a multiplication and
    an addition being two. What is done element by element is not counted.
    """

    intervals: ClassVar[tuple[str, ...]] = ("each_round",)

    def __init__(self, directory: str, plan: Plan) -> None:
        self.directory, self.plan = directory, plan
        self._counter: FlopCounterMode | None = None
        self._flops = self._began = self._seconds = 0.0

    def before_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        first = self.plan.counted + self.plan.warming
        if gan.round < self.plan.counted:
            self._counter = FlopCounterMode(display=False)
            self._counter.mod_tracker = cast(Any, _Untracked())
            self._counter.__enter__()
        if gan.round in (first, first + self.plan.counted):
            if gan.device.type == "cuda":
                torch.cuda.synchronize()
            now = time.perf_counter()
            self._began, self._seconds = now, now - self._began

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._flops += self._counter.get_total_flops()
            self._counter = None
        if gan.round == self.plan.rounds:
            means = (self._flops / self.plan.counted, gan.images / self.plan.rounds, self._seconds / self.plan.counted)
            text = json.dumps(dict(zip(("flops", "images", "seconds"), means, strict=True)))
            write_atomically(Path(self.directory) / COST, lambda path: path.write_text(text))
