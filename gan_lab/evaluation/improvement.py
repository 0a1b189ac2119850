"""Sequential test of whether a figure still improves."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

FEWEST = 4  # values that a trend and its error are estimated from
MOST_ALIKE = 0.95  # autocorrelation of so few values is not known to be larger


def spent(error: float, look: int) -> float:
    """The part of an error rate that look number 1, 2, ... may spend: error / (k (k + 1)), whose sum is the error rate.

    So all looks together keep to it, however many there will be and however they depend on each other.
    """
    return error / (look * (look + 1))


def most_improvement(values: Sequence[float], errors: Sequence[float], level: float) -> float:
    """Upper bound, at confidence 1 - level, of how much lower the trend of the values is after as many values more.

    The trend is a line by least squares. Its slope's standard error is that by the scatter about the line (Student's t,
    n - 2 degrees of freedom), or by the values' own standard errors where those say more. Values that follow each other
    may err alike: the autocorrelation r of the residuals, with some 3/n + 4r/n for its bias in few values, makes n
    values count as n (1 - r) / (1 + r). In so few values that makes up for some of it, not for all. NaN where a value
    or an error is NaN.
    """
    y, n = np.asarray(values), len(values)
    at = np.arange(n) - (n - 1) / 2
    weights = at / np.square(at).sum()
    slope = weights @ y
    rest = y - y.mean() - slope * at
    squares = np.square(rest).sum()
    alike = rest[1:] @ rest[:-1] / squares if squares else 0.0
    fewer = _counting(min(max(alike + (3 + 4 * alike) / n, 0.0), MOST_ALIKE))
    scatter = math.sqrt(squares / (n - 2) * np.square(weights).sum() / fewer)
    own = math.sqrt(np.square(weights * np.asarray(errors)).sum())
    spread = math.nan if math.isnan(own) else max(scatter, own)
    return float(n * (float(student.isf(level, max((n - 2) * fewer, 1.0))) * spread - slope))


def _counting(autocorrelation: float) -> float:
    """The share of values that count as independent ones."""
    return (1 - autocorrelation) / (1 + autocorrelation)
