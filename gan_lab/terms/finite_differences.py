"""R1 and R2 by finite differences, without gradients of gradients."""

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class _FiniteDifference(Term):
    """A term of D(x) and D(x + sigma eps), eps ~ N(0, 1) in each number of x."""

    seeds_together: ClassVar[bool] = True

    acts_on = ("d",)

    def __init__(
        self,
        weight: NonNegativeFloat | Callable[[int], float] = 100.0,
        every: PositiveInt = 1,
        sigma: PositiveFloat = 0.01,
    ) -> None:
        super().__init__(weight, every)
        self.sigma = sigma

    def difference(self, context: StepContext, x: Tensor) -> Tensor:
        """E (D(x) - D(x + sigma eps))^2, a scalar, D(x) the sum of all logits of x, as for R1."""
        near = x + self.sigma * context.normal.to(x.dtype)
        # Both views begin from the same buffers, so that spectral normalisation divides by the same number in both.
        at, beside = (_total(context.discriminate(each).all_logits) for each in (x, near))
        return (at - beside).square().mean()


class ApproximateR1(_FiniteDifference):
    """E_x (D(x) - D(x + sigma eps))^2 over real samples, eps ~ N(0, I) (Lin et al. 2025, APT: aR1).

    It is sigma^2 E ||grad_x D(x)||^2 up to terms of the order sigma^4, so that `R1` of weight 2 `weight` sigma^2 is its
    limit. It serves networks that have no second derivative, and saves no time: D is asked twice more (a step of a
    ResNet's D at 32 pixels on a CPU takes 2.1 times as long with it, 1.8 times with `R1`). sigma is in the units of x;
    the defaults are this lab's choice. A D that is random itself (dropout, augmentation, instance noise) draws anew for
    either view, which adds the variance of that; in half precision sigma has to exceed what rounding does to logits.
    """

    def value(self, context: StepContext) -> Tensor:
        return self.difference(context, context.real)


class ApproximateR2(_FiniteDifference):
    """The same of generated samples: E_z (D(x) - D(x + sigma eps))^2 at x = G(z), near `R2` as aR1 is near `R1`."""

    def value(self, context: StepContext) -> Tensor:
        return self.difference(context, context.fake)


def _total(scales: Sequence[Tensor]) -> Tensor:
    """The sum of all logits of each sample, (N,)."""
    return torch.stack([logits.reshape(len(logits), -1).sum(1) for logits in scales]).sum(0)
