"""What independent values, one for each seed, say of their mean."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import t as student


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
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(n, mean, deviation, float(student.ppf((1 + confidence) / 2, n - 1)) * deviation / math.sqrt(n))


def welch(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p-value of Welch's test (1947) that two means are equal, variances being whatever they are.

    NaN where a side has one value only, or neither varies.
    """
    x, y = estimate(a), estimate(b)
    if min(x.n, y.n) < 2 or x.deviation == y.deviation == 0:
        return math.nan
    v, w = x.deviation**2 / x.n, y.deviation**2 / y.n
    freedom = (v + w) ** 2 / (v**2 / (x.n - 1) + w**2 / (y.n - 1))
    return float(2 * student.sf(abs(x.mean - y.mean) / math.sqrt(v + w), freedom))
