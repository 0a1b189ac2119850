"""Quadrature of the game between two known densities in one or two dimensions, in nats.

For fixed G the best D has the logit log p - log q, and V(D*, G) = -log 4 + 2 JSD(p || q) (Goodfellow et al. 2014,
proposition 1 and theorem 1).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

LogDensity = Callable[[Tensor], Tensor]  # points (N, d) to nats (N,)


class Estimate(NamedTuple):
    """A number, and how far from it the truth may be."""

    value: float
    error: float


class Box(NamedTuple):
    """The cube [low, high]^d, cut into `cells` a side (an even number). d is 1 or 2.

    A cell should be no wider than the narrowest standard deviation: on analytic densities the midpoint rule's error
    then falls exponentially with the number of cells.
    """

    low: float
    high: float
    cells: int = 512
    d: int = 2


def optimal_logit(log_p: LogDensity, log_q: LogDensity) -> LogDensity:
    """D*(x) = p / (p + q) as a logit: log p(x) - log q(x)."""
    return lambda x: log_p(x) - log_q(x)


def jsd(log_p: LogDensity, log_q: LogDensity, box: Box) -> Estimate:
    """JSD = 1/2 KL(p || m) + 1/2 KL(q || m), with m = (p + q) / 2: from 0 to log 2."""

    def integrand(x: Tensor) -> Tensor:
        a, b = log_p(x), log_q(x)
        m = torch.logaddexp(a, b) - math.log(2)
        return (a.exp() * (a - m) + b.exp() * (b - m)) / 2

    # Outside the box the integrand is at most log 2 (p + q) / 2.
    return _integral(integrand, box, math.log(2) / 2 * _outside(log_p, log_q, box))


def value(logit: LogDensity, log_p: LogDensity, log_q: LogDensity, box: Box) -> Estimate:
    """V(D, G) = E_p log D + E_q log(1 - D) of the D with this logit.

    The error counts log 4 for each unit of mass outside the box: right for the optimal D, which earns no less there.
    """

    def integrand(x: Tensor) -> Tensor:
        t = logit(x)
        return log_p(x).exp() * logsigmoid(t) + log_q(x).exp() * logsigmoid(-t)

    return _integral(integrand, box, math.log(4) * _outside(log_p, log_q, box))


def _outside(log_p: LogDensity, log_q: LogDensity, box: Box) -> float:
    """The mass of p and of q that lies outside the box, added."""
    return sum(abs(1 - _sum(lambda x, f=f: f(x).exp(), box)) for f in (log_p, log_q))  # type: ignore[misc]


def _integral(integrand: LogDensity, box: Box, tail: float) -> Estimate:
    """The midpoint rule; its error is the difference from half as many cells a side, plus the tail outside."""
    fine, coarse = _sum(integrand, box), _sum(integrand, box._replace(cells=box.cells // 2))
    return Estimate(fine, abs(fine - coarse) + tail)


def _sum(integrand: LogDensity, box: Box) -> float:
    width = (box.high - box.low) / box.cells
    ticks = box.low + width * (torch.arange(box.cells, dtype=torch.float64) + 0.5)
    points = ticks[:, None] if box.d == 1 else torch.cartesian_prod(*[ticks] * box.d)
    return integrand(points).sum().item() * width**box.d
