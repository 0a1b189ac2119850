"""Discriminator-driven latent sampling (DDLS)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_lab.sampling.draws import draws_itself
from gan_lab.sampling.estimation import APART, check_apart, inputs, logits
from gan_lab.sampling.protocol import Sampler, Trained
from gan_lab.seeding import derive_seed
from gan_lab.types import Density


@dataclass(frozen=True)
class Langevin:
    """x = G(z) at the end of `steps` steps of Langevin dynamics in z, whose energy is (Che et al. 2020)

        E(z) = -log p(z) - d(G(z)),   z <- z - rate / 2 grad E(z) + noise sqrt(rate) n,   n ~ N(0, 1),

    d being D's logit. If d = log p_data / p_g up to a constant, and z has the density exp(-E) up to a factor, G(z) is
    of p_data where G reaches it. With noise = 1 the chain tends to that density, as the rate tends to 0 and the steps
    grow; with less it goes to modes. z as drawn is the start.

    Raises:
        UserError: the noise has no density with a gradient (`latent=normal` has); G draws noise of its own; D gives no
            logit for a sample alone.
    """

    needs: ClassVar[tuple[str, ...]] = ("discriminator", "ratio")
    redraws: ClassVar[bool] = True

    steps: PositiveInt = 100
    rate: PositiveFloat = 0.01
    noise: NonNegativeFloat = 1.0

    def sampler(self, trained: Trained) -> Sampler:
        latent = trained.latent
        if not isinstance(latent, Density):
            raise UserError(
                f"sampling=ddls: the density of the noise, {type(latent).__name__}, has no gradient; take latent=normal"
            )
        z, y = inputs(trained, APART, "check")
        if draws_itself(trained.generate, z, y):
            raise UserError("sampling=ddls: this generator draws noise of its own beside z; take sampling=mh")
        check_apart(trained, z, y)

        def draw(z: Tensor, y: Tensor | None, seed: int, first: int = 0) -> Tensor:
            streams = [torch.Generator().manual_seed(derive_seed(seed, "langevin", first + i)) for i in range(len(z))]
            for _ in range(self.steps):
                moves = torch.stack([torch.randn(z.shape[1], generator=stream) for stream in streams])
                z = moved(trained, latent, z, y, self.rate, self.noise * moves)
            with torch.no_grad():
                return trained.generate(z, y)

        return draw


def moved(trained: Trained, density: Density, z: Tensor, y: Tensor | None, rate: float, noise: Tensor) -> Tensor:
    """z after a step with this noise, (N, latent dim)."""
    return z - rate / 2 * slope(trained, density, z, y) + rate**0.5 * noise


def slope(trained: Trained, density: Density, z: Tensor, y: Tensor | None) -> Tensor:
    """grad E(z), (N, latent dim)."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        energy = -density.log_prob(z) - logits(trained, trained.generate(z, y), y)
        (found,) = torch.autograd.grad(energy.sum(), z)
    return found
