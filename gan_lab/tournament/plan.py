"""Plan of a tournament: its trials, the length of each run, and what each costs."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_lab.errors import UserError
from gan_lab.seeding import derive_seed
from gan_lab.tournament.page import Choices, Range, Space, TournamentPage, spelt

# Settings that leave the cost of a round as it is; after any other one it is measured again.
CHEAP = ("optimizer.", "schedule.", "ema.")
WEIGHTS = ".weight"


class Cost(NamedTuple):
    """What a round costs: floating-point operations, real images, and seconds of this machine."""

    flops: float
    images: float
    seconds: float

    def of(self, unit: str) -> float:
        """The same in a budget's unit."""
        return 1.0 if unit == "rounds" else float(getattr(self, unit))


class Entry(NamedTuple):
    """A contestant as it plays: its overrides, what was drawn for it, and under which name its cost is measured."""

    contestant: str
    name: str
    overrides: list[str]
    drawn: dict[str, Any]
    costed: str


def drawn_trials(page: TournamentPage) -> list[Entry]:
    """Random trials of each contestant but the first, at least one: what Optuna may draw, too."""
    search = page.search
    if search is None:
        return []
    more = page.model_copy(update={"search": search.model_copy(update={"trials": max(2, search.trials)})})
    return [entry for entry in entries(more, trials=True) if entry.drawn]


def entries(page: TournamentPage, trials: bool) -> list[Entry]:
    """Each contestant as it stands on the page; with `trials` each of its random trials, of which that is the first."""
    found = []
    for name, contestant in page.contestants.items():
        base = [*page.common, *contestant.overrides]
        if not trials or page.search is None:
            found.append(Entry(name, name, base, {}, name))
            continue
        space = page.space_of(name)
        alters = any(not is_cheap(key) for key in space)
        for trial in range(page.search.trials):
            drawn = draw(space, page.search.seed, trial) if trial else {}
            own = f"{name}-{trial:02d}"  # which no contestant may be named
            overrides = [*base, *(f"{key}={spelt(value)}" for key, value in drawn.items())]
            found.append(Entry(name, own, overrides, drawn, own if alters and trial else name))
    return found


def is_cheap(key: str) -> bool:
    """Whether a setting leaves a round's cost as it is."""
    return key.startswith(CHEAP) or key.endswith(WEIGHTS)


def draw(space: Space, seed: int, trial: int) -> dict[str, Any]:
    """The settings of a random trial. Each follows from (seed, trial, its key), whoever else has it in a space."""
    return {key: _drawn(part, np.random.default_rng(derive_seed(seed, key, trial))) for key, part in space.items()}


def _drawn(part: Range | Choices, random: np.random.Generator) -> Any:
    if isinstance(part, Choices):
        return part.choices[int(random.integers(len(part.choices)))]
    if isinstance(part.low, int) and isinstance(part.high, int) and not part.log:
        return int(random.integers(part.low, part.high + 1))
    if not part.log:
        return float(random.uniform(part.low, part.high))
    value = math.exp(random.uniform(math.log(part.low), math.log(part.high)))
    return round(value) if isinstance(part.low, int) and isinstance(part.high, int) else value


def rounds_of(page: TournamentPage, cost: Cost, final: bool) -> int:
    """Rounds of one final run, or of one trial: its share of the contestant's budget by what a round costs.

    The budget is shared by all `seeds` final runs, at 1 each, and all trials, at `search.length` each.

    Raises:
        UserError: it does not pay for one round, or a round costs nothing.
    """
    trials, length = (0, 1.0) if page.search is None else (page.search.trials, page.search.length)
    share = page.amount / (page.seeds + trials * length) * (1.0 if final else length)
    if not cost.of(page.unit):
        raise UserError(f"budget.{page.unit}: a round costs none that are counted; take rounds, images or seconds")
    rounds = math.floor(share / cost.of(page.unit))
    if rounds < 1:
        raise UserError(
            f"budget.{page.unit}={page.amount:g}: leaves {share:.3g} for a run, and a round costs "
            f"{cost.of(page.unit):.3g}; give more, or fewer seeds and trials"
        )
    return rounds


def in_words(page: TournamentPage, costs: dict[str, Cost], scoring: float) -> str:
    """A Markdown table of what is to be run; `scoring` is what the evaluation of one run takes, in seconds."""
    lines = ["| contestant | trials | seeds | GFLOP a round | FLOPs | images | seconds |", "|---" * 7 + "|"]
    total = 0.0
    for name in page.contestants:
        cost, trials = costs[name], 0 if page.search is None else page.search.trials
        final, trial = rounds_of(page, cost, True), rounds_of(page, cost, False) if trials else 0
        rounds = final * page.seeds + trial * trials
        total += rounds * cost.seconds
        lines.append(
            f"| {name} | {trials} of {trial} rounds | {page.seeds} of {final} rounds | {cost.flops / 1e9:.3g} | "
            f"{rounds * cost.flops:.3g} | {rounds * cost.images:.3g} | {rounds * cost.seconds:.0f} |"
        )
    runs = len(page.contestants) * page.seeds
    lines += [
        "",
        f"{total:.0f} s of this machine, one run at a time, and {runs * scoring:.0f} s to evaluate {runs} runs.",
    ]
    if page.until == "decided":
        lines.append("With until=decided fewer seeds are played where fewer decide.")
    if {entry.costed for entry in entries(page, True)} > {*page.contestants}:
        lines.append("Trials that alter the cost of a round have other numbers of rounds, by their own cost.")
    return "\n".join(lines)


def jobs_left(jobs: dict[tuple[str, int], bool]) -> list[tuple[list[str], list[int]]]:
    """Sweeps (names, seeds) that play what is not over yet (False) and nothing else."""
    by_name: dict[str, list[int]] = {}
    for (name, seed), is_over in jobs.items():
        if not is_over:
            by_name.setdefault(name, []).append(seed)
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for name, seeds in by_name.items():
        by_seeds.setdefault(tuple(seeds), []).append(name)
    return [(names, list(seeds)) for seeds, names in by_seeds.items()]


def chosen(validation: Sequence[float | None]) -> int | None:
    """The trial that is least bad on validation, the first of equals; None where all failed."""
    known = [(bad, trial) for trial, bad in enumerate(validation) if bad is not None and math.isfinite(bad)]
    return min(known)[1] if known else None
