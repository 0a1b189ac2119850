"""Losses, accuracies and learning rates, published at intervals."""

import time
from typing import ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.measuring import Measuring
from gan_lab.game.gan import GAN
from gan_lab.loggers import records
from gan_lab.ranges import PositiveInt


class Metrics(Measuring):
    """Losses, terms, D's accuracy, learning rates, images seen and pace, of rounds 1, each `every`-th, and the last.

    Loggers that take them get histograms of D's logits as well.
    The losses are those of that very round, not a mean over the interval. `images` counts real samples drawn;
    `seconds` the time spent on training, over all parts of an interrupted run.
    """

    first: ClassVar[bool] = True
    brief: ClassVar[bool] = True
    rehearsed: ClassVar[bool] = False

    def __init__(self, every: PositiveInt = 50) -> None:
        self.every = every
        self._mark = (0.0, 0)  # when and at which round the pace was last taken

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._mark = (time.perf_counter(), gan.round)

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        if gan.record:  # else the last round was not this game's own (see gan_lab.ensemble)
            super().end(trainer, gan)

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        now, (before, since) = time.perf_counter(), self._mark
        self._mark = (now, gan.round)
        rates = {
            f"{name}/lr": optimizer.param_groups[0]["lr"]
            for name, optimizer in zip("dg", trainer.optimizers, strict=True)
        }
        for name in ("logits/real", "logits/fake"):
            logits = gan.record.get(name, torch.empty(0))
            finite = logits[logits.isfinite()]
            for record in records(trainer) if len(finite) else ():
                record.histogram(name, finite, gan.round)
        return {
            "images": gan.images,
            **observe(gan.record, gan.loss.boundary),
            **rates,
            "seconds": gan.seconds,
            "rounds_per_second": (gan.round - since) / (now - before),
        }


def observe(record: dict[str, Tensor], boundary: float | None) -> dict[str, float]:
    """Plain numbers out of a round's record.

    D's accuracy is the share of logits on the right side of `boundary`, the logit at which the loss's optimal D
    is undecided; for a loss without one it is left out.
    """
    metrics = {name: value.item() for name, value in record.items() if not name.startswith("logits/")}
    if boundary is not None and "logits/real" in record:
        metrics["d/accuracy_real"] = (record["logits/real"] > boundary).float().mean().item()
        metrics["d/accuracy_fake"] = (record["logits/fake"] < boundary).float().mean().item()
    return metrics
