"""Path length regularisation: steps in W change images by the same length everywhere."""

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.distributed.collectives import mean
from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveInt, UnitInterval
from gan_lab.terms.term import Term
from gan_lab.types import StepContext, Styled


class PathLength(Term):
    """E (|J' n| - a)^2, J = dG/dw, n ~ N(0, 1 / (H W)) for each pixel (Karras et al. 2020, section 3.2, eq. 4).

        |J' n|^2 = mean over layers of the squared norms of grad_w <G(w), n>,    a <- a + decay (E |J' n| - a)

    before the penalty, which is differentiated through the new a. It looks at the first of every `shrink` samples of
    the batch, made anew. As in the authors' code (NVlabs/stylegan2-ada-pytorch), but that the mean of w does not follow
    these samples. State: a, over all processes.

    Raises:
        UserError: the generator has no styles.
    """

    couples_samples: ClassVar[bool] = True  # by their mean length

    acts_on = ("g",)

    length: Tensor

    def __init__(
        self,
        weight: NonNegativeFloat | Callable[[int], float] = 2.0,
        every: PositiveInt = 4,
        decay: UnitInterval = 0.01,
        shrink: PositiveInt = 2,
    ) -> None:
        super().__init__(weight, every)
        self.decay, self.shrink = decay, shrink
        self.register_buffer("length", torch.zeros(()))

    def value(self, context: StepContext) -> Tensor:
        generator = context.g.network
        if not isinstance(generator, Styled):
            raise UserError(
                f"g_terms.path_length: {type(generator).__name__} has no styles; take model=stylegan2, or leave it out"
            )
        n = max(1, len(context.z) // self.shrink)
        y = None if context.condition is None else context.condition[:n]
        w = generator.styles(context.z[:n], y)
        image = generator.synthesise(w)
        noise = torch.randn_like(image) / math.sqrt(image[0, 0].numel())
        (slope,) = torch.autograd.grad((image * noise).sum(), w, create_graph=True)
        lengths = slope.to(self.length).square().sum(2).mean(1).sqrt()
        typical = self.length.lerp(mean([lengths.mean()])[0], self.decay)
        self.length.copy_(typical.detach())
        return (lengths - typical).square().mean()
