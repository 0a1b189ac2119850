"""Ranking of contestants over common seeds: paired tests, effect sizes, intervals of ranks, and seeds still needed."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.stats import nct
from scipy.stats import t as student

from gan_lab.evaluation.spending import nominal_level, overall_error
from gan_lab.metrics.estimates import Estimate, differences, estimate, holm, paired

Values = Mapping[str, Sequence[float]]
"""How bad each contestant was (lower is better), by seed: as many values for each, in one order of the seeds."""

FEWEST = 3  # seeds that a test is made of
MOST_SEEDS = 10_000  # where a search for enough of them ends


class Pair(NamedTuple):
    """Two contestants compared at equal seeds.

    Attributes:
        difference: the mean of a's badness less b's: negative where `a` is better.
        half_width: half of Student's 95 % interval of it.
        effect: Hedges' g of the differences: their mean by their standard deviation, less its bias in few seeds.
        p: of the paired test.
        adjusted: the least error rate of all pairs (Holm's correction) and looks at which the two are told apart.
    """

    a: str
    b: str
    difference: float
    half_width: float
    effect: float
    p: float
    adjusted: float

    @property
    def better(self) -> str:
        return self.a if self.difference < 0 else self.b


def compare_pairs(values: Values, against: str | None = None, looks: Sequence[int] = ()) -> list[Pair]:
    """All pairs, or each contestant with `against`: Student's test of the differences at equal seeds, by Holm.

    `looks`: the numbers of seeds at which they are compared, of which this is one; none: at this one alone.
    """
    names = [name for name in values if name != against]
    couples = list(combinations(names, 2)) if against is None else [(name, against) for name in names]
    found = []
    for a, b in couples:
        e = estimate(differences(values[a], values[b]))
        found.append((a, b, e.mean, e.half_width, _hedges(e), paired_test(values[a], values[b])))
    n = len(next(iter(values.values())))
    errors = [overall_error(row[-1], n, looks or [n]) for row in found]
    return [Pair(*row, adjusted) for row, adjusted in zip(found, holm(errors), strict=True)]


def paired_test(a: Sequence[float], b: Sequence[float]) -> float:
    """The p-value of the paired test; 1 for fewer than three seeds.

    Where no difference varies Student's statistic has no value: then equal sides have 1, and others what the signs
    alone say, 2^(1 - n).
    """
    if len(a) < FEWEST:
        return 1.0
    p = paired(a, b)
    if not math.isnan(p):
        return p
    return 1.0 if differences(a, b)[0] == 0 else 2.0 ** (1 - len(a))


def _hedges(e: Estimate) -> float:
    if e.mean == 0:
        return 0.0
    if e.n < 2 or e.deviation == 0:
        return math.copysign(math.inf, e.mean)
    return e.mean / e.deviation * (1 - 3 / (4 * (e.n - 1) - 1))


class Rank(NamedTuple):
    """A contestant's rank, from 1, by mean badness; its interval over seeds; and the ranks that the tests leave it.

    Attributes:
        low, high: of the bootstrap, for this contestant alone.
        best, worst: with the tests' error rate none of all contestants is outside of these.
    """

    rank: int
    low: int
    high: int
    best: int
    worst: int


def rank(values: Values, error: float = 0.05, looks: Sequence[int] = (), draws: int = 4000) -> dict[str, Rank]:
    """The rank of each contestant by the mean over seeds; equal means share the better one.

    The bootstrap draws seeds, the same for all, as they were played: n - 1 of n with replacement, since n of n have too
    small a variance, by (n - 1) / n (Efron 1982). Its error rate is this look's part. `best` and `worst` count who is
    significantly better or worse, as `decide` has it.
    """
    names, table = list(values), np.array([list(row) for row in values.values()], dtype=float)
    n = table.shape[1]
    chosen = np.random.default_rng(0).integers(0, n, (draws, max(1, n - 1)))
    drawn = _ranks(table[:, chosen].mean(axis=2))
    level = nominal_level(error, n, looks or [n])
    low = np.quantile(drawn, level / 2, axis=1, method="lower")
    high = np.quantile(drawn, 1 - level / 2, axis=1, method="higher")
    point = _ranks(table.mean(axis=1)[:, None])[:, 0]
    beaten = [
        (pair.better, pair.b if pair.better == pair.a else pair.a)
        for pair in compare_pairs(values, looks=looks)
        if pair.adjusted <= error
    ]
    return {
        name: Rank(
            int(point[i]),
            int(low[i]),
            int(high[i]),
            1 + sum(loser == name for _, loser in beaten),
            len(names) - sum(winner == name for winner, _ in beaten),
        )
        for i, name in enumerate(names)
    }


def _ranks(means: np.ndarray) -> np.ndarray:
    """1 + the number of those that are lower, in each column."""
    return 1 + (means[None, :, :] < means[:, None, :]).sum(axis=1)


class Decision(NamedTuple):
    """What the tests decide at an error rate, and what not; `settled`: the question is answered."""

    leader: str
    decided: list[Pair]
    left: list[Pair]
    settled: bool


def decide(values: Values, question: str, error: float, looks: Sequence[int] = ()) -> Decision:
    """`question` is "best" (is the leader better than all others?), "order" (is each better or worse than each?), or a
    contestant's name (is each other one better or worse than that one?).

    All pairs are tested for "best", too: the leader is known only after the fact. Of all that is decided at any of the
    `looks` (numbers of seeds; none: this one alone) nothing is false but with the probability `error`. What an earlier
    look has decided counts where this one decides it again, which can only decide less.
    """
    leader = min(values, key=lambda name: math.fsum(values[name]) / len(values[name]))
    pairs = compare_pairs(values, question if question in values else None, looks)
    decided = [pair for pair in pairs if pair.adjusted <= error]
    left = [pair for pair in pairs if pair.adjusted > error]
    hinders = [pair for pair in left if question != "best" or leader in (pair.a, pair.b)]
    return Decision(leader, decided, left, not hinders)


def numbers_of_seeds(first: int, most: int, number: int) -> list[int]:
    """Numbers of seeds at which a sequential test looks: at most `number`, evenly from `first` to `most`."""
    if number == 1 or first >= most:
        return [most]
    return sorted({round(first + (most - first) * k / (number - 1)) for k in range(number)})


def seeds_needed(effect: float, level: float, power: float) -> int | None:
    """The seeds that a two-sided paired t-test at `level` needs to see an effect (mean by standard deviation) with this
    power; None: more than 10,000.
    """
    if effect == 0:
        return None
    if math.isinf(effect):
        return max(FEWEST, math.ceil(1 - math.log2(level)))  # by the signs alone

    def sees(n: int) -> bool:
        critical = float(student.isf(level / 2, n - 1))
        return float(nct.sf(critical, n - 1, abs(effect) * math.sqrt(n))) >= power

    low, high = FEWEST, FEWEST
    while not sees(high):
        if high == MOST_SEEDS:
            return None
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if sees(middle) else (middle, high)
    return high
