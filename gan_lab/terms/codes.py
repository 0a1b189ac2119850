"""Terms of the codes that Q sees: InfoGAN's mutual information, and invariant information between two views."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from gan_lab.terms.consistency_regularisation import Transformation, transformed
from gan_lab.terms.term import Term
from gan_lab.types import DiscriminatorOutput, StepContext


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


class InvariantInformation(Term):
    """-I(c; c') in nats, c and c' the codes that Q sees in a real image x and in T(x) (Ji et al. 2019, IIC, eq. 3).

    T is what `policy` makes of x: changes that leave the category what it is (`transformed`). Q is as in
    `MutualInformation`, and I the sum over the `categorical` codes. It is largest, log K, where Q is sure, says the
    same of both views, and has all K categories equally often. Both views are differentiated in D's weights. I is that
    of a batch of many times K samples: of each process's own, and of each part where gradients accumulate.

    Raises:
        UserError: the samples are no images, or D has no posterior of such codes; or there are no categories.
    """

    acts_on = ("d",)

    def __init__(
        self,
        policy: Mapping[str, Transformation | None],
        categorical: Sequence[PositiveInt] = (10,),
        weight: NonNegativeFloat | Callable[[int], float] = 1.0,
        every: PositiveInt = 1,
    ) -> None:
        super().__init__(weight, every)
        if not categorical:
            raise UserError("invariant_information: there are no categories, categorical=[]; leave the term out")
        self.policy = policy
        self.sizes = list(categorical)

    def value(self, context: StepContext) -> Tensor:
        view = context.discriminate(transformed(context.real, self.policy, "invariant_information"))
        codes = zip(self._posteriors(context.real_output), self._posteriors(view), strict=True)
        return -torch.stack([information(first, second) for first, second in codes]).sum()

    def _posteriors(self, output: DiscriminatorOutput) -> list[Tensor]:
        logits, width = output.class_logits, sum(self.sizes)
        if logits is None or logits.shape[1] < width:
            raise UserError("invariant_information: D has no posterior of such codes; take latent=codes")
        return [code.softmax(1) for code in logits[:, :width].split(self.sizes, 1)]


def information(first: Tensor, second: Tensor) -> Tensor:
    """I(c; c') in nats where c and c' are drawn from row i of `first` and of `second`, (N, K) both, i uniform.

    The joint distribution is made symmetric, as the order of two views says nothing. Below 1e-8 it counts as 1e-8.
    """
    joint = (first[:, :, None] * second[:, None, :]).mean(0)  # not by matmul, which autocast would round
    joint = ((joint + joint.T) / 2).clamp_min(1e-8)
    log_marginal = joint.sum(1).log()
    return (joint * (joint.log() - log_marginal[:, None] - log_marginal)).sum()
