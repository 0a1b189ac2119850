"""Curves of a page: figures along the rounds of one run, or of several with bands over seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gan_lab.io.metrics_table import read_rows
from gan_lab.io.sample_grids import spread

POINTS = 300  # of a curve, at most


class Curve(NamedTuple):
    """y over x; with a band from `low` to `high`, where several runs are behind it."""

    name: str
    x: list[int]
    y: list[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: int = 0


class Chart(NamedTuple):
    """Curves in one frame, with named levels to compare them with."""

    title: str
    unit: str
    curves: list[Curve]
    levels: Mapping[str, float] = {}
    logarithmic: bool = False
    legend: bool = True


class Panel(NamedTuple):
    """Which figures of `metrics.csv` a chart shows, by the names of its curves."""

    title: str
    unit: str
    figures: Mapping[str, str]
    levels: Mapping[str, float] = {}
    logarithmic: bool = False


PANELS = (
    Panel("Costs", "cost", {"D": "d/loss", "G": "g/loss"}),
    Panel(
        "Is D undecided?",
        "share that D is right about",
        {"pairs": "equilibrium/auc", "real": "d/accuracy_real", "generated": "d/accuracy_fake"},
        {"undecided": 0.5},
    ),
    Panel(
        "Distance of the samples from the data",
        "relative energy distance",
        {"distance": "equilibrium/energy"},
        logarithmic=True,
    ),
    Panel("Value of the game", "nats", {"V": "equilibrium/value"}, {"equilibrium": -math.log(4)}),
    Panel("Diversity of the samples", "that of the data: 1", {"diversity": "equilibrium/diversity"}, {"data": 1.0}),
    Panel(
        "Gradient norms",
        "cost per unit of weight",
        {"D": "equilibrium/d_grad_norm", "G": "equilibrium/g_grad_norm"},
        logarithmic=True,
    ),
    Panel(
        "Audit: who tells samples from real ones?",
        "AUC",
        {"auditor": "audit/auc", "the game's D": "audit/game_auc"},
        {"chance": 0.5},
    ),
    Panel("Modes shown", "modes", {"modes": "equilibrium/modes"}),
)
PLAIN = ("round", "images", "seconds", "rounds_per_second")  # columns that count, and measure nothing of the game
Table = dict[str, tuple[list[int], list[float]]]


def read_table(path: Path) -> Table:
    """Rounds and finite values of each column of `metrics.csv`; nothing where the file is not there.

    Raises:
        UserError: it cannot be read, or is no table of rounds.
    """
    table: Table = {}
    for at, numbers in read_rows(path):
        for name, value in numbers.items():
            if name not in PLAIN and math.isfinite(value):
                rounds, values = table.setdefault(name, ([], []))
                rounds.append(at)
                values.append(value)
    return table


def charts(table: Table) -> list[Chart]:
    """The panels that the table has figures for, and then one for each other figure that changes."""
    found = [
        Chart(
            panel.title, panel.unit,
            [_curve(label, table[name], n) for n, (label, name) in enumerate(panel.figures.items()) if name in table],
            panel.levels, panel.logarithmic and _all_positive(table, panel.figures.values()),
        )
        for panel in PANELS
    ]  # fmt: skip
    known = {name for panel in PANELS for name in panel.figures.values()}
    others = {name: column for name, column in table.items() if name not in known and len(set(column[1])) > 1}
    found += [Chart(name, "", [_curve(name, column)]) for name, column in sorted(others.items())]
    return [chart for chart in found if chart.curves]


def _curve(name: str, column: tuple[list[int], list[float]], colour: int = 0) -> Curve:
    points = spread(list(zip(*column, strict=True)), POINTS)
    return Curve(name, [at for at, _ in points], [value for _, value in points], colour=colour)


def _all_positive(table: Table, names: Iterable[str]) -> bool:
    return all(min(table[name][1]) > 0 for name in names if name in table)


def band(name: str, columns: Sequence[tuple[list[int], list[float]]], colour: int = 0) -> Curve:
    """The mean over runs, with a band from the lowest to the highest, at the rounds that all of them logged."""
    tables = [dict(zip(*column, strict=True)) for column in columns]
    rounds = spread(sorted(set.intersection(*(set(table) for table in tables))) if tables else [], POINTS)
    values = [[table[at] for table in tables] for at in rounds]
    means = [math.fsum(v) / len(v) for v in values]
    if len(tables) < 2:
        return Curve(name, rounds, means, colour=colour)
    return Curve(name, rounds, means, [min(v) for v in values], [max(v) for v in values], colour)
