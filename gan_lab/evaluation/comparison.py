"""Comparison of configurations by figures, with tests, as Markdown, CSV or JSON."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from gan_lab.errors import UserError
from gan_lab.evaluation.copying import Answer
from gan_lab.io.strict_json import in_json
from gan_lab.metrics.estimates import estimate, holm, paired, welch

if TYPE_CHECKING:
    from gan_lab.metrics.metric import Best  # which imports torch

COPYING = "copies"  # the column of the copying tests' answer
ENOUGH = 3  # seeds of a row, for a test: two hardly ever tell anything
LEGEND = (
    "Mean ± half of the 95 % t-interval over seeds: of training again. Scores have the same real samples and noise in "
    "all runs; what runs report of themselves has each run's own. "
    "Rows are compared two at a time; the best of several was chosen after the fact, so that its own mean flatters."
)


class Cell(NamedTuple):
    """One figure of one configuration: its value for each seed."""

    configuration: str
    name: str
    key: str
    values: dict[int, float]


class Comparison(NamedTuple):
    """Cells in their order, the procedures by key, what a reader should know, and which configurations copy."""

    cells: list[Cell]
    procedures: dict[str, dict[str, Any]]
    notes: list[str]
    copying: Mapping[str, Answer] = {}

    @property
    def columns(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys((cell.name, cell.key) for cell in self.cells))

    def copies(self, configuration: str) -> Answer:
        """What the copying tests say of its runs."""
        return self.copying.get(configuration, Answer(0, 0))

    def marked(self, configuration: str) -> str:
        """Its name, with a mark where its runs copy."""
        return self.copies(configuration).marked(configuration)


def verdicts(comparison: Comparison) -> list[str]:
    """For each column with two rows or more: which row is best, and the p-value of a test against the next.

    Where both have the same seeds they are paired, since they share the seeds' draws: Student's test of the differences
    of their `badness`; else Welch's. Fewer than three seeds tell nothing. Beside the p-values of several columns stand
    those by Holm's correction.
    """
    found = [(column, _verdict(comparison, column)) for column in comparison.columns]
    decided = [(" ".join(column), verdict) for column, verdict in found if verdict is not None]
    adjusted = iter(holm([verdict.p for _, verdict in decided if verdict.p is not None]))
    several = sum(verdict.p is not None for _, verdict in decided) > 1
    lines = []
    for column, (text, p, more) in decided:
        tested = "" if p is None else f" p = {p:.2g}{f', by Holm {next(adjusted):.2g}' if several else ''}"
        lines.append(f"{column}: {text}{tested}{more}")
    return lines


class _Row(NamedTuple):
    """Of one column: a configuration, its values, and for each seed how bad they are."""

    configuration: str
    values: list[float]
    badness: dict[int, float]

    @property
    def rank(self) -> float:
        return _mean(list(self.badness.values()))


class _Verdict(NamedTuple):
    """What is said before the p-value, the p-value where there is one, and what is said after it."""

    text: str
    p: float | None = None
    more: str = ""


def _verdict(comparison: Comparison, column: tuple[str, str]) -> _Verdict | None:
    """None where there is nothing to say."""
    procedure = comparison.procedures[column[1]]
    best, floor = best_of(column[0], procedure), procedure.get(f"floor/{column[0]}")
    cells = [cell for cell in comparison.cells if (cell.name, cell.key) == column]
    if len(cells) < 2 or best is None:
        return None
    if best == "real" and (floor is None or not math.isfinite(floor)):
        return _Verdict("best near what real samples get: ranked where those were scored, by floor=true")
    rows, more = [], ""
    for name, values in ((comparison.marked(cell.configuration), cell.values) for cell in cells):
        if all(map(math.isfinite, values.values())):
            rows.append(_Row(name, list(values.values()), {s: badness(v, best, floor) for s, v in values.items()}))
        else:
            more += f"; `{name}` has values that are not finite, and no rank"
    if len(rows) < 2:
        return _Verdict("no two rows to compare", more=more)
    first, second = sorted(rows, key=lambda row: row.rank)[:2]
    if best == "higher" and floor is not None and _mean(first.values) > floor:
        more = f"; beyond what real samples get, which is no better{more}"
    if len(rows) > 2:
        more = f", the best two of {len(rows)}{more}"
    compared = (
        f"`{first.configuration}` {'level with' if first.rank == second.rank else 'before'} `{second.configuration}`"
    )
    if min(len(first.values), len(second.values)) < ENOUGH:
        return _Verdict(f"{compared}, too few seeds to tell (a row needs {ENOUGH})", more=more)
    if first.badness.keys() == second.badness.keys():
        test, p = "paired t-test", paired(*([row.badness[s] for s in first.badness] for row in (first, second)))
    else:
        test, p = "Welch's test", welch(list(first.badness.values()), list(second.badness.values()))
    if math.isnan(p):
        return _Verdict(f"{compared}, and the seeds do not vary: no test tells", more=more)
    return _Verdict(f"{compared}, {test}", p, more)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def best_of(name: str, procedure: Mapping[str, Any]) -> "Best":
    """Where a figure of this procedure is best."""
    if f"best/{name}" in procedure:
        return cast("Best", procedure[f"best/{name}"])
    earlier: dict[bool | None, Best] = {True: "higher", False: "lower", None: 0.5}
    return earlier[procedure["higher_is_better"]]


def badness(value: float, best: "Best", floor: float | None = None) -> float:
    """Lower is better; `floor` is what real samples get, for figures that are best near it.

    Raises:
        UserError: that is asked for, and is not finite or not there.
    """
    if best in ("higher", "lower"):
        return -value if best == "higher" else value
    aim = floor if best == "real" else best
    if not isinstance(aim, float) or not math.isfinite(aim):
        raise UserError("this figure is best near what real samples get, and they get none that is finite")
    return abs(value - aim)


def headed(name: str, key: str, procedure: Mapping[str, Any]) -> str:
    """A column's head: the figure, its procedure, which way is better, and what real samples get."""
    best, floor = best_of(name, procedure), procedure.get(f"floor/{name}")
    ways = {
        "higher": "higher is better",
        "lower": "lower is better",
        "real": "best near real samples",
        None: "a yardstick",
    }
    way = f"{best:g} is best" if isinstance(best, float) else ways[best]
    return f"{name} {key} ({way}{'' if floor is None else f'; real samples: {floor:.4g}'})"


def as_markdown(comparison: Comparison) -> str:
    heads = [_cell(headed(name, key, comparison.procedures[key])) for name, key in comparison.columns]
    lines = [f"| configuration | {' | '.join(heads)} | {COPYING} |", "|---" * (2 + len(heads)) + "|"]
    by_place = {(cell.configuration, cell.name, cell.key): cell for cell in comparison.cells}
    for configuration in dict.fromkeys(cell.configuration for cell in comparison.cells):
        shown = []
        for column in comparison.columns:
            cell = by_place.get((configuration, *column))
            e = None if cell is None else estimate(list(cell.values.values()))
            if e is None:
                shown.append("")
            elif e.n == 1:
                shown.append(f"{e.mean:.4g} (1 seed)")
            else:
                shown.append(f"{e.mean:.4g} ± {e.half_width:.2g} (sd {e.deviation:.2g}, {e.n} seeds)")
        shown.append(str(comparison.copies(configuration)))
        lines.append(f"| {_cell(comparison.marked(configuration))} | {' | '.join(shown)} |")
    lines += ["", LEGEND, *verdicts(comparison)]
    for key in dict.fromkeys(key for _, key in comparison.columns):
        settings = ", ".join(f"{name} {value}" for name, value in comparison.procedures[key].items())
        lines.append(f"{key}: {settings}")
    return "\n".join([*lines, *(f"note: {note}" for note in comparison.notes)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def records(comparison: Comparison) -> list[dict[str, Any]]:
    """A flat record for each cell."""
    found = []
    for cell in comparison.cells:
        e = estimate(list(cell.values.values()))
        low, high = (None if e.n == 1 else e.mean + sign * e.half_width for sign in (-1, 1))
        found.append(
            {"configuration": cell.configuration, "metric": cell.name, "procedure": cell.key, "seeds": e.n}
            | {"mean": e.mean, "sd": None if e.n == 1 else e.deviation, "low": low, "high": high}
            | {COPYING: str(comparison.copies(cell.configuration))}
        )
    return found


def as_csv(comparison: Comparison) -> str:
    text, rows = io.StringIO(), records(comparison)
    details = comparison.procedures
    fields = list(dict.fromkeys(name for values in details.values() for name in values))
    writer = csv.DictWriter(text, [*rows[0], *("procedure/" + field for field in fields)])
    writer.writeheader()
    for row in rows:
        writer.writerow(row | {"procedure/" + name: value for name, value in details[row["procedure"]].items()})
    return text.getvalue().rstrip()


def as_json(comparison: Comparison) -> str:
    rows: list[Mapping[str, Any]] = [
        row | {"values": {str(seed): value for seed, value in cell.values.items()}}
        for row, cell in zip(records(comparison), comparison.cells, strict=True)
    ]
    whole = {"rows": rows, "procedures": comparison.procedures}
    return in_json(whole | {"verdicts": verdicts(comparison), "notes": comparison.notes})
