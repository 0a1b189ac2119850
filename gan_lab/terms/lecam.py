"""LeCam regularisation: D's logits stay near moving averages of those of the other kind."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import relu

from gan_lab.distributed.collectives import mean
from gan_lab.ranges import NonNegativeFloat, NonNegativeInt, PositiveInt, UnitInterval
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class LeCam(Term):
    """E max(0, D(x) - a_F)^2 + E max(0, a_R - D(G(z)))^2 (Tseng et al. 2021, eq. 3), for training with few images.

        a_R <- decay a_R + (1 - decay) E D(x),   a_F <- decay a_F + (1 - decay) E D(G(z))

    before each step of D. As in the authors' code (google/lecam-gan): squares are of positive parts only, where the
    paper has both signs; the averages are those of the last batch during D's first `start` steps, after which the term
    counts. State: the two averages.
    """

    couples_samples: ClassVar[bool] = True  # by the averages

    acts_on = ("d",)

    averages: Tensor

    def __init__(
        self,
        weight: NonNegativeFloat | Callable[[int], float] = 0.3,
        every: PositiveInt = 1,
        decay: UnitInterval = 0.9,
        start: NonNegativeInt = 1000,
    ) -> None:
        super().__init__(weight, every)
        self.decay, self.start = decay, start
        self.register_buffer("averages", torch.zeros(2))  # of real and of generated samples

    def forward(self, context: StepContext, step: int) -> Tensor | None:
        seen = [context.real_output.logits.detach().mean(), context.fake_output.logits.detach().mean()]
        share = 1 - self.decay if step >= self.start else 1.0
        self.averages.lerp_(torch.stack(list(mean(seen))).to(self.averages), share)
        return super().forward(context, step) if step > self.start else None

    def value(self, context: StepContext) -> Tensor:
        of_real, of_fake = self.averages.clone()
        real, fake = context.real_output.logits, context.fake_output.logits
        return relu(real - of_fake).square().mean() + relu(of_real - fake).square().mean()
