"""Gradient penalties (R1, R2, WGAN-GP) and weight clipping."""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class R1(Term):
    """1/2 E_x ||grad_x D(x)||^2 over real samples (Mescheder et al. 2018, eq. 9, with gamma = `weight`).

    Their code, GAN_stability, leaves out the 1/2: its `reg_param` 10 is a weight of 20 here. The code of StyleGAN2 and
    of R3GAN has it: their gamma is the weight.
    """

    seeds_together: ClassVar[bool] = True

    uses_input_gradient = True
    acts_on = ("d",)

    def value(self, context: StepContext) -> Tensor:
        return context.input_gradient(context.real).flatten(1).square().sum(1).mean() / 2


class R2(Term):
    """1/2 E_z ||grad_x D(x)||^2 at fakes x = G(z) (Mescheder et al. 2018, eq. 10, with gamma = `weight`; see `R1`)."""

    seeds_together: ClassVar[bool] = True

    uses_input_gradient = True
    acts_on = ("d",)

    def value(self, context: StepContext) -> Tensor:
        return context.input_gradient(context.fake).flatten(1).square().sum(1).mean() / 2


class GradientPenalty(Term):
    """WGAN-GP: E (||grad_x D(x^)|| - target)^2 at x^ = u x + (1 - u) G(z), u ~ U(0, 1) for each pair of samples.

    Gulrajani et al. 2017, eq. 3, with lambda = `weight`, there 10, and target 1; target 0 is the zero-centred penalty.
    """

    seeds_together: ClassVar[bool] = True

    acts_on = ("d",)

    def __init__(
        self,
        weight: NonNegativeFloat | Callable[[int], float] = 10.0,
        every: PositiveInt = 1,
        target: NonNegativeFloat = 1.0,
    ) -> None:
        super().__init__(weight, every)
        self.target = target

    def value(self, context: StepContext) -> Tensor:
        real, fake = context.real, context.fake
        u = context.uniform.to(real.dtype).view(-1, *[1] * (real.ndim - 1))
        norm = context.input_gradient(torch.lerp(fake, real, u)).flatten(1).norm(dim=1)
        return (norm - self.target).square().mean()


class DRAGAN(Term):
    """DRAGAN: E (||grad_x D(x^)|| - 1)^2 at real samples with noise, x^ = x + u sigma / 2 v.

    u ~ U(0, 1) for each sample, v ~ U(0, 1) for each pixel, sigma the deviation of the batch's pixels: the authors'
    code (kodalinaveen3/DRAGAN), with weight 10. Their paper (Kodali et al. 2017, eq. 5) has normal noise.
    """

    couples_samples: ClassVar[bool] = True  # by sigma

    acts_on = ("d",)

    def __init__(self, weight: NonNegativeFloat | Callable[[int], float] = 10.0, every: PositiveInt = 1) -> None:
        super().__init__(weight, every)

    def value(self, context: StepContext) -> Tensor:
        real = context.real
        u = context.uniform.to(real.dtype).view(-1, *[1] * (real.ndim - 1))
        noisy = real + u * real.std() / 2 * torch.rand_like(real)
        return (context.input_gradient(noisy).flatten(1).norm(dim=1) - 1).square().mean()


class MaxGradientPenalty(Term):
    """Lipschitz GAN: max ||grad_x D(x^)||^2 over a batch of x^ = u x + (1 - u) G(z), u ~ U(0, 1) for each pair.

    Zhou et al. 2019, eq. 10, with lambda = `weight`. Of several processes or parts of a batch: the mean of maxima.
    """

    couples_samples: ClassVar[bool] = True

    acts_on = ("d",)

    def __init__(self, weight: NonNegativeFloat | Callable[[int], float] = 10.0, every: PositiveInt = 1) -> None:
        super().__init__(weight, every)

    def value(self, context: StepContext) -> Tensor:
        real, fake = context.real, context.fake
        u = context.uniform.to(real.dtype).view(-1, *[1] * (real.ndim - 1))
        return context.input_gradient(torch.lerp(fake, real, u)).flatten(1).square().sum(1).max()


class WeightClip(Term):
    """Every parameter clamped to [-bound, bound] after the step (WGAN, Arjovsky et al. 2017, algorithm 1; c = .01).

    Parameters that are not trained stay as they are.
    """

    seeds_together: ClassVar[bool] = True

    def __init__(self, bound: PositiveFloat = 0.01, every: PositiveInt = 1) -> None:
        super().__init__(every=every)
        self.bound = bound

    def constrain(self, network: nn.Module) -> None:
        with torch.no_grad():
            for parameter in network.parameters():
                if parameter.requires_grad:
                    parameter.clamp_(-self.bound, self.bound)
