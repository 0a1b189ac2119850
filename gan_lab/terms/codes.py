"""Mutual information term of InfoGAN."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class MutualInformation(Term):
    """-L_I, L_I = H(c) + E log Q(c | G(z, c)) <= I(c; G(z, c)) in nats (Chen et al. 2016, InfoGAN, eq. 4-5).

    c are the last coordinates of z, laid out as in `latents.Codes`. Q has its parameters in D's class logits: a softmax
    for each of the `categorical` codes, then the means of Gaussians of standard deviation `std` (1 in the code of
    openai/InfoGAN) for the `continuous` ones. H is log K of a categorical and log 2 of a continuous code, a constant.
    D, which holds Q, and G both minimise it.
    """

    def __init__(
        self,
        categorical: Sequence[PositiveInt] = (10,),
        continuous: NonNegativeInt = 2,
        std: PositiveFloat = 1.0,
        weight: NonNegativeFloat = 1.0,
        every: PositiveInt = 1,
    ) -> None:
        super().__init__(weight, every)
        self.sizes = [*categorical, continuous]
        self.std = std

    def value(self, context: StepContext) -> Tensor:
        posterior, size = context.fake_output.class_logits, sum(self.sizes)
        if posterior is None or posterior.shape[1] != size or context.z.shape[1] <= size:
            raise UserError("mutual_information: z has no such codes, or D no posterior of them; take latent=codes")
        *codes, s = context.z[:, -size:].split(self.sizes, 1)
        *logits, means = posterior.split(self.sizes, 1)
        bound = torch.zeros((), device=posterior.device)
        for code, logit in zip(codes, logits, strict=True):
            bound = bound + math.log(code.shape[1]) - F.cross_entropy(logit, code.argmax(1))
        log_q = -((s - means) / self.std).square() / 2 - math.log(self.std * math.sqrt(2 * math.pi))
        return -(bound + (math.log(2) + log_q).sum(1).mean())
