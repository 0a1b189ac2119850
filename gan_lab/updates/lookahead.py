"""Lookahead: slow weights that follow the fast ones."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_lab.ranges import PositiveInt, UnitInterval
from gan_lab.types import Game, Linearised, LinearPoint, LinearRound, LinearSteps, Stateful, Update


@dataclass
class Lookahead:
    """Lookahead-minmax (Chavdarova et al. 2021, algorithm 1): the fast weights w are played by `inner`.

        slow <- slow + alpha (w - slow),  w <- slow      after every `every`-th round, for both players at once

    If an inner round is linear, w <- M w, then k rounds and the look back are (1 - alpha) I + alpha M^k, which
    contracts circles that M only turns. Optimisers keep their state, and batch statistics stay those of the fast
    weights.

    State: the slow weights, the rounds played, and the inner update's own.
    """

    seeds_together: ClassVar[bool] = True

    inner: Update
    every: PositiveInt = 5
    alpha: UnitInterval = 0.5
    _slow: list[Tensor] = field(default_factory=list, init=False, repr=False)
    _rounds: int = field(default=0, init=False, repr=False)

    @torch.no_grad()
    def _look_back(self, weights: list[Tensor]) -> None:
        self._slow = [torch.lerp(s.to(w.device), w, self.alpha) for s, w in zip(self._slow, weights, strict=True)]
        torch._foreach_copy_(weights, self._slow)

    def play(self, game: Game) -> None:
        weights: list[Tensor] = [*game.d.weights, *game.g.weights]
        if not self._slow:
            self._slow = [w.detach().clone() for w in weights]
        self.inner.play(game)
        self._rounds += 1
        if self._rounds % self.every == 0:
            self._look_back(weights)

    def linearised(self, steps: LinearSteps) -> LinearRound | None:
        inner = self.inner.linearised(steps) if isinstance(self.inner, Linearised) else None
        if inner is None or inner.rounds != 1:
            return None

        def play(point: LinearPoint) -> LinearPoint:
            fast = point
            for _ in range(self.every):
                fast = inner.play(fast)
            return fast._replace(w=torch.lerp(point.w, fast.w, self.alpha))  # neither momentum nor past is drawn back

        return inner._replace(play=play, rounds=self.every)

    def state_dict(self) -> dict[str, Any]:
        inner = self.inner.state_dict() if isinstance(self.inner, Stateful) else None
        return {"slow": self._slow, "rounds": self._rounds, "inner": inner}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._slow, self._rounds = state["slow"], state["rounds"]
        if isinstance(self.inner, Stateful):
            self.inner.load_state_dict(state["inner"])
