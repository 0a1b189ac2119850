"""True divergence of the generator from a known density, on request."""

from typing import Any, ClassVar

import pytorch_lightning as pl
import torch

from gan_lab.callbacks.far_samples import conditions
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
    intervals: ClassVar[tuple[str, ...]] = ("every",)

    def __init__(self, every: PositiveInt, n: PositiveInt = 50_000, bins: PositiveInt = 64) -> None:
        self.every, self.n, self.bins = every, n, bins

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        density = getattr(trainer.datamodule, "density", None)  # type: ignore[attr-defined]
        if not isinstance(density, Density) or density.sample(1, torch.Generator()).shape[1] > 2:
            raise UserError("true_divergence: the data have no known density in one or two dimensions; take data=ring")

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        generator = torch.Generator().manual_seed(derive_seed(gan.seed, "truth"))
        real, again = data.density.sample(self.n, generator), data.density.sample(self.n, generator)
        with torch.random.fork_rng(devices=[]):
            fake = gan.sample(gan.latent.sample(self.n, generator), conditions(gan, data, self.n)).float().cpu()
        return {
            "equilibrium/binned_jsd": binned_jsd(real, fake, self.bins),
            "equilibrium/binned_jsd_floor": binned_jsd(real, again, self.bins),
        }
