"""Estimates over seeds: means, intervals and tests."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import stdtr, stdtrit

ROUNDING = 1e-12  # of the largest value: figures in few steps, 0.9 - 0.8 and 0.8 - 0.7 say, differ by some 1e-16


class Estimate(NamedTuple):
    """Mean, standard deviation (with n - 1) and half the width of the interval; NaN where n = 1 does not tell."""

    n: int
    mean: float
    deviation: float
    half_width: float


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Mean of independent values (one for each seed, say) with Student's interval: mean +- t_(n-1) s / sqrt(n)."""
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return Estimate(n, mean, math.nan, math.nan)
    if len(set(values)) == 1:
        return Estimate(n, values[0], 0.0, 0.0)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(n, mean, deviation, float(stdtrit(n - 1, (1 + confidence) / 2)) * deviation / math.sqrt(n))


def without_rounding(values: Sequence[float], scale: float) -> list[float]:
    """Values that are computed of others as large as `scale`: all equal, and 0, where they are but for rounding."""
    if max(values) - min(values) > ROUNDING * scale:
        return list(values)
    mean = math.fsum(values) / len(values)
    return [0.0 if abs(mean) <= ROUNDING * scale else mean] * len(values)


def differences(a: Sequence[float], b: Sequence[float]) -> list[float]:
    """a - b of each pair, without what rounding makes of equal ones."""
    return without_rounding([x - y for x, y in zip(a, b, strict=True)], max(map(abs, (*a, *b))))


def welch(a: Sequence[float], b: Sequence[float]) -> float:
    """A two-sided p-value that two means are equal, variances being whatever they are: at most nominal.

    Welch's statistic, with the degrees of freedom of the smaller sample (Mickey & Brown 1966). Those that Welch (1947)
    estimates make a test at 5 % one at 6 or 7 for samples of three beside ten, and at 10 for two.

    NaN where a side has one value only, or neither varies.
    """
    scale = max(map(abs, (*a, *b)))
    x, y = estimate(without_rounding(a, scale)), estimate(without_rounding(b, scale))
    if min(x.n, y.n) < 2 or x.deviation == y.deviation == 0:
        return math.nan
    error = math.sqrt(x.deviation**2 / x.n + y.deviation**2 / y.n)
    return float(2 * stdtr(min(x.n, y.n) - 1, -abs(x.mean - y.mean) / error))


def paired(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p-value of Student's test that the mean difference of pairs is zero; NaN where none varies."""
    e = estimate(differences(a, b))
    if e.n < 2 or e.deviation == 0:
        return math.nan
    return float(2 * stdtr(e.n - 1, -abs(e.mean) / e.deviation * math.sqrt(e.n)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values (1979): of all that are below a level, none is false but with that probability."""
    n, adjusted, largest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(n), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (n - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
