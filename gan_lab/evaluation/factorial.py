"""Factorial analysis of an ablation: main effects and interactions of parts, with seeds as blocks."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from gan_lab.evaluation.ranking import paired_test
from gan_lab.metrics.estimates import estimate, holm

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
    p = [paired_test(contrasts, [0.0] * len(contrasts)) for contrasts in found.values()]
    rows = zip(found.items(), p, holm(p), strict=True)
    return [
        Effect(some, tuple(aliases[some]), estimate(contrasts).mean, estimate(contrasts).half_width, one, adjusted)
        for (some, contrasts), one, adjusted in rows
    ]
