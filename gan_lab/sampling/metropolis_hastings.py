"""Metropolis-Hastings sampling of a GAN (MH-GAN)."""

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.ranges import PositiveInt
from gan_lab.sampling.calibration import Isotonic
from gan_lab.sampling.estimation import estimated, logits
from gan_lab.sampling.proposals import Proposals
from gan_lab.sampling.protocol import Sampler, Trained


@runtime_checkable
class Calibration(Protocol):
    """A fit of P(real | logit)."""

    def fit(self, real: Tensor, fake: Tensor) -> "Calibrated":
        """By logits (N,) and (M,)."""


class Calibrated(Protocol):
    """log P(real | d) / P(fake | d) of logits d (N,), both kinds being as frequent."""

    def __call__(self, d: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class MetropolisHastings:
    """The end of a chain of `length` proposals G(z), each accepted with probability (Turner et al. 2019)

        min(1, exp(w(x') - w(x))),   w = log D / (1 - D),

    D calibrated by up to `held_out` real samples that it has not learnt from, and as many generated ones. If w is
    log p_data / p_g, the chain's distribution tends to p_data. A chain starts from the w of one of those real samples;
    where nothing is accepted, another one starts from its first proposal. Calibration makes any logit do that grows
    with the ratio, that of hinge or Wasserstein too.

    Raises:
        UserError: D gives no logit for a sample alone; the data have no unseen samples.
    """

    needs: ClassVar[tuple[str, ...]] = ("discriminator", "unseen")
    redraws: ClassVar[bool] = True

    calibration: Calibration = field(default_factory=Isotonic)
    length: PositiveInt = 640
    held_out: PositiveInt = 1000

    @torch.no_grad()
    def sampler(self, trained: Trained) -> Sampler:
        found = None if trained.unseen is None else trained.unseen(self.held_out)
        if found is None:
            raise UserError(
                "sampling=mh: calibrates D by real samples that no training has seen, and the data keep none; take "
                "sampling=drs or sampling=ddls, or train on data with a test set (of data=digits, data.subset=N leaves "
                "one out)"
            )
        y = found.y if trained.conditional else None
        parts = zip(found.x.split(256), [None] * len(found.x) if y is None else y.split(256), strict=False)
        real = torch.cat([logits(trained, *part) for part in parts])
        ratio = self.calibration.fit(real, estimated(trained, len(real), "calibration"))
        starts = ratio(real)

        def draw(z: Tensor, y: Tensor | None, seed: int, first: int = 0) -> Tensor:
            proposals = Proposals(trained, z, y, seed, first)
            rows = list(range(len(z)))
            chosen = [int(torch.randint(len(starts), (), generator=stream)) for stream in proposals.streams]
            samples, moved = chained(proposals, rows, starts[chosen], ratio, self.length)
            stuck = [row for row in rows if not moved[row]]
            if stuck:
                again, _ = chained(proposals, stuck, torch.full((len(stuck),), -torch.inf), ratio, self.length)
                samples[stuck] = again
            return samples

        return draw


def chained(
    proposals: Proposals, rows: list[int], start: Tensor, ratio: Calibrated, length: int
) -> tuple[Tensor, Tensor]:
    """The ends of chains from states whose w is `start`, and which have moved; from -inf the first is accepted."""
    w, moved = start.double(), torch.zeros(len(rows), dtype=torch.bool)
    samples: Tensor | None = None
    for _ in range(length):
        x, d, u = proposals.next(rows)
        proposed = ratio(d)
        accepted = u.log() <= proposed - w
        w, moved = torch.where(accepted, proposed, w), moved | accepted
        keep = accepted.to(x.device).view(-1, *[1] * (x.ndim - 1))
        samples = x if samples is None else torch.where(keep, x, samples)
    assert samples is not None
    return samples, moved
