"""Discriminator rejection sampling (DRS)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.ranges import PositiveInt
from gan_lab.sampling.estimation import estimated
from gan_lab.sampling.proposals import Proposals
from gan_lab.sampling.protocol import Sampler, Trained

MOST = 10_000  # proposals for one sample
EPSILON = 1e-14  # of F


@dataclass(frozen=True)
class Rejection:
    """G(z) is accepted with probability sigmoid(F), where D's logit is d (Azadi et al. 2019):

        F = d - M - log(1 - exp(d - M - epsilon)) - gamma,

    M the largest logit. Without gamma that is exp(d - M); so, if d = log p_data / p_g up to a constant, accepted
    samples are of p_data. gamma is the given percentile of F, where one half are accepted (the higher, the more
    selective); None: gamma = 0. M and gamma are those of `burn_in` samples, and M grows with a sample's own proposals:
    no sample depends on another.

    Raises:
        UserError: D gives no logit for a sample alone; or no proposal of many was accepted.
    """

    needs: ClassVar[tuple[str, ...]] = ("discriminator", "ratio")
    redraws: ClassVar[bool] = True

    percentile: Annotated[float, Field(ge=0, le=100)] | None = 95.0
    burn_in: PositiveInt = 10_000

    def sampler(self, trained: Trained) -> Sampler:
        found = estimated(trained, self.burn_in, "burn-in")
        largest, gamma = found.max(), 0.0
        if self.percentile is not None:
            gamma = odds(found, largest).quantile(self.percentile / 100).item()

        def draw(z: Tensor, y: Tensor | None, seed: int, first: int = 0) -> Tensor:
            proposals = Proposals(trained, z, y, seed, first)
            samples: list[Tensor | None] = [None] * len(z)
            most = largest.expand(len(z)).clone()
            left = list(range(len(z)))
            for _ in range(MOST):
                x, d, u = proposals.next(left)
                most[left] = most[left].maximum(d)
                accepted = u <= torch.sigmoid(odds(d, most[left]) - gamma)
                for i in accepted.nonzero().flatten().tolist():
                    samples[left[i]] = x[i]
                left = [row for row in left if samples[row] is None]
                if not left:
                    return torch.stack([sample for sample in samples if sample is not None])
            raise UserError(
                f"sampling=drs: of {MOST} proposals none was accepted for a sample; take a lower sampling.percentile, "
                "or sampling=mh"
            )

        return draw


def odds(d: Tensor, most: Tensor) -> Tensor:
    """F without gamma: the log-odds of accepting logits d, of which the largest so far is `most`."""
    below = d - most
    return below - torch.log1p(-torch.exp(below - EPSILON))
