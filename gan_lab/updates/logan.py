"""LOGAN: both players learn from samples whose noise D's gradient has improved."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.ranges import NonNegativeFloat, PositiveFloat, UnitInterval
from gan_lab.types import Game, StepContext
from gan_lab.updates.higher_order import higher_order


@dataclass(frozen=True)
class LOGAN:
    """Latent optimisation by natural gradient (Wu et al. 2019, algorithm 1), in alternating 1 : 1 descent.

        g = grad_z D(G(z)),  step = alpha g / (beta + ||g||^2),  z' = clip(z + step, -bound, bound)
        psi   <- psi   - eta_D grad_psi   [J_D(theta, psi; z') + weight E ||step||^2]
        theta <- theta - eta_G grad_theta [J_G(theta, psi; z') + weight E ||step||^2]

    g is differentiated, too: z' depends on both players. Each noise is improved with the probability `share`, and the
    clipping holds for all. Defaults are those of PyTorch-StudioGAN (configs/CIFAR10/LOGAN.yaml); D's logits are
    asked once more in each step. Samples of a finished run are of plain noise.
    """

    differentiates_gradients: ClassVar[bool] = True

    alpha: NonNegativeFloat = 0.9
    beta: PositiveFloat = 0.1
    share: UnitInterval = 0.8
    weight: NonNegativeFloat = 0.1
    bound: PositiveFloat | None = 1.0

    @higher_order()
    def play(self, game: Game) -> None:
        for player in (game.d, game.g):
            context, cost = self.improved(game.context(player))
            loss, seen = game.objective(player, context)
            game.move(player, game.gradient(player, loss + self.weight * cost, seen))

    def improved(self, context: StepContext) -> tuple[StepContext, Tensor]:
        """The step with z' in place of z, and E ||step||^2, a scalar."""
        z = context.z.detach().requires_grad_(True)
        logits = context.discriminate(context.generate(z)).logits
        (slope,) = torch.autograd.grad(logits.sum(), z, create_graph=True, materialize_grads=True)
        norm = slope.square().sum(1, keepdim=True)
        step = self.alpha * slope / (self.beta + norm)
        better = z + step * (context.uniform > 1 - self.share).unsqueeze(1)
        if self.bound is not None:
            better = better.clamp(-self.bound, self.bound)
        return context.replacing(z=better), step.square().sum(1).mean()
