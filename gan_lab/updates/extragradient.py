"""Extragradient: the gradient at a looked-ahead point, applied at the present one."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.types import Game, LinearPoint, LinearRound, LinearSteps
from gan_lab.updates.vector_field import move, vector_field


@dataclass(frozen=True)
class Extragradient:
    """Korpelevich 1976; for GANs Gidel et al. 2019, algorithms 2 (ExtraSGD) and 4 (ExtraAdam).

        w'  = w - eta v(w)       w = (theta, psi),  v = (grad_theta J_G, grad_psi J_D)
        w  <- w - eta v(w')

    Each of the two gradients has its fresh batch. Both steps are the players' own optimisers', and as in ExtraAdam
    their moments see both gradients: only the weights return to w. Constraints hold at w' too (in Korpelevich's
    method both points are projected). The round counts as one update of each player, so that both gradients have the
    same lazy terms.

    On min_x max_y xy a round turns and contracts (x, y) by sqrt((1 - eta^2)^2 + eta^2) < 1 for eta < 1.
    """

    seeds_together: ClassVar[bool] = True

    def play(self, game: Game) -> None:
        weights: list[Tensor] = [*game.d.weights, *game.g.weights]
        start = [w.detach().clone() for w in weights]
        move(game, vector_field(game), counts=False)
        ahead = vector_field(game)
        with torch.no_grad():
            torch._foreach_copy_(weights, start)
        move(game, ahead)

    def linearised(self, steps: LinearSteps) -> LinearRound:
        def play(point: LinearPoint) -> LinearPoint:
            ahead = steps.both(point, steps.slope(point.w))
            return steps.both(ahead._replace(w=point.w), steps.slope(ahead.w))

        return LinearRound(play)
