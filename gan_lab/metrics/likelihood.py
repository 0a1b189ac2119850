"""Feature likelihood divergence: how likely held-out data are under a mixture around the samples."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from gan_lab.metrics.pairwise import paired

STEPS, RATE, ENOUGH = 50, 0.5, 5e-4  # of Adam, and how little the last five losses may differ
OUTER = 0.9  # of the distance to the data's mean, at which a wide component lies that keeps outliers from deciding


class Divergence(NamedTuple):
    """The divergence, and how much likelier training points are than held-out ones: both in nats / d, times 100."""

    value: float
    gap: float


def feature_likelihood(train: Tensor, held_out: Tensor, fake: Tensor, most: int = 10_000) -> Divergence:
    """The FLD: lower is better, about 0 for equal laws (Jiralerspong et al. 2023, section 3).

        100 (L(fake) - L(half of train)),    L(c) = -mean log p(x | c) / d, x held out

    with p(x | c) = 1/M sum_j N(x; c_j, s_j^2) of centres c, whose widths s_j maximise the likelihood of training
    points: a centre that copies one gets no width, and says nothing of held-out ones. The baseline's centres are one
    half of the training points, its widths those that fit the other. Features are divided by the held-out points'
    deviations first, and those that are constant there are left out. Distances of all pairs are held at once: 8 bytes
    for each of `2 most` x `most`, in several copies.
    `gap`, 100 (L of training points - L of held-out ones), is far below 0 for copies.

    Of each set the first `most` count, as in their code (of the training points twice as many).
    """
    paired(train, held_out)
    paired(train, fake)
    varying = held_out.double().std(0) > 0  # a constant feature has no deviation to be divided by
    if not varying.any():
        raise ValueError("all features of the held-out samples are constant")
    train, held_out, fake = (x[:, varying] for x in (train, held_out, fake))
    mean, deviation = held_out.double().mean(0), held_out.double().std(0)
    train, held_out, fake = (
        (x[:n].double() - mean) / deviation for x, n in ((train, 2 * most), (held_out, most), (fake, most))
    )
    sizes = min(len(fake), len(train) // 2)
    baseline = negative_likelihood(held_out, train[:sizes], widths(train[sizes:], train[:sizes]))
    fitted = widths(train, fake)
    found = negative_likelihood(held_out, fake, fitted)
    return Divergence(100 * (found - baseline), 100 * (negative_likelihood(train, fake, fitted) - found))


def widths(points: Tensor, centres: Tensor) -> Tensor:
    """log s_j^2 (M,) of the mixture around `centres` (M, d) under which `points` (N, d) are likeliest, by Adam.

    A wide component at the mean of the points is fitted with them, so that no point is impossible.
    """
    d = points.shape[1]
    squared = torch.cdist(points, centres).square()
    outer = OUTER**2 * (points - points.mean(0)).square().sum(1, keepdim=True)
    found = ((squared.amin(0) + 1e-3) / d).log().requires_grad_()
    of_outer = torch.zeros((), dtype=points.dtype, device=points.device, requires_grad=True)
    adam, losses = torch.optim.Adam([found, of_outer], lr=RATE), list[float]()
    for _ in range(STEPS):
        adam.zero_grad()
        each = normal(squared, found, d) - math.log(len(centres))
        loss = -torch.cat([each, normal(outer, of_outer, d)], dim=1).logsumexp(1).mean() / d
        loss.backward()
        adam.step()
        with torch.no_grad():
            found.clamp_(-40, 40)
        losses.append(loss.item())
        if len(losses) > 6 and max(abs(losses[-1] - earlier) for earlier in losses[-6:-1]) < ENOUGH:
            break
    return found.detach()


def negative_likelihood(points: Tensor, centres: Tensor, logs: Tensor) -> float:
    """-mean log p of points (N, d) under the mixture, over d."""
    d = points.shape[1]
    each = normal(torch.cdist(points, centres).square(), logs, d) - math.log(len(centres))
    return -each.logsumexp(1).mean().item() / d


def normal(squared: Tensor, logs: Tensor, d: int) -> Tensor:
    """log N at these squared distances, of variances exp(logs) in d dimensions."""
    return -squared / (2 * logs.exp()) - d / 2 * (logs + math.log(2 * math.pi))
