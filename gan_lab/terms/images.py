"""Image terms of G: reconstruction, consistency, mode seeking."""

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from gan_lab.distributed.collectives import mean
from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class Reconstruction(Term):
    """E |x - G(z, y)|^power, averaged over pixels, of each real x and the fake for its condition y.

    `power` 1 is pix2pix's L1 (Isola et al. 2017, eq. 3, there with weight 100), 2 SRGAN's pixel-wise MSE (Ledig et al.
    2017, eq. 4). Its best answer is one for each y: the median or the mean of all right ones.

    Raises:
        UserError: the game has no conditions, so that no fake belongs to a real sample.
    """

    acts_on = ("g",)

    def __init__(self, weight: NonNegativeFloat = 100.0, every: PositiveInt = 1, power: PositiveFloat = 1.0) -> None:
        super().__init__(weight, every)
        self.power = power

    def value(self, context: StepContext) -> Tensor:
        if context.condition is None:
            raise UserError(
                "reconstruction: without a condition no fake has its real sample; take model=pix2pix or srgan"
            )
        return _distance(context.fake, context.real, self.power)


class Consistency(Term):
    """E |y - A G(z, y)|^power, averaged over y's pixels: what was given of an image is found in the generated one.

    `degradation` is the A that the conditions y = A x are made by. Unlike `Reconstruction` it leaves the rest to G.
    """

    acts_on = ("g",)

    def __init__(
        self,
        degradation: Callable[[Tensor], Tensor],
        weight: NonNegativeFloat = 10.0,
        every: PositiveInt = 1,
        power: PositiveFloat = 1.0,
    ) -> None:
        super().__init__(weight, every)
        self.degradation, self.power = degradation, power

    def value(self, context: StepContext) -> Tensor:
        if context.y is None:
            raise UserError(
                "consistency: the data have no conditions; it belongs to degradation=half or low_resolution"
            )
        return _distance(self.degradation(context.fake), context.y, self.power)


def _distance(a: Tensor, b: Tensor, power: float) -> Tensor:
    return (a - b).abs().pow(power).mean()


class ModeSeeking(Term):
    """-E d(G(z, y), G(z', y)) / d(z, z'), d the mean absolute difference: other noise shall give another sample.

    Mao et al. 2019, eq. 3, which maximises the ratio; their code minimises its inverse (`ModeSeekingInverse`), so that
    weights do not carry over. z' is the z of another sample of the batch: one more evaluation of G, and no more noise.
    """

    couples_samples: ClassVar[bool] = True  # what it says of one depends on the others of the batch

    acts_on = ("g",)

    def value(self, context: StepContext) -> Tensor:
        samples, noises = _differences(context)
        return -(samples / noises.clamp_min(1e-5)).mean()  # a batch of one sample has no other noise


class ModeSeekingInverse(Term):
    """1 / (E d(G(z, y), G(z', y)) / E d(z, z') + 1e-5), as in the code of Mao et al. 2019, there with weight 1.

    A ratio of means over the batch, where `ModeSeeking` is a mean of ratios. Its pull grows as samples become alike:
    its gradient is that of the ratio r times 1 / r^2.
    """

    couples_samples: ClassVar[bool] = True  # what it says of one depends on the others of the batch

    acts_on = ("g",)

    def value(self, context: StepContext) -> Tensor:
        # A function of the whole batch's means: the processes' parts are put together.
        samples, noises = mean([differences.mean() for differences in _differences(context)])
        return 1 / (samples / noises.clamp_min(1e-5) + 1e-5)


def _differences(context: StepContext) -> tuple[Tensor, Tensor]:
    """Mean absolute differences of two samples for one condition, and of their noises: (N,) each."""
    other = context.z.roll(1, 0)
    samples = (context.fake - context.generate(other)).abs().flatten(1).mean(1)
    return samples, (context.z - other).abs().mean(1)
