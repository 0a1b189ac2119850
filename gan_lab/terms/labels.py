"""Label terms: auxiliary classification, semi-supervised cost, feature matching."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.distributed.collectives import mean
from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class AuxiliaryClassifier(Term):
    """-E log P(y | x) with `real`, and with `fake` -E log P(y | G(z, y)): AC-GAN's -L_C (Odena et al. 2017, section 3).

    P is the softmax of D's class logits. In the paper D has both parts. Without the second D learns its classes from
    real samples alone, and agrees with G on no others. G has the second, which it can change.
    """

    on_d_alone: ClassVar[tuple[str, ...]] = ("real",)  # parts that do not depend on G

    def __init__(
        self, weight: NonNegativeFloat = 1.0, every: PositiveInt = 1, real: bool = True, fake: bool = True
    ) -> None:
        super().__init__(weight, every)
        if not (real or fake):
            raise ValueError("real and fake are both false, which leaves it nothing; leave the term out")
        self.real, self.fake = real, fake

    def value(self, context: StepContext) -> Tensor:
        outputs = [context.fake_output] if self.fake else []
        outputs += [context.real_output] if self.real else []
        costs = [_cross_entropy(output.class_logits, context.y) for output in outputs]
        return torch.stack(costs).sum()


def _cross_entropy(class_logits: Tensor | None, y: Tensor | None) -> Tensor:
    if class_logits is None or y is None:
        missing = "D has no class logits" if class_logits is None else "the data have no labels"
        raise UserError(f"auxiliary_classifier: {missing}; it belongs to conditioning=auxiliary and labelled data")
    return F.cross_entropy(class_logits, y)


class Supervised(Term):
    """-E log P(y | x) over the real samples whose labels are shown (Salimans et al. 2016, section 5, L_supervised).

    P is the softmax of D's class logits. The paper's code has it beside 1/2 J_D: with the J_D of losses.py it has
    weight 2.
    """

    acts_on = ("d",)
    reads_labelled = True

    def value(self, context: StepContext) -> Tensor:
        shown = context.labelled
        if shown is None:
            raise UserError(
                "supervised: the data have no labels that are shown beside hidden ones; set data.labels=100"
            )
        class_logits = context.discriminate(shown.x, shown.y).class_logits
        if class_logits is None or shown.y is None:
            raise UserError("supervised: D has no class logits; take model=mlp_2016")
        return F.cross_entropy(class_logits, shown.y)


class FeatureMatching(Term):
    """1/d ||E phi(x) - E phi(G(z))||^2, phi D's last features, d their number (Salimans et al. 2016, section 3.1).

    The factor 1/d is that of the paper's code. Means are over the batch, of real and of generated samples.
    """

    couples_samples: ClassVar[bool] = True  # what it says of one depends on the others of the batch

    def value(self, context: StepContext) -> Tensor:
        outputs = (context.real_output, context.fake_output)
        if not all(output.features for output in outputs):
            raise UserError("feature_matching: D shows no features; take model=mlp or dcgan")
        # A function of the whole batch's means, not a mean of one over samples: the processes' parts are put together.
        real, fake = mean([output.features[-1].float().flatten(1).mean(0) for output in outputs])
        return (real - fake).square().mean()
