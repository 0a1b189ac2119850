"""Consensus optimisation: both players also minimise the norm of both gradients."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from gan_lab.ranges import NonNegativeFloat
from gan_lab.types import Game, LinearPoint, LinearRound, LinearSteps
from gan_lab.updates.higher_order import higher_order
from gan_lab.updates.vector_field import move, vector_field


@dataclass(frozen=True)
class Consensus:
    """Mescheder, Nowozin & Geiger 2017, algorithm 2 (there v is ascended, here the costs are descended).

        w <- w - eta (v(w) + gamma grad_w L(w))       w = (theta, psi),  v = (grad_theta J_G, grad_psi J_D)
        L = 1/2 ||v||^2

    `weight` is gamma; gradient clipping acts on the sum. At an equilibrium grad L is A'A (w - w*) with A the Jacobian
    of v, so that purely imaginary eigenvalues of A, which make the players circle, gain a positive real part. Other
    stationary points of L become attractive too. v is that of the mini-batch, for which L is biased upwards by the
    gradients' variance. Terms are part of v; those that hold gradients themselves are differentiated a third time, and
    where that is not possible they are refused.
    """

    seeds_together: ClassVar[bool] = True
    differentiates_gradients: ClassVar[bool] = True

    weight: NonNegativeFloat = 10.0

    @higher_order()
    def play(self, game: Game) -> None:
        d_gradient, g_gradient = vector_field(game, create_graph=True)
        energy = torch.stack([part.square().sum() for part in (*d_gradient, *g_gradient)]).sum() / 2
        d_pull, g_pull = game.gradient(game.d, energy, retain_graph=True), game.gradient(game.g, energy)
        d_sum = [v.detach() + self.weight * pull for v, pull in zip(d_gradient, d_pull, strict=True)]
        g_sum = [v.detach() + self.weight * pull for v, pull in zip(g_gradient, g_pull, strict=True)]
        move(game, (d_sum, g_sum))

    def linearised(self, steps: LinearSteps) -> LinearRound:
        def play(point: LinearPoint) -> LinearPoint:
            return steps.both(point, steps.slope(point.w) + self.weight * steps.consensus(point.w))

        return LinearRound(play)
