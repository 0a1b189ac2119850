"""Contrastive conditioning: ContraGAN's and ReACGAN's losses of embeddings and of the classes' proxies."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt, UnitInterval
from gan_lab.terms.term import Term
from gan_lab.terms.twin_classifiers import classified
from gan_lab.types import StepContext


class _Contrastive(Term):
    """A loss of the real samples for D, of generated ones for G. Each part of a batch is contrasted within itself."""

    couples_samples: ClassVar[bool] = True  # what it says of one depends on the others of the batch

    def cosines(self, context: StepContext, term: str) -> tuple[Tensor, Tensor, Tensor]:
        """Those of any two samples, (N, N), and of each and the proxy of its class, (N,); whose classes are one."""
        output = context.real_output if self.player == "d" else context.fake_output
        proxies, y = classified(output, context.y, term)
        embedding = F.normalize(output.features[-1].float())
        return embedding @ embedding.T, proxies.gather(1, y[:, None])[:, 0], y[:, None] == y


class ConditionalContrastive(_Contrastive):
    """The 2C loss (ContraGAN, Kang & Park 2020, eq. 8), of samples with embeddings e_i and proxies v_y:

    -E_i log (a_i + sum_(j != i, y_j = y_i) s_ij) / (a_i + sum_(j != i) s_ij),
    a_i = exp(cos(e_i, v_(y_i)) / t),  s_ij = exp(cos(e_i, e_j) / t),  t the `temperature`.
    """

    def __init__(
        self, weight: NonNegativeFloat = 1.0, every: PositiveInt = 1, temperature: PositiveFloat = 1.0
    ) -> None:
        super().__init__(weight, every)
        self.temperature = temperature

    def value(self, context: StepContext) -> Tensor:
        samples, proxies, alike = self.cosines(context, "conditional_contrastive")
        logits = samples.diagonal_scatter(proxies) / self.temperature  # a sample's proxy in its own place
        return (logits.logsumexp(1) - logits.masked_fill(~alike, -torch.inf).logsumexp(1)).mean()


class DataToDataCrossEntropy(_Contrastive):
    """The D2D-CE loss (ReACGAN, Kang et al. 2021, eq. 9), of samples with embeddings e_i and proxies v_y:

        E_i [a_i + log(exp(-a_i) + sum_(y_j != y_i) exp(s_ij))],
        a_i = max(0, m - cos(e_i, v_(y_i))) / t,  s_ij = max(0, cos(e_i, e_j) - (1 - m)) / t,

    m the `margin` and t the `temperature`. The authors' code takes from s_ij, beforehand, the largest
    (cos(e_i, e_k) - (1 - m)) / t of any other sample k, as a constant: `relative`, without which it is the equation.
    """

    def __init__(
        self,
        weight: NonNegativeFloat = 0.5,
        every: PositiveInt = 1,
        temperature: PositiveFloat = 0.5,
        margin: UnitInterval = 0.98,
        relative: bool = True,
    ) -> None:
        super().__init__(weight, every)
        self.temperature, self.margin, self.relative = temperature, margin, relative

    def value(self, context: StepContext) -> Tensor:
        samples, proxies, alike = self.cosines(context, "data_to_data_cross_entropy")
        attraction = F.relu(self.margin - proxies) / self.temperature
        repulsion = (samples - (1 - self.margin)) / self.temperature
        logits = F.relu(repulsion)
        if self.relative:
            least = (self.margin - 2) / self.temperature  # a cosine of -1, in place of that with itself
            others = repulsion.detach().diagonal_scatter(torch.full_like(proxies, least))
            logits = logits - others.amax(1, keepdim=True)
        logits = logits.masked_fill(alike, -torch.inf)
        return (attraction + torch.cat([-attraction[:, None], logits], 1).logsumexp(1)).mean()
