"""Simultaneous gradient descent: both players move from the same point."""

from dataclasses import dataclass
from typing import ClassVar

from gan_lab.types import Game, LinearRound, LinearSteps
from gan_lab.updates.vector_field import move, vector_field


@dataclass(frozen=True)
class Simultaneous:
    """Both gradients at the same point (theta, psi), then one step each (Goodfellow 2016, section 3.2).

        (theta, psi) <- (theta - eta_G grad_theta J_G(theta, psi),  psi - eta_D grad_psi J_D(theta, psi))

    One batch of data and one of noise serve both, and so does one forward pass.
    """

    seeds_together: ClassVar[bool] = True

    def play(self, game: Game) -> None:
        move(game, vector_field(game))

    def linearised(self, steps: LinearSteps) -> LinearRound:
        return LinearRound(lambda point: steps.both(point, steps.slope(point.w)))
