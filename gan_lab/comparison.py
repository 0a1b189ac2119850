"""A table of configurations by figures, with what it says about which is best: as Markdown, CSV or JSON."""

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from gan_lab.metrics.estimates import estimate, welch


class Cell(NamedTuple):
    """One figure of one configuration: its value for each seed."""

    configuration: str
    name: str
    key: str
    values: dict[int, float]


class Comparison(NamedTuple):
    """Cells in their order, the procedures by key, and what a reader should know."""

    cells: list[Cell]
    procedures: dict[str, dict[str, Any]]
    notes: list[str]

    @property
    def columns(self) -> list[tuple[str, str]]:
        return list(dict.fromkeys((cell.name, cell.key) for cell in self.cells))


def verdicts(comparison: Comparison) -> list[str]:
    """For each column with two rows or more: which is best, and Welch's p-value of its `badness` against the next's."""
    found = []
    for column in comparison.columns:
        rows = [cell for cell in comparison.cells if (cell.name, cell.key) == column]
        if len(rows) < 2:
            continue
        higher = comparison.procedures[column[1]]["higher_is_better"]
        ranks = [_Rank([badness(v, higher) for v in row.values.values()], row.configuration) for row in rows]
        best, next_ = sorted(ranks, key=_mean)[:2]
        chosen = f", the best two of {len(rows)}" if len(rows) > 2 else ""
        order = "level with" if _mean(best) == _mean(next_) else "before"
        compared = f"`{best.configuration}` {order} `{next_.configuration}`"
        found.append(f"{' '.join(column)}: {compared}, {_told(best.badness, next_.badness)}{chosen}")
    return found


class _Rank(NamedTuple):
    badness: list[float]
    configuration: str


def _mean(rank: _Rank) -> float:
    return math.fsum(rank.badness) / len(rank.badness)


def _told(one: list[float], other: list[float]) -> str:
    if min(len(one), len(other)) < 2:
        return "too few seeds to tell"
    p = welch(one, other)
    return "neither varies with the seed" if math.isnan(p) else f"Welch's test p = {p:.2g}"


def badness(value: float, higher_is_better: bool | None) -> float:
    """Lower is better; None: the nearer to 1/2, the better."""
    return abs(value - 0.5) if higher_is_better is None else -value if higher_is_better else value


def headed(name: str, key: str, told: Mapping[str, Any]) -> str:
    """A column's head: the figure, its procedure, which way is better, and what real samples get."""
    way = {True: "higher is better", False: "lower is better", None: "1/2 is best"}[told["higher_is_better"]]
    floor = told.get(f"floor/{name}")
    return f"{name} {key} ({way}{'' if floor is None else f'; real samples: {floor:.4g}'})"


def as_markdown(comparison: Comparison) -> str:
    heads = [_cell(headed(name, key, comparison.procedures[key])) for name, key in comparison.columns]
    lines = [f"| configuration | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
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
        lines.append(f"| {_cell(configuration)} | {' | '.join(shown)} |")
    lines += ["", "Mean ± half of the 95 % t-interval over seeds.", *verdicts(comparison)]
    for key in dict.fromkeys(key for _, key in comparison.columns):
        told = ", ".join(f"{name} {value}" for name, value in comparison.procedures[key].items())
        lines.append(f"{key}: {told}")
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
    return json.dumps(whole | {"verdicts": verdicts(comparison), "notes": comparison.notes}, indent=2)
