"""Consistency regularisation (CR, bCR, zCR): D says the same of what differs by an augmentation, or by little noise."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext

Transformation = Callable[[Tensor, Tensor], Tensor]


def transformed(x: Tensor, policy: Mapping[str, Transformation | None], term: str) -> Tensor:
    """T(x), drawn anew for each image: one transformation (x, p) -> T(x) after the other, at p = 1, for this term.

    Raises:
        UserError: x are no images.
    """
    if x.ndim != 4:
        raise UserError(f"{term}: augments images (N, C, H, W), and samples are {tuple(x.shape)}")
    always = torch.ones((), device=x.device)
    for transformation in policy.values():
        x = x if transformation is None else transformation(x, always)
    return x


class ConsistencyRegularisation(Term):
    """E (D(x) - D(T(x)))^2 over real samples (CR; Zhang et al. 2020, eq. 3, weight 10), T drawn anew for each image.

    `fake` is the share of the same over generated samples: 1 is bCR with equal weights (Zhao et al. 2021, algorithm 1,
    weights 10 and 10), 0 is CR. T is what `policy` makes of x (`transformed`). Both views are differentiated in D's
    weights.

    Raises:
        UserError: the samples are no images.
    """

    acts_on = ("d",)

    def __init__(
        self,
        policy: Mapping[str, Transformation | None],
        weight: NonNegativeFloat | Callable[[int], float] = 10.0,
        every: PositiveInt = 1,
        fake: NonNegativeFloat = 0.0,
    ) -> None:
        super().__init__(weight, every)
        self.policy = policy
        self.fake = fake

    def value(self, context: StepContext) -> Tensor:
        value = self._gap(context, context.real, context.real_output.logits)
        if self.fake:
            value = value + self.fake * self._gap(context, context.fake.detach(), context.fake_output.logits)
        return value

    def _gap(self, context: StepContext, x: Tensor, logits: Tensor) -> Tensor:
        return mse_loss(context.discriminate(transformed(x, self.policy, "consistency_regularisation")).logits, logits)


class _NearNoise(Term):
    """A term of samples G(z) and G(z + e), e ~ N(0, radius^2) in each coordinate."""

    def __init__(
        self,
        weight: NonNegativeFloat | Callable[[int], float] = 1.0,
        every: PositiveInt = 1,
        radius: PositiveFloat = 0.05,
    ) -> None:
        super().__init__(weight, every)
        self.radius = radius

    def near(self, context: StepContext) -> Tensor:
        return context.generate(context.z + self.radius * torch.randn_like(context.z))


class LatentConsistency(_NearNoise):
    """zCR, D's part: E (D(G(z)) - D(G(z + e)))^2 (Zhao et al. 2021, algorithm 2, there with weight lambda_dis)."""

    acts_on = ("d",)

    def value(self, context: StepContext) -> Tensor:
        return mse_loss(context.discriminate(self.near(context).detach()).logits, context.fake_output.logits)


class LatentDiversity(_NearNoise):
    """zCR, G's part: -E (G(z) - G(z + e))^2, a mean over pixels (as above, there with weight lambda_gen = 0.5).

    It is not bounded below: small weights only.
    """

    acts_on = ("g",)

    def value(self, context: StepContext) -> Tensor:
        return -mse_loss(self.near(context), context.fake)
