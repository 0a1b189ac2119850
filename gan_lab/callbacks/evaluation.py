"""Evaluation of samples by metrics along a run, on request."""

from typing import Any

import pytorch_lightning as pl
import torch

from gan_lab.callbacks.game_callback import data_of
from gan_lab.callbacks.measuring import Measuring
from gan_lab.callbacks.sampler import omitted_if_refused, sampler_of
from gan_lab.evaluation.evaluator import Evaluator
from gan_lab.game.gan import GAN
from gan_lab.metrics.metric import measure
from gan_lab.ranges import NonNegativeInt, PositiveInt
from gan_lab.sampling import PLAIN, Sampling


class Evaluation(Measuring):
    """Publishes `evaluation/NAME` for all that the metrics say, of each `every`-th round and the last.

    They compare `n` generated samples, drawn by `sampling`, with `real` real ones (None: n, or all there are), by
    `features`. Noise and real
    samples follow from `seed` alone: the same at every round and in all runs. So the figure is the one that
    `python -m gan_lab.evaluate` with the same settings gives to a run that ends at that round.

    Raises:
        UserError: the data have no such features, or the metrics need what these samples do not have.
    """

    def __init__(
        self,
        every: PositiveInt,
        metrics: dict[str, Any],
        features: Any,
        n: PositiveInt = 1000,
        real: PositiveInt | None = None,
        seed: NonNegativeInt = 0,
        batch_size: PositiveInt = 250,
        sampling: Sampling = PLAIN,
    ) -> None:
        self.every, self.metrics, self.features = every, metrics, features
        self.n, self.real, self.seed, self.batch_size = n, real, seed, batch_size
        self.sampling = sampling
        self._evaluation: Evaluator | None = None

    @property
    def goals(self) -> dict[str, str]:
        """The direction of each figure that has one, for the loggers."""
        goals = {"higher": "max", "lower": "min"}
        figures = {name: best for metric in self.metrics.values() for name, best in metric.figures.items()}
        return {f"evaluation/{name}": goals[best] for name, best in figures.items() if best in goals}

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._evaluation = Evaluator(
            data_of(trainer),
            self.features,
            self.metrics,
            self.n,
            self.real,
            self.seed,
            self.batch_size,
            gan.device,
            gan.conditional,
        )

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        assert self._evaluation is not None
        found: dict[str, dict[str, float]] = {}
        with (
            omitted_if_refused(gan, self.sampling, "evaluation"),
            torch.random.fork_rng(devices=[]),
            sampler_of(gan, data_of(trainer), self.sampling) as sampler,
        ):
            fake = self._evaluation.fake(sampler, gan.latent)
            found = measure(self.metrics, self._evaluation.real, fake)
        return {f"evaluation/{name}": value for values in found.values() for name, value in values.items()}
