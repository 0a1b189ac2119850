"""Factors: all combinations of their levels as contestants, and what each factor does whatever the others are."""

import math
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import NamedTuple

from gan_lab.evaluation.comparison import badness
from gan_lab.evaluation.factorial import Combination, Contrast, combinations_of, contrasts, shares
from gan_lab.metrics.estimates import Estimate, estimate
from gan_lab.tournament.content import Analysis, Picture, Table
from gan_lab.tournament.page import BETWEEN, Contestant, TournamentPage
from gan_lab.tournament.pictures import map_of_combinations
from gan_lab.tournament.result import Result, Standing

Levels = dict[str, list[str]]


class Level(NamedTuple):
    """A level of a factor.

    Attributes:
        middle: how bad it is: the median over the combinations of the other factors' levels, by seed.
        best: the combination with it that has the fewest failures, and of these the best on validation.
    """

    factor: str
    name: str
    middle: Estimate
    best: Standing


def as_tournament(page: TournamentPage) -> TournamentPage:
    """The page with a contestant for each combination, named by its levels: a__b__c."""
    contestants = {}
    for combination in combinations_of(levels_of(page)):
        levels = [page.factors[factor][level] for factor, level in zip(page.factors, combination, strict=True)]
        overrides = [override for level in levels for override in level.overrides]
        space = {key: part for level in levels for key, part in level.space.items()}
        contestants[name_of(combination)] = Contestant(overrides=overrides, space=space)
    return page.model_copy(update={"contestants": contestants, "factors": {}})


def levels_of(page: TournamentPage) -> Levels:
    return {factor: list(levels) for factor, levels in page.factors.items()}


def name_of(combination: Combination) -> str:
    return BETWEEN.join(combination)


def analysis_of(result: Result, page: TournamentPage) -> Analysis:
    """What the report of a page with factors has first: its levels, their contrasts, and a map of all combinations."""
    factors = levels_of(page)
    named = {one.name: one for one in result.standings}
    standings = {combination: named[name_of(combination)] for combination in combinations_of(factors)}
    values = {combination: one.values for combination, one in standings.items()}
    found, parts = contrasts(factors, values), shares(factors, values)
    levels = _levels(result, factors, standings)
    picture = Picture(
        "All combinations",
        "combinations.png",
        map_of_combinations(result, factors, standings),
        "Means over the seeds that have not failed. The darker, the worse in the mean of all seeds, where a failed one "
        "counts as the worst of all runs.",
    )
    tables = [_of_levels(result, levels), _of_contrasts(found, page.error), _of_shares(parts)]
    data = {
        "factors": factors,
        "levels": [
            {"factor": one.factor, "level": one.name, "middle": one.middle._asdict(), "best": one.best.name}
            for one in levels
        ],
        "contrasts": [contrast._asdict() for contrast in found],
        "shares": {" x ".join(together): share for together, share in parts.items()},
    }
    title = f"Factorial tournament ({' x '.join(factors)})"
    return Analysis(title, _sentences(factors, levels, found, page.error), tables, [picture], data)


def _levels(result: Result, factors: Levels, standings: dict[Combination, Standing]) -> list[Level]:
    """Of each factor the best one first."""
    found = []
    for axis, (factor, names) in enumerate(factors.items()):
        own = []
        for name in names:
            ones = [one for combination, one in standings.items() if combination[axis] == name]
            middle = [median(values) for values in zip(*(one.values for one in ones), strict=True)]
            own.append(Level(factor, name, estimate(middle), min(ones, key=partial(_on_validation, result))))
        found += sorted(own, key=lambda level: level.middle.mean)
    return found


def _on_validation(result: Result, one: Standing) -> tuple[int, float]:
    """How many seeds have no figure of the validation, and how bad the others are in the mean."""
    known = [value for run in one.runs.values() if (value := run.last_validation) is not None]
    bad = [badness(value, result.best, result.floor) for value in known]
    return len(one.runs) - len(known), math.fsum(bad) / len(bad) if bad else math.inf


def _of_levels(result: Result, levels: Sequence[Level]) -> Table:
    rows = [
        [
            one.factor,
            one.name,
            _written(one.middle),
            one.best.marked,
            "failed" if one.best.figures is None else _written(one.best.figures),
        ]
        for one in levels
    ]
    note = (
        f"Median: of how bad it is (lower is better), over all combinations of the other factors, mean ± half of the "
        f"95 % t-interval over {len(result.seeds)} seeds. At its best: the combination with it that has the fewest "
        f"failures, and of these the best on validation; and that one's {result.figure}."
    )
    return Table("Levels", ["factor", "level", "median", "at its best", result.figure], rows, note)


def _of_contrasts(found: Sequence[Contrast], error: float) -> Table:
    rows = [
        [
            one.factor,
            f"{one.a} - {one.b}",
            f"{one.difference:.4g} ± {one.half_width:.2g}",
            f"{100 * one.share:.0f} %",
            f"{one.p:.2g}",
            f"{one.adjusted:.2g}",
            "yes" if one.adjusted <= error else "no",
        ]
        for one in found
    ]
    note = (
        "Where nothing else differs: the median over all combinations of the other factors (of two combinations that "
        "is the mean), and its 95 % t-interval over seeds, which are blocks; below zero the first is better. Share: of "
        "all combinations and seeds, in how many the first is better."
    )
    head = ["factor", "levels", "difference", "share", "p", "p by Holm", "decided"]
    return Table("Contrasts", head, rows, note)


def _of_shares(parts: dict[tuple[str, ...], float]) -> Table:
    rows = [[" x ".join(together), f"{100 * share:.1f} %"] for together, share in parts.items()]
    rows.append(["rest", f"{100 * (1 - sum(parts.values())):.1f} %"])
    note = (
        "Parts of the variation of all runs' ranks. Of two factors: how far what one does differs with the other, on "
        "the scale of ranks, which need not turn an order round. The rest is of more of them together, and of seeds."
    )
    return Table("Shares of the variation", ["factors", "share"], rows, note)


def _sentences(factors: Levels, levels: Sequence[Level], found: Sequence[Contrast], error: float) -> list[str]:
    lines = []
    for factor in factors:
        order = ", ".join(f"{one.name} ({one.middle.mean:.3g})" for one in levels if one.factor == factor)
        own = [one for one in found if one.factor == factor]
        told = [
            f"{one.better} before {one.b if one.better == one.a else one.a}" for one in own if one.adjusted <= error
        ]
        decided = ", ".join(told) or "nothing"
        lines.append(
            f"{factor}, how bad in the median over all others (lower is better): {order}. Decided where nothing else "
            f"differs, at an error rate of {error:g} over all contrasts: {decided}."
        )
    return lines


def _written(one: Estimate) -> str:
    half = "" if math.isnan(one.half_width) else f" ± {one.half_width:.2g}"
    return f"{one.mean:.4g}{half}"
