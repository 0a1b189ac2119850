"""Alternating gradient descent: an inner loop for D, nested in an outer one for G."""

from dataclasses import dataclass

from gan_lab.ranges import PositiveInt
from gan_lab.types import Game, Player, Turn


@dataclass(frozen=True)
class Alternating:
    """k steps of D with G frozen, then m steps of G with D frozen (Goodfellow et al. 2014, algorithm 1).

        psi   <- psi   - eta_D grad_psi   J_D(theta, psi)     k = `d_steps` times
        theta <- theta - eta_G grad_theta J_G(theta, psi)     m = `g_steps` times, at the new psi

    Every step draws fresh data and fresh noise. With `reuse_fake` the first step of G has those of the last step of D,
    which saves a pass through G, as in the DCGAN of PyTorch's examples. (The code of Radford et al. 2016, in Theano,
    draws anew for every step. Its Torch code reuses the samples, and D's logits of them from before D's
    step, too; here D judges them anew.)
    """

    d_steps: PositiveInt = 1
    g_steps: PositiveInt = 1
    reuse_fake: bool = False

    def play(self, game: Game) -> None:
        for _ in range(self.d_steps - self.reuse_fake):
            self._step(game, game.d, game.turn(game.d))
        if self.reuse_fake:
            turn = game.turn(game.d, game.g)
            self._step(game, game.d, turn)
            self._step(game, game.g, turn.against())
        for _ in range(self.g_steps - self.reuse_fake):
            self._step(game, game.g, game.turn(game.g))

    @staticmethod
    def _step(game: Game, player: Player, turn: Turn) -> None:
        (gradient,) = game.gradients(turn, player)
        game.move(player, gradient)
