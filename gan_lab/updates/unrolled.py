"""Unrolled GAN: G's gradient passes through K steps of D."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from gan_lab.ranges import PositiveFloat, PositiveInt
from gan_lab.types import Game
from gan_lab.updates.higher_order import higher_order


@dataclass(frozen=True)
class Unrolled:
    """Metz et al. 2017, eq. 7-10: G descends the whole value of the game at the D that answers it in K = `steps` steps.

        psi_0 = psi,    psi_{i+1} = psi_i + step(grad_psi J_D(theta, psi_i))        i = 0, ..., K - 1
        theta descends V(theta, psi_K(theta)) = -J_D(theta, psi_K(theta)), plus G's terms

    where psi_K depends on theta, and is differentiated through. Both terms of V count: E log D(x) depends on theta
    through psi_K. As K grows, psi_K becomes the best D, and V becomes 2 JSD(p || q) - log 4. This holds for zero-sum
    losses (`minimax`, `wasserstein`). With any other loss G descends its own J_G(theta, psi_K(theta)), a heuristic: it
    is the gradient of no divergence.

    `step` is that of D's own optimiser, from its present state, as in the paper, which unrolls Adam; or, with `lr`, a
    plain gradient step of this size. D moves one real step from psi, along grad_psi J_D(theta, psi); both gradients are
    taken at the same (theta, psi), as in simultaneous descent. (Where D has converged to rounding, Adam divides by next
    to nothing, and the derivative of its steps grows without bound: take no more steps than D needs.)

    The foreseen steps are made on the round's own batch and noise, with D's terms, without gradient clipping and
    constraints. They leave no trace in D. The recorded loss of G is the foreseen one. Memory and time grow with K.
    Terms that hold gradients are differentiated a third time, and where that is not possible they are refused.
    """

    seeds_together: ClassVar[bool] = True
    differentiates_gradients: ClassVar[bool] = True

    steps: PositiveInt = 5
    lr: PositiveFloat | None = None

    @higher_order()
    def play(self, game: Game) -> None:
        context = game.context(game.d, game.g)
        step = game.foresight(game.d) if self.lr is None else self._descend
        weights: Sequence[Tensor] = [*game.d.weights]
        for _ in range(self.steps):
            foreseen, _ = game.objective(game.d, context.against(weights))
            weights = step(weights, game.gradient(game.d, foreseen, weights=weights, create_graph=True))
        g_gradient = game.gradient(
            game.g, *game.objective(game.g, context.against(weights), whole=True), retain_graph=True
        )
        d_gradient = game.gradient(game.d, *game.objective(game.d, context))
        game.move(game.d, d_gradient)
        game.move(game.g, g_gradient)

    def _descend(self, weights: Sequence[Tensor], gradient: Sequence[Tensor]) -> Sequence[Tensor]:
        return [weight - self.lr * slope for weight, slope in zip(weights, gradient, strict=True)]  # type: ignore[operator]
