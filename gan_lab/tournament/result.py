"""Result of a tournament: standings, what the tests decide, and what it has cost."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from gan_lab.errors import UserError
from gan_lab.evaluation.comparison import badness
from gan_lab.evaluation.copying import Answer, answer
from gan_lab.evaluation.ranking import MOST_SEEDS, Decision, Pair, Rank, decide, rank, seeds_needed
from gan_lab.evaluation.spending import nominal_level
from gan_lab.metrics.estimates import Estimate, estimate
from gan_lab.metrics.metric import Best
from gan_lab.tournament.page import TournamentPage
from gan_lab.tournament.plan import Cost
from gan_lab.tournament.state import Run

SAID = 12  # pairs that the sentences name
PAIRS = 100  # pairs that the table has, and of which it is known how many seeds they would take


class Spent(NamedTuple):
    """What some runs have cost, failed and unfinished ones included."""

    runs: int
    rounds: int
    flops: float
    images: float
    seconds: float

    def plus(self, other: "Spent") -> "Spent":
        """Of both together."""
        runs, rounds = self.runs + other.runs, self.rounds + other.rounds
        flops, images = self.flops + other.flops, self.images + other.images
        return Spent(runs, rounds, flops, images, self.seconds + other.seconds)


class Beside(NamedTuple):
    """Seconds of a tournament: training and evaluation, which the runs would take without it, and its own."""

    training: float
    evaluation: float
    rehearsals: float
    copying: float
    rest: float  # planning, pictures and report, in this start

    @property
    def share(self) -> float:
        """Its own, as a part of the runs'."""
        runs = self.training + self.evaluation
        return (self.rehearsals + self.copying + self.rest) / runs if runs else math.inf


class Standing(NamedTuple):
    """One contestant's.

    Attributes:
        drawn: the settings that its search has chosen; a round of them costs `cost`.
        runs: final ones, by seed.
        trials: of its search, in their order.
        values: how bad each final run was; a failed one as the worst of all contestants' runs.
        copies: seeds whose samples are copies of training data, and those of which the test says anything.
    """

    name: str
    drawn: dict[str, Any]
    cost: Cost
    runs: dict[int, Run]
    trials: list[Run]
    values: list[float]
    figures: Estimate | None
    rank: Rank
    copies: Answer
    search: Spent
    final: Spent

    @property
    def marked(self) -> str:
        """Its name, with a mark if it copies."""
        return self.copies.marked(self.name)

    @property
    def failures(self) -> int:
        return sum(run.failure is not None for run in self.runs.values())

    def validated(self, best: Best, floor: float | None) -> list[float]:
        """The validation's figure of the trials that have one, the best first."""
        values = [value for run in self.trials if (value := run.last_validation) is not None]
        return sorted(values, key=lambda value: badness(value, best, floor))


class Result(NamedTuple):
    """Of all contestants, the best one first; `level`: the part of the error rate that this look may spend."""

    page: TournamentPage
    figure: str
    best: Best
    floor: float | None
    seeds: list[int]
    level: float
    look: tuple[int, int]
    standings: list[Standing]
    decision: Decision
    needed: dict[tuple[str, str], int | None]

    @property
    def leader(self) -> Standing:
        return self.standings[0]

    @property
    def is_final(self) -> bool:
        """Whether more seeds would decide nothing: of one that copies and leads the others are still to be compared."""
        return self.decision.settled and not self.leader.copies.copies

    def marked(self, name: str) -> str:
        """A contestant's name, with a mark if it copies."""
        return next((one.marked for one in self.standings if one.name == name), name)

    @property
    def pairs(self) -> list[Pair]:
        """All that were compared: those with the leader first, and of each the decided ones first."""
        return sorted([*self.decision.decided, *self.decision.left], key=partial(_without, self.leader.name))


class Searched(NamedTuple):
    """What the search of a contestant has found: settings and the cost of a round, and the same of its trials."""

    drawn: dict[str, Any]
    cost: Cost
    trials: list[Run]
    costs: list[Cost]


class Played(NamedTuple):
    """A contestant's final runs so far, by seed, and the fields of its `Searched`."""

    name: str
    runs: dict[int, Run]
    drawn: dict[str, Any]
    cost: Cost
    trials: list[Run]
    costs: list[Cost]


def result_of(page: TournamentPage, figure: str, played: Sequence[Played]) -> Result:
    """The result at one of the page's looks, by as many seeds as were played.

    Raises:
        UserError: no run has a figure.
    """
    known = [run for one in played for run in one.runs.values() if run.figure is not None]
    if not known:
        why = next(run.failure for one in played for run in one.runs.values())
        raise UserError(f"no run has a figure; the first one's failure: {why}")
    best, floor = known[0].best, known[0].floor
    values = values_of({one.name: one.runs for one in played}, best, floor)
    seeds, looks = list(played[0].runs), page.numbers
    decision, ranks = decide(values, page.question, page.error, looks), rank(values, page.error, looks)
    standings = [
        Standing(
            one.name,
            one.drawn,
            one.cost,
            one.runs,
            one.trials,
            values[one.name],
            estimate(figures) if (figures := [r.figure for r in one.runs.values() if r.figure is not None]) else None,
            ranks[one.name],
            answer(run.copying for run in one.runs.values()),
            _spent(one.trials, one.costs),
            _spent(list(one.runs.values()), [one.cost] * len(one.runs)),
        )
        for one in played
    ]
    standings.sort(key=lambda standing: math.fsum(standing.values))
    last = nominal_level(page.error / max(1, len(decision.left)), looks[-1], looks)
    first = sorted(decision.left, key=partial(_without, standings[0].name))[:PAIRS]
    needed = {(pair.a, pair.b): seeds_needed(pair.effect, last, page.power) for pair in first}
    look = looks.index(len(seeds)) + 1, len(looks)
    level = nominal_level(page.error, len(seeds), looks)
    return Result(page, figure, best, floor, seeds, level, look, standings, decision, needed)


def values_of(runs: Mapping[str, Mapping[int, Run]], best: Best, floor: float | None) -> dict[str, list[float]]:
    """How bad each run is, by contestant and seed; one without a figure is as bad as the worst that has one."""
    bad = {
        name: [None if run.figure is None else badness(run.figure, best, floor) for run in by_seed.values()]
        for name, by_seed in runs.items()
    }
    worst = max(value for row in bad.values() for value in row if value is not None)
    return {name: [worst if value is None else value for value in row] for name, row in bad.items()}


def beside(result: Result, rehearsals: float, rest: float) -> Beside:
    """What the runs have taken, and what the tournament has."""
    training = math.fsum(one.search.seconds + one.final.seconds for one in result.standings)
    scoring = [run.scoring for one in result.standings for run in one.runs.values()]
    copying, evaluation = (math.fsum(seconds) for seconds in zip(*scoring, strict=True))
    return Beside(training, evaluation, rehearsals, copying, rest)


def _spent(runs: Sequence[Run], costs: Sequence[Cost]) -> Spent:
    total = Spent(0, 0, 0.0, 0.0, 0.0)
    for run, cost in zip(runs, costs, strict=True):
        images = run.rounds * cost.images if run.images is None else float(run.images)
        spent = Spent(1, run.rounds, run.rounds * cost.flops, images, run.seconds)
        total = total.plus(spent)
    return total


def conclusion(result: Result) -> list[str]:
    """Plain sentences: what is decided, what is not, and how many seeds more it would take."""
    seeds, decision = len(result.seeds), result.decision
    question, pairs = result.page.question, "all pairs"
    pairs = pairs if question in ("best", "order") else f"{pairs} with {question}"
    rate = f"at an error rate of {result.page.error:g} over {pairs} and looks"
    lines = []
    leader = result.leader
    others = ", ".join(standing.marked for standing in result.standings[1:])
    if decision.settled and result.page.question == "best":
        lines.append(f"Decided {rate}, by {seeds} seeds: {leader.marked} is better than {others}.")
    elif decision.settled:
        lines.append(f"Decided {rate}, by {seeds} seeds: all pairs that were asked about differ.")
    else:
        first = " and ".join(one.marked for one in result.standings if one.rank.rank == 1)
        lines.append(f"Not decided {rate}, by {seeds} seeds; the best mean is that of {first}.")
    without = partial(_without, leader.name)
    decided, left = sorted(decision.decided, key=without), sorted(decision.left, key=without)
    if decided:
        lines.append(f"Decided: {'; '.join(_said(result, pair) for pair in decided[:SAID])}{_more(decided)}.")
    for pair in left[:SAID]:
        needed = result.needed[pair.a, pair.b]
        if pair.difference == pair.half_width == 0:
            more = "they are equal for every seed"
        elif needed is None:
            more = f"if it is as small as it looks, it would take more than {MOST_SEEDS:,} seeds to tell"
        elif needed <= seeds:
            more = "as many seeds again would tell with that power, if it is as large as it looks"
        else:
            more = f"some {needed - seeds} seeds more would tell, if it is as large as it looks"
        lines.append(
            f"Not decided: {result.marked(pair.a)} and {result.marked(pair.b)} (p = {pair.adjusted:.2g}); {more}."
        )
    if len(left) > SAID:
        lines.append(f"Not decided: {len(left) - SAID} pairs more.")
    if leader.copies.copies:
        lines.append(
            f"{leader.name} copies training samples ({leader.copies.copies} of {leader.copies.tested} seeds): "
            "no winner."
        )
    failed = [f"{one.name} {one.failures} of {seeds}" for one in result.standings if one.failures]
    if failed:
        lines.append(f"Failed runs, each counted as the worst of all runs: {', '.join(failed)}.")
    if result.best == "higher" and result.floor is not None and leader.figures and leader.figures.mean > result.floor:
        lines.append(f"{leader.name} is beyond what other real samples get ({result.floor:.4g}), which is no better.")
    return lines


def _without(leader: str, pair: Pair) -> bool:
    return leader not in (pair.a, pair.b)


def _more(pairs: Sequence[Pair]) -> str:
    return f"; and {len(pairs) - SAID} pairs more" if len(pairs) > SAID else ""


def _said(result: Result, pair: Pair) -> str:
    better, worse = (pair.b, pair.a) if pair.better == pair.b else (pair.a, pair.b)
    return f"{result.marked(better)} before {result.marked(worse)} (p = {pair.adjusted:.2g})"
