"""Loss scale of a player in half precision."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class LossScale:
    """S, by which one player's objective J is multiplied (Micikevicius et al. 2018, section 3.2, dynamic scaling).

        grad J = grad(S J) / S;    not finite: no step, S <- S / 2;    `interval` steps in a row: S <- 2 S

    Each player has its own: the two take turns, and their gradients differ by orders of magnitude. What is handed on
    is grad J itself, so that whatever an update makes of gradients is right.

    State: S, and the steps since it last changed.
    """

    value: float = 2.0**16
    interval: int = 2000
    _steps: int = field(default=0, init=False, repr=False)

    def gradient(self, objective: Tensor, weights: Sequence[Tensor], **options: Any) -> list[Tensor]:
        """That of the objective in the weights."""
        return [slope / self.value for slope in torch.autograd.grad(objective * self.value, weights, **options)]

    def allows(self, gradient: Sequence[Tensor]) -> bool:
        """Whether the player may step along it; S learns from it. Processes that step along one gradient agree."""
        finite = bool(torch.stack([slope.isfinite().all() for slope in gradient]).all())
        self._steps = self._steps + 1 if finite else 0
        if not finite:
            self.value /= 2
        elif self._steps == self.interval:
            self.value, self._steps = 2 * self.value, 0
        return finite

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value, self._steps = state["value"], state["steps"]
