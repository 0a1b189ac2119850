"""Calibration of a discriminator: the log-odds that a sample with a given logit is real."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

STEPS = 50  # of Newton's method, which needs about ten
PENALTY = 1e-6


@dataclass(frozen=True)
class Logistic:
    """log P(real | d) / P(fake | d) = a d + b by maximum likelihood, both kinds weighing the same (Platt 1999).

    Without a penalty, but for 1e-6 a^2 / 2, which bounds a where the logits part without an error.
    """

    def fit(self, real: Tensor, fake: Tensor) -> Callable[[Tensor], Tensor]:
        """By logits (N,) and (M,)."""
        d, target, share = together(real, fake)
        middle, scale = d.mean(), d.std().clamp_min(1e-12)
        rows = torch.stack([(d - middle) / scale, torch.ones_like(d)], 1)
        weights, penalty = torch.zeros(2, dtype=d.dtype), torch.tensor([PENALTY, 0], dtype=d.dtype)

        def cost(weights: Tensor) -> Tensor:
            w = rows @ weights
            return share @ (softplus(w) - target * w) + penalty @ weights.square() / 2

        for _ in range(STEPS):
            p = torch.sigmoid(rows @ weights)
            slope = rows.T @ (share * (p - target)) + penalty * weights
            curvature = (rows.T * (share * p * (1 - p))) @ rows + torch.diag(penalty + 1e-12)
            step = torch.linalg.solve(curvature, slope)
            while cost(weights - step) > cost(weights) and step.abs().max() > 1e-9:
                step = step / 2
            weights = weights - step
        a, b = weights.tolist()
        return lambda d: a * (d - middle) / scale + b


@dataclass(frozen=True)
class Isotonic:
    """P(real | d) is the non-decreasing function of d that is nearest to the labels in squares (Zadrozny & Elkan 2002).

    Between the logits that it was fitted to it is linear, and beyond them constant. Probabilities are kept 1 / (n + 1)
    away from 0 and 1, n being the samples, so that their log-odds are finite.
    """

    def fit(self, real: Tensor, fake: Tensor) -> Callable[[Tensor], Tensor]:
        """By logits (N,) and (M,)."""
        d, target, share = together(real, fake)
        values, fitted = isotonic(d, target, share)
        least = 1 / (len(d) + 1)

        def ratio(d: Tensor) -> Tensor:
            return torch.logit(interpolated(d, values, fitted).clamp(least, 1 - least))

        return ratio


def together(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of both kinds, 1 for those that are real, and weights, of which each kind has one half."""
    d = torch.cat([real, fake]).double()
    target = torch.cat([torch.ones_like(real), torch.zeros_like(fake)]).double()
    share = (target / len(real) + (1 - target) / len(fake)) / 2
    return d, target, share


def isotonic(d: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Different values of d in their order, and the fit there: pools of adjacent violators (Ayer et al. 1955)."""
    values, group = d.unique(sorted=True, return_inverse=True)
    mass = torch.zeros_like(values).index_add(0, group, weight)
    means = torch.zeros_like(values).index_add(0, group, weight * target) / mass
    pools: list[tuple[float, float, int]] = []  # mean, mass, values
    for mean, weighs in zip(means.tolist(), mass.tolist(), strict=True):
        size = 1
        while pools and pools[-1][0] >= mean:
            before, other, more = pools.pop()
            mean, weighs = (before * other + mean * weighs) / (other + weighs), other + weighs
            size += more
        pools.append((mean, weighs, size))
    fitted = torch.tensor([pool[0] for pool in pools], dtype=d.dtype)
    return values, fitted.repeat_interleave(torch.tensor([pool[2] for pool in pools]))


def interpolated(d: Tensor, values: Tensor, fitted: Tensor) -> Tensor:
    """Linear between `values`, which ascend, and constant beyond them."""
    d = d.double().clamp(values[0], values[-1])
    above = torch.searchsorted(values, d).clamp(1, max(1, len(values) - 1))
    if len(values) == 1:
        return fitted[0].expand_as(d)
    low, high = values[above - 1], values[above]
    return torch.lerp(fitted[above - 1], fitted[above], (d - low) / (high - low))
