"""Classifier two-sample tests."""

from typing import NamedTuple

import torch
from scipy.stats import binom
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.pairwise import nearest, paired
from gan_lab.metrics.probe import fit_probe
from gan_lab.seeding import derive_seed

TIE = 1e-9  # of a distance: what rounding may add to equal ones


class NearestNeighbourTest(NamedTuple):
    """Leave-one-out accuracy of the 1-NN classifier: on all points, on real ones, on fakes."""

    accuracy: float
    real: float
    fake: float


def nearest_neighbour_test(real: Tensor, fake: Tensor, chunk: int = 1000) -> NearestNeighbourTest:
    """The share of points whose nearest other point is of their own kind: 0.5 is best.

    The leave-one-out accuracy of a 1-NN classifier of as many real points (N, d) as fakes (N, d) (Lopez-Paz & Oquab
    2017, section 3; Xu et al. 2018, section 2). Above 1/2 the kinds are apart, as where modes are lost; below, down to
    0, each point has its partner among the others: the fakes are copies of the real points. Where fakes keep to the
    middle of the modes, `real` is low and `fake` high. Nearest points of both kinds at one distance count half.

    Raises:
        UserError: unequal numbers, of which chance would not be 1/2.
    """
    paired(real, fake)
    if len(real) != len(fake):
        raise UserError(f"{len(real)} real points and {len(fake)} fakes: the 1-NN test needs equal numbers")

    def right(own: Tensor, other: Tensor) -> float:
        among, between = (nearest(own, cloud, chunk=chunk).distances for cloud in (None, other))
        tie = (among - between).abs() <= TIE * between
        return torch.where(tie, 0.5, (among < between).double()).mean().item()

    on_real, on_fake = right(real, fake), right(fake, real)
    return NearestNeighbourTest((on_real + on_fake) / 2, on_real, on_fake)


class ClassifierTest(NamedTuple):
    """Held-out accuracy, and a bound on the probability of so many right answers if there were nothing to tell."""

    accuracy: float
    p_value: float


def classifier_test(real: Tensor, fake: Tensor, hidden: int = 20, decay: float = 1e-2, seed: int = 0) -> ClassifierTest:
    """The classifier two-sample test, C2ST: accuracy 0.5 is best (Lopez-Paz & Oquab 2017, section 3).

    A perceptron with `hidden` ReLUs (20 as in their C2ST-NN; 0: logistic regression) learns to tell a random half of
    the real points (N, d) from as many fakes (M, d), and is asked about as many held out. Where the laws are equal, and
    it says "real" of a share a, its right answers of m are Binomial(m/2, a) + Binomial(m/2, 1 - a): m/2 on average, and
    no wider than Binomial(m, 1/2). So the p-value, P(Binomial(m, 1/2) >= n) of n right answers, is at most nominal. An
    accuracy near 1/2 says that this classifier at this number of points finds nothing, not that there is nothing. Of
    unequal numbers, so many of the larger cloud are left out.
    """
    paired(real, fake, least=4)
    rng, half = torch.Generator().manual_seed(derive_seed(seed, "c2st")), min(len(real), len(fake)) // 2
    train, test = [], []
    for cloud in (real, fake):
        order = torch.randperm(len(cloud), generator=rng).to(cloud.device)
        train.append(cloud[order[:half]])
        test.append(cloud[order[half : 2 * half]])
    kinds = torch.arange(2, device=real.device).repeat_interleave(half)
    probe = fit_probe(torch.cat(train), kinds, 2, hidden, decay, seed)
    right = int((probe(torch.cat(test)) == kinds).sum())
    return ClassifierTest(right / (2 * half), float(binom.sf(right - 1, 2 * half, 0.5)))
