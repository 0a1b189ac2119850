"""Publish what the players saw, every so many rounds."""

import time
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.gan import GAN
from gan_lab.loggers import records
from gan_lab.ranges import PositiveInt


class Metrics(pl.Callback):
    """Losses, terms, D's accuracy, learning rates, images seen and pace, at round 1 and at each `every`-th round.

    Loggers that take them get histograms of D's logits as well.
    The losses are those of that very round, not a mean over the interval. `images` counts real samples drawn;
    `seconds` the time spent on training, over all parts of an interrupted run.
    """

    intervals: ClassVar[tuple[str, ...]] = ("every",)

    def __init__(self, every: PositiveInt = 50) -> None:
        self.every = every
        self._mark = (0.0, 0)  # when and at which round the pace was last taken

    def on_train_start(self, trainer: pl.Trainer, gan: GAN) -> None:  # type: ignore[override]
        self._mark = (time.perf_counter(), gan.round)

    def on_train_batch_end(  # type: ignore[override]
        self, trainer: pl.Trainer, gan: GAN, *_: Any
    ) -> None:
        if gan.round % self.every and gan.round != 1:
            return
        now, (before, since) = time.perf_counter(), self._mark
        self._mark = (now, gan.round)
        rates = {
            f"{name}/lr": optimizer.param_groups[0]["lr"]
            for name, optimizer in zip("dg", trainer.optimizers, strict=True)
        }
        gan.publish(
            {
                "images": gan.images,
                **observe(gan.record, gan.loss.boundary),
                **rates,
                "seconds": gan.seconds,
                "rounds_per_second": (gan.round - since) / (now - before),
            }
        )
        for name in ("logits/real", "logits/fake"):
            logits = gan.record.get(name, torch.empty(0))
            finite = logits[logits.isfinite()]
            for record in records(trainer) if len(finite) else ():
                record.histogram(name, finite, gan.round)


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
