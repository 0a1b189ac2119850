"""Unrolled GAN: the generator foresees how the discriminator will answer."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gan_lab.ranges import PositiveFloat, PositiveInt
from gan_lab.types import Game
from gan_lab.updates.higher_order import higher_order


@dataclass(frozen=True)
class Unrolled:
    """Metz et al. 2017: G descends J_G(theta, psi_K), where K = `steps` and

        psi_0 = psi,    psi_{i+1} = psi_i - `lr` grad_psi J_D(theta, psi_i)

    depend on theta, and are differentiated through. D moves one real step from psi, along grad_psi J_D(theta, psi)
    by its own optimiser; both gradients are taken at the same (theta, psi), as in simultaneous descent.

    The foreseen steps are plain gradient steps on the round's own batch and noise, with D's terms but without its
    optimiser's momentum, gradient clipping or constraints. They leave no trace in D. The recorded loss of G is the
    foreseen one. Memory and time grow with K. Terms that hold gradients are differentiated a third time, and where that
    is not possible they are refused.
    """

    differentiates_gradients: ClassVar[bool] = True

    steps: PositiveInt = 5
    lr: PositiveFloat = 0.1

    @higher_order()
    def play(self, game: Game) -> None:
        turn = game.turn(game.d, game.g)
        weights: list[Tensor] = [*game.d.weights]
        for _ in range(self.steps):
            foreseen = game.objective(game.d, turn.against(weights))
            gradient = game.gradient(game.d, foreseen, weights, create_graph=True)
            weights = [w - self.lr * slope for w, slope in zip(weights, gradient, strict=True)]
        g_gradient = game.gradient(game.g, game.objective(game.g, turn.against(weights)), retain_graph=True)
        # D's own objective comes last, so that its own losses and logits are the ones on record.
        d_gradient = game.gradient(game.d, game.objective(game.d, turn))
        game.move(game.d, d_gradient)
        game.move(game.g, g_gradient)
