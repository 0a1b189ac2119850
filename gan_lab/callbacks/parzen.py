"""Parzen-window log-likelihood along a run, for monitoring."""

from typing import ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.far_samples import conditions
from gan_lab.callbacks.game_callback import data_of
from gan_lab.callbacks.measuring import Measuring
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.metrics.parzen import best_sigma
from gan_lab.ranges import PositiveInt
from gan_lab.seeding import derive_seed

SIGMAS = torch.logspace(-1, 0, 10).tolist()  # for data in [0, 1]; parzen_ll.py of goodfeli/adversarial


class Parzen(Measuring):
    """Publishes `parzen/valid` (nats) and `parzen/sigma` of each `every`-th round and the last.

    `samples` samples against the first `held_out` training images that `data.subset` leaves out, all scaled to [0, 1]
    as in the 2014 paper; the best of ten sigmas.

    Raises:
        UserError: the data leave out no images.
    """

    goals: ClassVar = {"parzen/valid": "max"}

    def __init__(self, every: PositiveInt = 2500, samples: PositiveInt = 10_000, held_out: PositiveInt = 1000) -> None:
        self.every, self.samples, self.held_out = every, samples, held_out
        self._data: Tensor | None = None
        self._y: Tensor | None = None

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        data = data_of(trainer)
        if not hasattr(data, "held_out"):
            raise UserError("parzen: the data have no images to hold out; take data=mnist data.subset=50000")
        self._data = data.held_out(self.held_out).x.flatten(1).add(1).div(2)
        self._y = conditions(gan, data, self.samples)

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        assert self._data is not None
        noise = torch.Generator().manual_seed(derive_seed(gan.seed, "parzen", gan.round))
        samples = gan.sample(gan.latent.sample(self.samples, noise), self._y).cpu().flatten(1).add(1).div(2)
        sigma, mean = best_sigma(samples, self._data, SIGMAS)
        return {"parzen/valid": mean, "parzen/sigma": sigma}
