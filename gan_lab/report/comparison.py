"""Page of a sweep or of several runs: tables, tests, knobs, curves, samples, what failed, what is still to run."""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from gan_lab.evaluation.comparison import LEGEND, Comparison, badness, best_of, headed, verdicts
from gan_lab.metrics.estimates import estimate
from gan_lab.report.curves import PANELS, Chart, Table, band
from gan_lab.report.page import render
from gan_lab.report.parallel import axes
from gan_lab.report.run import PAGE

MOST_CURVES = 8  # configurations in one chart
CURVES = (  # figures of metrics.csv that are drawn
    "equilibrium/energy", "equilibrium/auc", "equilibrium/diversity", "audit/auc", "equilibrium/modes", "d/loss",
    "g/loss", "equilibrium/value",
)  # fmt: skip
MOST_TILES = 400

# Figures that runs report themselves, and where each is best: what a sweep without scores is compared by.
OWN: Mapping[str, Any] = {
    "audit/auc": 0.5,
    "audit/jsd_bound": "lower",
    "equilibrium/energy": "lower",
    "equilibrium/diversity": 1.0,
    "equilibrium/mode_kl": "lower",
    "equilibrium/high_quality": "higher",
    "equilibrium/modes": "higher",
}
KEY = "(the run's own)"  # in place of a procedure's key


class Member(NamedTuple):
    """A run of the comparison.

    Attributes:
        label: its configuration; the seeds of one configuration share it.
        knobs: the overrides that not all runs share.
        figures: numbers by which it is compared.
        note: how far it is, or why it is no further.
        thumbnail: its last samples, as the address of an image.
    """

    directory: Path
    label: str
    seed: int | None
    knobs: Mapping[str, str]
    figures: Mapping[str, float]
    state: str = ""
    note: str = ""
    verdict: str = ""
    table: Table = {}  # noqa: RUF012 - never changed
    thumbnail: str | None = None


class Row(NamedTuple):
    """A configuration in the table: for each column its mean (None: absent) and the text of its cell."""

    label: str
    seeds: int
    cells: list[tuple[float | None, str]]
    name: str  # the label, with a mark where its runs copy
    copies: str


def page_of(title: str, members: Sequence[Member], comparison: Comparison, jobs: Sequence[Any], home: Path) -> str:
    """The page, as HTML, to be kept in the folder `home`.

    `jobs` are the sweep's, with `name`, `state` and `note`; those that have no run directory, too.
    """
    labels = [member.label for member in members] + [cell.configuration for cell in comparison.cells]
    ranked = ranking(comparison, labels)
    lines = axes([member.knobs for member in members], [member.figures for member in members])
    shown = bands(members, ranked)
    tiles = [member for member in members if member.thumbnail][:MOST_TILES]
    return render(
        "comparison.html",
        {"charts": shown, "parallel": {"axes": lines, "lines": [f"{m.label}, seed {m.seed}" for m in members]}},
        title=title,
        written=time.strftime("%Y-%m-%d %H:%M"),
        counts=Counter(job.state for job in jobs),
        verdicts=Counter(member.verdict for member in members if member.verdict),
        members=members,
        figures=list(dict.fromkeys(name for member in members for name in member.figures)),
        links={str(member.directory): link(member.directory, home) for member in members},
        rows=sorted(rows_of(comparison), key=lambda row: ranked.index(row.label)),
        columns=[headed(name, key, comparison.procedures[key]) for name, key in comparison.columns],
        tests=[test.replace("`", '"') for test in verdicts(comparison)] if comparison.cells else [],
        legend=LEGEND,
        notes=comparison.notes,
        procedures=procedures_of(comparison),
        axes=lines,
        coloured=next((i for i, axis in enumerate(lines) if axis.is_figure), len(lines) - 1),
        charts=shown,
        configurations=len(ranked),
        drawn=ranked[:MOST_CURVES],
        tiles=by_seed(tiles, ranked),
        left_out=sum(1 for member in members if member.thumbnail) - len(tiles),
        failed=[job for job in jobs if job.state == "failed"],
        missing=[job for job in jobs if job.state in ("running", "waiting")],
    )


def rows_of(comparison: Comparison) -> list[Row]:
    """The comparison as a table: mean and half of the 95 % interval over seeds."""
    by_place = {(cell.configuration, cell.name, cell.key): cell for cell in comparison.cells}
    rows = []
    for label in dict.fromkeys(cell.configuration for cell in comparison.cells):
        cells: list[tuple[float | None, str]] = []
        seeds: set[int] = set()
        for column in comparison.columns:
            cell = by_place.get((label, *column))
            if cell is None:
                cells.append((None, ""))
                continue
            seeds |= cell.values.keys()
            e = estimate(list(cell.values.values()))
            cells.append((e.mean, f"{e.mean:.4g}" if e.n == 1 else f"{e.mean:.4g} ± {e.half_width:.2g}"))
        rows.append(Row(label, len(seeds), cells, comparison.marked(label), str(comparison.copies(label))))
    return rows


def ranking(comparison: Comparison, labels: Sequence[str]) -> list[str]:
    """All configurations: by the first figure that has a best, those without it last, in their order."""
    for name, key in comparison.columns:
        procedure = comparison.procedures[key]
        best, floor = best_of(name, procedure), procedure.get(f"floor/{name}")
        if best is None or (best == "real" and floor is None):
            continue
        rank = {}
        for cell in comparison.cells:
            if (cell.name, cell.key) == (name, key):
                bad = [badness(value, best, floor) for value in cell.values.values()]
                rank[cell.configuration] = math.fsum(bad) / len(bad) if all(map(math.isfinite, bad)) else math.inf
        return sorted(dict.fromkeys(labels), key=lambda label: rank.get(label, math.inf))
    return list(dict.fromkeys(labels))


def bands(members: Sequence[Member], ranked: Sequence[str]) -> list[Chart]:
    """The figures that the runs logged: of each of the best configurations the mean over seeds, with a band."""
    found = []
    for name in CURVES:
        (panel, label), *_ = [(p, label) for p in PANELS for label, figure in p.figures.items() if figure == name]
        curves = []
        for number, configuration in enumerate(ranked[:MOST_CURVES]):
            columns = [m.table[name] for m in members if m.label == configuration and name in m.table]
            curves += [band(configuration, columns, number)] if columns else []
        title = panel.title if len(panel.figures) == 1 else f"{panel.title} ({label})"
        lowest = min((y for curve in curves for y in (*curve.y, *curve.low)), default=0.0)
        if any(curve.x for curve in curves):
            found.append(Chart(title, panel.unit, curves, panel.levels, panel.logarithmic and lowest > 0, legend=False))
    return found


def by_seed(members: Sequence[Member], ranked: Sequence[str]) -> dict[int | None, list[Member]]:
    """For each seed its runs, in the order of the ranking."""
    place = {label: i for i, label in enumerate(ranked)}
    seeds = sorted({member.seed for member in members}, key=lambda seed: (seed is None, seed))
    return {s: sorted((m for m in members if m.seed == s), key=lambda m: place[m.label]) for s in seeds}


def procedures_of(comparison: Comparison) -> dict[str, str]:
    """How the figures of each column were obtained."""
    return {
        key: ", ".join(f"{n} {value}" for n, value in comparison.procedures[key].items() if not n.startswith("best/"))
        for key in dict.fromkeys(key for _, key in comparison.columns)
    }


def link(directory: Path, home: Path) -> str | None:
    """The address of the run's own page, as seen from `home`; None where there is none below."""
    here, there = home.resolve(), directory.resolve() / PAGE
    if not there.is_file() or not there.is_relative_to(here):
        return None
    return "./" + quote(str(there.relative_to(here)))
