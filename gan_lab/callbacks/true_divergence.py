"""True divergence of the generator from a known density, on request."""

from typing import ClassVar

import pytorch_lightning as pl
import torch

from gan_lab.callbacks.far_samples import conditions
from gan_lab.callbacks.game_callback import data_of
from gan_lab.callbacks.measuring import Measuring
from gan_lab.equilibrium.samples import binned_jsd
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.ranges import PositiveInt
from gan_lab.seeding import derive_seed
from gan_lab.types import Density


class TrueDivergence(Measuring):
    """`equilibrium/binned_jsd` in nats of each `every`-th round and the last, for a known density in 1 or 2 dimensions.

    JSD(p_data || p_g) of `n` samples each in bins^d cells, with `binned_jsd_floor`, what two sets of real samples
    give. p_g itself has no formula, so the distance of D from D* = p_data / (p_data + p_g) is not estimated.

    Raises:
        UserError: the data have no such density.
    """

    goals: ClassVar = {"equilibrium/binned_jsd": "min"}

    def __init__(self, every: PositiveInt, n: PositiveInt = 50_000, bins: PositiveInt = 64) -> None:
        self.every, self.n, self.bins = every, n, bins

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        density = getattr(data_of(trainer), "density", None)
        if not isinstance(density, Density) or density.sample(1, torch.Generator()).shape[1] > 2:
            raise UserError("true_divergence: the data have no known density in one or two dimensions; take data=ring")
        self._density = density

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        generator = torch.Generator().manual_seed(derive_seed(gan.seed, "truth"))
        real, again = self._density.sample(self.n, generator), self._density.sample(self.n, generator)
        y = conditions(gan, data_of(trainer), self.n)
        with torch.random.fork_rng(devices=[]):
            fake = gan.sample(gan.latent.sample(self.n, generator), y).float().cpu()
        return {
            "equilibrium/binned_jsd": binned_jsd(real, fake, self.bins),
            "equilibrium/binned_jsd_floor": binned_jsd(real, again, self.bins),
        }
