"""Optimistic gradient descent: a step corrected by the change of the gradient."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from gan_lab.types import Game, LinearPoint, LinearRound, LinearSteps
from gan_lab.updates.vector_field import vector_field


@dataclass
class Optimistic:
    """Past-gradient form of extragradient, at one gradient a round (Popov 1980; Daskalakis et al. 2018).

        w_{t+1} = w_t - eta (2 v(w_t) - v(w_{t-1}))       w = (theta, psi),  v = (grad_theta J_G, grad_psi J_D)

    The first round has no past and is a simultaneous one: v(w_{-1}) = v(w_0). A gradient that was not stepped along, as
    it overflowed in half precision, is no past. The direction 2 v_t - v_{t-1} goes through the players' own optimisers,
    and gradient clipping acts on it. With Adam that is Adam of the optimistic gradient, which is neither Daskalakis's
    Optimistic Adam, which extrapolates Adam's normalised step (optimizer=optimistic_adam update=simultaneous), nor
    Gidel's PastExtraAdam (update=past_extragradient).

    State: the past gradients of each player.
    """

    seeds_together: ClassVar[bool] = True

    _past: dict[str, Sequence[Tensor]] = field(default_factory=dict, init=False, repr=False)

    def play(self, game: Game) -> None:
        for player, now in zip((game.d, game.g), vector_field(game), strict=True):
            past = self._past.get(player.name, now)
            ahead = [2 * n - p.to(n.device) for n, p in zip(now, past, strict=True)]
            if game.move(player, ahead):
                self._past[player.name] = now

    def linearised(self, steps: LinearSteps) -> LinearRound:
        def play(point: LinearPoint) -> LinearPoint:
            return steps.both(point, steps.slope(2 * point.w - point.past))._replace(past=point.w)

        return LinearRound(play, remembers=True)

    def state_dict(self) -> dict[str, Any]:
        return {"past": self._past}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._past = state["past"]
