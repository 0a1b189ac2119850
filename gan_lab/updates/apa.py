"""Adaptive pseudo augmentation (APA): generated samples among the real ones that D learns from."""

from typing import Any, ClassVar

import torch

from gan_lab.ranges import PositiveInt, UnitInterval
from gan_lab.types import Game, StepContext
from gan_lab.updates.alternating import step


class APA:
    """Alternating k : m descent in which D learns from generated samples as real ones with probability p.

        J_D of x' = G(z'), with probability p for each sample, else x        (Jiang et al. 2021, section 3.2)

    z' is fresh noise, and in a conditional game G is given the condition of the sample that it replaces; the authors'
    code takes the samples of G's last step, with labels drawn for those. Terms of D see x' for x, too; G's step does
    not. D then learns to tell p_g from (1 - p) p_data + p p_g, and its figures are about these.

    Args:
        d_steps: k.
        g_steps: m.
        p: at first; `callbacks=[default,adaptive_augment]`, which `update=apa` brings along, steers it.

    State: p.
    """

    steered: ClassVar[bool] = True  # p, by callbacks.adaptive_augment

    def __init__(self, d_steps: PositiveInt = 1, g_steps: PositiveInt = 1, p: UnitInterval = 0.0) -> None:
        self.d_steps, self.g_steps = d_steps, g_steps
        self.p = torch.tensor(float(p))

    def play(self, game: Game) -> None:
        for _ in range(self.d_steps):
            step(game, game.d, self.deceived(game, game.context(game.d)))
        for _ in range(self.g_steps):
            step(game, game.g, game.context(game.g))

    def deceived(self, game: Game, context: StepContext) -> StepContext:
        """The step with x' in place of x; the step itself while p is 0."""
        if not self.p:
            return context
        drawn = game.context(game.d)  # of which only noise and uniform numbers are drawn
        pseudo = (drawn.uniform < self.p).view(-1, *[1] * (context.real.ndim - 1))
        return context.replacing(real=torch.where(pseudo, context.generate(drawn.z), context.real))

    def state_dict(self) -> dict[str, Any]:
        return {"p": self.p}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.p = state["p"]
