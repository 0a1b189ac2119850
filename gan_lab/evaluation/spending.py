"""Alpha spending: the error rate of a paired t-test that looks at several numbers of seeds."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

RULE = "0.95 error (n/N)^2, n - 3"  # name it anew with every change of what a look may decide
MOST_LOOKS = 10  # as many as the numerical integration was found to be good for
KEPT = 0.95  # the part of the error rate that several looks spend
LOST = 3  # seeds: t-values of n and m seeds are as alike as means of n - 3 and m - 3
FURTHEST = 38.0  # standard deviations, beyond which no probability is a float
NODES, HALVINGS = 40, 40
ERRORS = np.logspace(-12, math.log10(0.5), 60)  # for which levels are tabulated


def nominal_level(error: float, n: int, looks: Sequence[int]) -> float:
    """The p-value at or below which a two-sided paired t-test of `n` seeds, one of `looks`, decides at this error rate
    of all looks together.

    Up to n of N seeds, error (n/N)^2 is spent (Lan & DeMets 1983; Kim & DeMets 1987): late looks have most of it, since
    they see most. Each level is the one at which a Brownian motion that has crossed none before has just that
    probability of crossing now, as a p-value, which Student's test of few seeds is held to as well (Pocock 1977). Its
    t-values at two looks are less alike than such a motion's; with n seeds it would decide falsely in up to 1.27 times
    as many cases as stated. So the motion runs by n - 3, and a twentieth is not spent: found
    by simulation, as are the error rates that this leaves (docs/tournament.md).

    A single look has all of it. An error rate above 1/2 counts as 1/2.
    """
    if len(looks) == 1:
        return error
    return float(np.exp(np.interp(math.log(error), np.log(ERRORS), np.log(_levels(tuple(looks))[looks.index(n)]))))


def overall_error(p: float, n: int, looks: Sequence[int]) -> float:
    """The least error rate of all looks together at which the look at `n` seeds decides; 1 where there is none.

    It takes the place of the p-value, in Holm's correction, too: the level of each look rises with the error rate, so
    that looking is a Bonferroni test of each intersection of hypotheses, and the closed test of these (Maurer & Bretz
    2013) decides no less than Holm's at one look.
    """
    if len(looks) == 1:
        return p
    levels = _levels(tuple(looks))[looks.index(n)]
    if p > levels[-1]:
        return 1.0
    return float(np.exp(np.interp(math.log(max(p, levels[0])), np.log(levels), np.log(ERRORS))))


@lru_cache
def _levels(looks: tuple[int, ...]) -> np.ndarray:
    """Of each look, a row, by error rate. Numerical integration of Armitage, McPherson & Rowe (1969)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    errors, rows = ERRORS[:, None], []
    at, density = np.zeros((1, 1)), np.ones_like(errors)  # where the motion is that has not crossed, by weight
    spent, then = np.zeros_like(errors), 0.0
    for n in looks:
        now, total = _time(n) / _time(looks[-1]), KEPT * errors * (n / looks[-1]) ** 2
        step = math.sqrt(now - then)
        low, high = np.zeros_like(errors), np.full_like(errors, FURTHEST)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            bound = middle * math.sqrt(now)
            crossing = 2 * (density * ndtr((at - bound) / step)).sum(axis=1, keepdims=True)  # to either side alike
            is_low = crossing > total - spent
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        rows.append(2 * ndtr(-high[:, 0]))
        bound = high * math.sqrt(now)
        there = bound * nodes
        moved = np.exp(-np.square((there[:, :, None] - at[:, None, :]) / step) / 2) / (step * math.sqrt(2 * math.pi))
        at, density = there, (moved * density[:, None, :]).sum(axis=2) * weights * bound
        spent, then = total, now
    return np.array(rows)


def _time(n: int) -> float:
    """Of the motion, above 0. A look has at least 3 seeds (`FEWEST` of ranking.py): fewer would have the same time."""
    return max(n - LOST, 0.05)
