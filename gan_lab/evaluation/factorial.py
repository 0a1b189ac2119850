"""Factorial analysis: effects of a recipe's parts, and of factors with several levels, with seeds as blocks."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from gan_lab.evaluation.ranking import paired_test
from gan_lab.metrics.estimates import estimate, holm, without_rounding

Subset = frozenset[str]


class Effect(NamedTuple):
    """What some parts do to a figure.

    Attributes:
        parts: one part: its main effect; two: their interaction.
        aliases: effects that this design cannot tell from this one; the figure is of their sum.
        mean: over seeds; of a main effect the figure with the part less the figure without, averaged over the others.
        half_width: half of Student's 95 % interval of it, over seeds.
        adjusted: the p-value that it is zero, by Holm's correction for all effects.
    """

    parts: tuple[str, ...]
    aliases: tuple[tuple[str, ...], ...]
    mean: float
    half_width: float
    p: float
    adjusted: float


def subsets(parts: Sequence[str], half: bool = False) -> list[Subset]:
    """All 2^k subsets of the parts; or the half of them in which the number of missing parts is even.

    The half, 2^(k-1) by I = ABC..., has the whole recipe, and tells main effects from interactions of two where there
    are five parts or more; of four, from those but not two interactions from each other (Box, Hunter & Hunter 2005).
    """
    every = [frozenset(some) for size in range(len(parts) + 1) for some in combinations(parts, size)]
    return [some for some in every if not half or (len(parts) - len(some)) % 2 == 0]


def effects(parts: Sequence[str], values: Mapping[Subset, Sequence[float]], order: int = 2) -> list[Effect]:
    """Main effects and interactions of up to `order` parts, of the figures of each subset by seed.

    With signs s = +1 for a part that is there and -1 for one that is not, the effect of parts E in one seed is

        2 / N  sum over the N subsets  (product of s over E)  y

    (an interaction: half of how much one part's effect changes with the other). The mean and Student's interval are
    those of these contrasts over seeds, so that what a seed does to all subsets alike drops out.
    """
    half = len(values) < 2 ** len(parts)
    found: dict[tuple[str, ...], list[float]] = {}
    aliases: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for some in (e for size in range(1, order + 1) for e in combinations(parts, size)):
        other = tuple(part for part in parts if part not in some)
        if half and other in found:
            aliases[other].append(some)
            continue
        signs = {subset: math.prod(1 if part in subset else -1 for part in some) for subset in values}
        found[some] = [
            2 / len(values) * math.fsum(signs[subset] * row[seed] for subset, row in values.items())
            for seed in range(len(next(iter(values.values()))))
        ]
        aliases[some] = []
        if half and len(other) > order:
            aliases[some].append(other)
    scale = max(abs(value) for row in values.values() for value in row)
    found = {some: without_rounding(contrasts, scale) for some, contrasts in found.items()}
    p = [paired_test(contrasts, [0.0] * len(contrasts)) for contrasts in found.values()]
    rows = zip(found.items(), p, holm(p), strict=True)
    return [
        Effect(some, tuple(aliases[some]), estimate(contrasts).mean, estimate(contrasts).half_width, one, adjusted)
        for (some, contrasts), one, adjusted in rows
    ]


Combination = tuple[str, ...]
"""A level of each factor, in the factors' order."""
Factors = Mapping[str, Sequence[str]]
"""The levels of each factor."""


class Contrast(NamedTuple):
    """Two levels of a factor, where nothing else differs.

    Attributes:
        difference: of a's badness less b's, negative where `a` is better: the median over all combinations of the other
            factors' levels, and of that the mean over seeds. Of three combinations or more, one that fails does not
            govern the median; of two the median is the mean.
        half_width: half of Student's 95 % interval of it, over seeds.
        share: in which part of these combinations and seeds a is better; equal ones count half.
        adjusted: the p-value that the difference is zero, by Holm's correction for all contrasts of all factors.
    """

    factor: str
    a: str
    b: str
    difference: float
    half_width: float
    share: float
    p: float
    adjusted: float

    @property
    def better(self) -> str:
        return self.a if self.difference < 0 else self.b


def combinations_of(factors: Factors) -> list[Combination]:
    """All combinations of the factors' levels."""
    return list(product(*factors.values()))


def contrasts(factors: Factors, values: Mapping[Combination, Sequence[float]]) -> list[Contrast]:
    """All pairs of levels of each factor, from how bad each combination was by seed (lower is better)."""
    table = _table(factors, values)
    seeds, found = table.shape[-1], []
    for axis, (factor, levels) in enumerate(factors.items()):
        rows = np.moveaxis(table, axis, 0).reshape(len(levels), -1, seeds)
        for a, b in combinations(range(len(levels)), 2):
            apart = rows[a] - rows[b]
            by_seed = without_rounding(np.median(apart, axis=0).tolist(), float(abs(table).max()))
            share = float(np.mean((apart < 0) + 0.5 * (apart == 0)))
            e = estimate(by_seed)
            p = paired_test(by_seed, [0.0] * seeds)
            found.append((factor, levels[a], levels[b], e.mean, e.half_width, share, p))
    return [Contrast(*row, adjusted) for row, adjusted in zip(found, holm([row[-1] for row in found]), strict=True)]


def shares(factors: Factors, values: Mapping[Combination, Sequence[float]]) -> dict[tuple[str, ...], float]:
    """Which parts of the variation of all runs' ranks the factors make, each by itself and each two together.

    Sums of squares of an analysis of variance of the ranks, divided by the whole; what is missing to 1 is of more
    factors together, and of seeds. Of ranks, so that a run that failed counts as the worst one, and not for its
    distance. That two factors make a part together says that what one does differs with the other on the scale of
    ranks, and not that an order turns round: ranks alone make such a part of effects that add up (Blair et al. 1987).
    """
    table = rankdata(_table(factors, values)).reshape([*map(len, factors.values()), -1])
    table -= table.mean()
    total = float(np.square(table).sum())
    found: dict[tuple[str, ...], float] = {}
    means: dict[tuple[int, ...], np.ndarray] = {}
    for axes in (e for size in (1, 2) for e in combinations(range(len(factors)), size)):
        others = tuple(axis for axis in range(table.ndim) if axis not in axes)
        effect = table.mean(axis=others, keepdims=True)
        effect = effect - sum(mean for inner, mean in means.items() if set(inner) < set(axes))
        means[axes] = effect
        square = float(np.square(effect).sum()) * table.size / effect.size
        found[tuple(list(factors)[axis] for axis in axes)] = square / total if total else 0.0
    return found


def _table(factors: Factors, values: Mapping[Combination, Sequence[float]]) -> np.ndarray:
    """The values as an array of a dimension for each factor, and one for the seeds."""
    rows = np.array([values[combination] for combination in combinations_of(factors)])
    return rows.reshape([*map(len, factors.values()), -1])
