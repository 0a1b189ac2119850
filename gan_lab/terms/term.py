"""Base of all terms: weight, interval, and constraints on weights."""

from collections.abc import Callable
from typing import ClassVar, Literal

from torch import Tensor, nn

from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.types import StepContext


class Term(nn.Module):
    """A penalty `weight * value(context)`, or a constraint that `constrain` restores after the player's step.

    Lazy regularisation (Karras et al. 2020, StyleGAN2, appendix B): with `every` = n the term counts at every n-th
    update of its player, times n, so that its average over updates is that of the eager one. A constraint is
    restored at every n-th update.

    `weight` is a number, or a function of the player's updates so far.

    A term that `uses_input_gradient` asks for it at the samples of the game themselves, which D then judges once.
    `acts_on` names the players on whose weights its value depends; mounted on the other it is refused. One that
    `reads_labelled` uses the samples whose labels are shown: without any, `data.labels` is refused.

    A state, such as a moving average, is a buffer that is changed in place, never replaced. Write the term as if it
    were asked once a step: where an update asks several times, each time begins with the state from before the step,
    and the last one stays.
    """

    uses_input_gradient: ClassVar[bool] = False
    acts_on: ClassVar[tuple[str, ...]] = ("d", "g")
    reads_labelled: ClassVar[bool] = False

    player: Literal["d", "g"] = "d"  # whose term it is, which the player says that takes it

    def __init__(self, weight: NonNegativeFloat | Callable[[int], float] = 1.0, every: PositiveInt = 1) -> None:
        super().__init__()
        self.weight = weight
        self.every = every

    def due(self, step: int) -> bool:
        """Whether the term counts at its player's update number `step` (from 0)."""
        return step % self.every == 0

    def forward(self, context: StepContext, step: int) -> Tensor | None:
        """What the player's objective grows by at its update number `step`: a scalar, or None where it does not."""
        if not self.due(step):
            return None
        value = self.value(context)
        weight = self.weight(step) if callable(self.weight) else self.weight
        return None if value is None else weight * self.every * value

    def value(self, context: StepContext) -> Tensor | None:
        """The penalty itself, a scalar; None for a pure constraint."""
        return None

    def constrain(self, network: nn.Module) -> None:
        """Project the player's weights back, in place, after its step."""
