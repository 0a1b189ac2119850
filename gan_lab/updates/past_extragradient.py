"""Extragradient from the past: the look-ahead uses the last gradient."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_lab.types import Game, LinearPoint, LinearRound, LinearSteps
from gan_lab.updates.vector_field import vector_field


@dataclass
class PastExtragradient:
    """Popov 1980; for GANs Gidel et al. 2019, algorithm 3, with Adam their PastExtraAdam.

        w'_t    = w_t - eta v(w'_{t-1})       w = (theta, psi),  v = (grad_theta J_G, grad_psi J_D)
        w_{t+1} = w_t - eta v(w'_t)

    One gradient a round, where `Extragradient` takes two. Both steps are the players' own optimisers', whose moments
    see each gradient twice; only the weights return to w. The first round has no past and is a simultaneous one. With
    plain gradient steps the points w' are those of `Optimistic`.

    State: the past gradients of each player.
    """

    seeds_together: ClassVar[bool] = True

    _past: dict[str, Sequence[Tensor]] = field(default_factory=dict, init=False, repr=False)

    def play(self, game: Game) -> None:
        weights: list[Tensor] = [*game.d.weights, *game.g.weights]
        start = [w.detach().clone() for w in weights]
        for player in (game.d, game.g):
            if player.name in self._past:
                past = [p.to(w.device) for p, w in zip(self._past[player.name], player.weights, strict=True)]
                game.move(player, past, counts=False)
        now = vector_field(game)
        with torch.no_grad():
            torch._foreach_copy_(weights, start)
        for player, gradient in zip((game.d, game.g), now, strict=True):
            if game.move(player, gradient):
                self._past[player.name] = gradient

    def linearised(self, steps: LinearSteps) -> LinearRound:
        def play(point: LinearPoint) -> LinearPoint:
            ahead = steps.both(point, steps.slope(point.past))  # past: w'_{t-1}
            return steps.both(ahead._replace(w=point.w), steps.slope(ahead.w))._replace(past=ahead.w)

        return LinearRound(play, remembers=True)

    def state_dict(self) -> dict[str, Any]:
        return {"past": self._past}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._past = state["past"]
