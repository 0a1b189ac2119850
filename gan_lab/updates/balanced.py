"""Balanced updates: the weaker player makes more steps."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from gan_lab.ranges import OpenUnitInterval, PositiveInt, UnitInterval
from gan_lab.types import Game
from gan_lab.updates.alternating import Alternating


@dataclass
class Balanced:
    """Alternating k : m descent, with k and m from 1 to `most`, that holds D's accuracy a in [`low`, `high`].

        a <- memory a + (1 - memory) accuracy of the round
        a > high: D is too strong, one step more for G (k - 1, or m + 1 once k = 1)
        a < low:  D is too weak, one step more for D (m - 1, or k + 1 once m = 1)

    Goodfellow 2016, section 4.4, on balancing G and D, warns that a good D does no harm by itself; this is for
    those who balance by steps all the same. The accuracy is the share of real and fake logits on their own side of
    the loss's boundary, at D's last step of the round; losses without a boundary are refused in the first round.

    State: a, and D's lead in steps (k - 1, or 1 - m).
    """

    reads_numbers: ClassVar[bool] = True  # a, in each round, which waits for the device

    low: UnitInterval = 0.6
    high: UnitInterval = 0.8
    most: PositiveInt = 5
    memory: OpenUnitInterval = 0.9
    _accuracy: float | None = field(default=None, init=False, repr=False)
    _lead: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low must be below high; they are {self.low} and {self.high}")

    def play(self, game: Game) -> None:
        Alternating(d_steps=1 + max(0, self._lead), g_steps=1 + max(0, -self._lead)).play(game)
        seen = game.accuracy()
        past = seen if self._accuracy is None else self._accuracy
        self._accuracy = self.memory * past + (1 - self.memory) * seen
        if self._accuracy > self.high:
            self._lead = max(self._lead - 1, 1 - self.most)
        elif self._accuracy < self.low:
            self._lead = min(self._lead + 1, self.most - 1)

    def state_dict(self) -> dict[str, Any]:
        return {"accuracy": self._accuracy, "lead": self._lead}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._accuracy, self._lead = state["accuracy"], state["lead"]
