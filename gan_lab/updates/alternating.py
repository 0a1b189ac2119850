"""Alternating gradient descent: an inner loop for D, nested in an outer one for G."""

from dataclasses import dataclass
from typing import ClassVar

from gan_lab.ranges import PositiveInt
from gan_lab.types import Game, LinearPoint, LinearRound, LinearSteps, Player, StepContext


@dataclass(frozen=True)
class Alternating:
    """k steps of D with G frozen, then m steps of G with D frozen (Goodfellow et al. 2014, algorithm 1).

        psi   <- psi   - eta_D grad_psi   J_D(theta, psi)     k = `d_steps` times
        theta <- theta - eta_G grad_theta J_G(theta, psi)     m = `g_steps` times, at the new psi

    Every step draws fresh data and fresh noise.
    """

    seeds_together: ClassVar[bool] = True

    d_steps: PositiveInt = 1
    g_steps: PositiveInt = 1

    def play(self, game: Game) -> None:
        for _ in range(self.d_steps):
            step(game, game.d, game.context(game.d))
        for _ in range(self.g_steps):
            step(game, game.g, game.context(game.g))

    def linearised(self, steps: LinearSteps) -> LinearRound:
        return linearised(steps, self.d_steps, self.g_steps)


@dataclass(frozen=True)
class SharedFakes:
    """Alternating descent in which the last step of D and the first step of G share data, noise and samples.

    This saves a pass through G, as in the DCGAN of PyTorch's examples. (The code of Radford et al. 2016, in Theano,
    draws anew for every step. Its Torch code shares D's logits of the samples from before D's step, too; here D judges
    them anew.)
    """

    seeds_together: ClassVar[bool] = True
    keeps_graph: ClassVar[bool] = True  # of the whole batch, from D's step to G's

    d_steps: PositiveInt = 1
    g_steps: PositiveInt = 1

    def play(self, game: Game) -> None:
        for _ in range(self.d_steps - 1):
            step(game, game.d, game.context(game.d))
        shared = game.context(game.d, game.g)
        step(game, game.d, shared)
        step(game, game.g, shared.against())
        for _ in range(self.g_steps - 1):
            step(game, game.g, game.context(game.g))

    def linearised(self, steps: LinearSteps) -> LinearRound:
        return linearised(steps, self.d_steps, self.g_steps)


def step(game: Game, player: Player, context: StepContext) -> None:
    """One step of the player down its own gradient."""
    (gradient,) = game.gradients(context, player)
    game.move(player, gradient)


def linearised(steps: LinearSteps, d_steps: int, g_steps: int) -> LinearRound:
    """k steps of D, then m of G."""

    def play(point: LinearPoint) -> LinearPoint:
        for move in (*[steps.d] * d_steps, *[steps.g] * g_steps):
            point = move(point)
        return point

    return LinearRound(play)
