"""Alternating gradient descent: an inner loop for D, nested in an outer one for G."""

from dataclasses import dataclass

from gan_lab.ranges import PositiveInt
from gan_lab.types import Game, Player


@dataclass(frozen=True)
class Alternating:
    """k steps of D with G frozen, then m steps of G with D frozen (Goodfellow et al. 2014, algorithm 1).

        psi   <- psi   - eta_D grad_psi   J_D(theta, psi)     k = `d_steps` times
        theta <- theta - eta_G grad_theta J_G(theta, psi)     m = `g_steps` times, at the new psi

    Every step draws fresh data and fresh noise.
    """

    d_steps: PositiveInt = 1
    g_steps: PositiveInt = 1

    def play(self, game: Game) -> None:
        for _ in range(self.d_steps):
            self._step(game, game.d)
        for _ in range(self.g_steps):
            self._step(game, game.g)

    @staticmethod
    def _step(game: Game, player: Player) -> None:
        (gradient,) = game.gradients(game.turn(player), player)
        game.move(player, gradient)
