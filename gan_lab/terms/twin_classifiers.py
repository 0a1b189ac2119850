"""Twin auxiliary classifiers: TAC-GAN's and ADC-GAN's costs of both players."""

from torch import Tensor
from torch.nn.functional import cross_entropy

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import DiscriminatorOutput, StepContext


def classified(output: DiscriminatorOutput, y: Tensor | None, term: str) -> tuple[Tensor, Tensor]:
    """The class logits of D, and the labels that they are held against.

    Raises:
        UserError: there are none.
    """
    if output.class_logits is None or y is None:
        missing = "D has no class logits" if output.class_logits is None else "the data have no labels"
        raise UserError(f"{term}: {missing}; it belongs to its own conditioning and labelled data")
    return output.class_logits, y


class TwinAuxiliaryClassifier(Term):
    """TAC-GAN's classifiers, C of real and its twin M of generated samples (Gong et al. 2019, eq. 6).

        D:  -E log C(y | x) - t E log M(y | G(z, y))
        G:  -E log C(y | G(z, y)) + t E log M(y | G(z, y))

    `twin` is t. C and M are softmaxes of the first and of the second half of D's class logits (`TwinDiscriminator`).
    G's second part keeps it from leaving out samples near the classes' borders, which an AC-GAN's G does.
    """

    def __init__(self, weight: NonNegativeFloat = 1.0, every: PositiveInt = 1, twin: NonNegativeFloat = 1.0) -> None:
        super().__init__(weight, every)
        self.twin = twin

    def value(self, context: StepContext) -> Tensor:
        logits, y = classified(context.fake_output, context.y, "twin_auxiliary_classifier")
        of_fake, of_twin = (cross_entropy(half, y) for half in logits.chunk(2, 1))
        if self.player == "g":
            return of_fake - self.twin * of_twin
        of_real = cross_entropy(classified(context.real_output, y, "twin_auxiliary_classifier")[0].chunk(2, 1)[0], y)
        return of_real + self.twin * of_twin


class DiscriminativeClassifier(Term):
    """ADC-GAN's classifier C of 2 K classes, the real and the generated samples of each (Hou et al. 2022, eq. 7-8).

        D:  -E log C(y, real | x) - E log C(y, fake | G(z, y))
        G:  -E log C(y, real | G(z, y)) + E log C(y, fake | G(z, y))

    C is the softmax of D's class logits, those of the real classes first (`TwinDiscriminator`).
    """

    def value(self, context: StepContext) -> Tensor:
        logits, y = classified(context.fake_output, context.y, "discriminative_classifier")
        as_fake = cross_entropy(logits, y + logits.shape[1] // 2)
        if self.player == "g":
            return cross_entropy(logits, y) - as_fake
        return cross_entropy(classified(context.real_output, y, "discriminative_classifier")[0], y) + as_fake
