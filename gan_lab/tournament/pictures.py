"""Figures of a tournament as PNG: standings, learning curves at equal compute, and the search."""

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_lab.evaluation.factorial import Combination, Factors, combinations_of
from gan_lab.tournament.result import Result, Standing

COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3", "#8c8c8c")
WIDEST = 16  # cells beside each other on a map
FIRST = len(COLOURS)  # contestants that have a curve, and a picture of samples


def standings(result: Result) -> bytes:
    """The figure of each seed, contestants below each other, their means and Student's intervals, and the floor."""

    def draw(axes: Any) -> None:
        for row, one in enumerate(result.standings):
            figures = [run.figure for run in one.runs.values() if run.figure is not None]
            spread = np.linspace(-0.16, 0.16, len(figures)) if len(figures) > 1 else np.zeros(len(figures))
            axes.scatter(figures, row + spread, s=14, color=_colour(row), alpha=0.6, linewidths=0)
            if one.figures is not None:
                width = 0.0 if math.isnan(one.figures.half_width) else one.figures.half_width
                axes.errorbar(one.figures.mean, row, xerr=width, fmt="o", color="black", capsize=3, markersize=4)
        _floor(axes.axvline, result)
        axes.set_yticks(range(len(result.standings)), [one.marked for one in result.standings])
        axes.set_ylim(len(result.standings) - 0.5, -0.5)
        axes.set_xlabel(f"{result.figure}, by seed; mean and 95 % t-interval")

    return _png(draw, height=1.4 + 0.42 * len(result.standings))


def curves(result: Result) -> bytes:
    """The validation's figure along the final runs, against what was spent of the budget: mean and range over seeds.

    Runs that failed are left out: a mean over fewer seeds at its end would be another one than at its beginning.
    """
    unit = result.page.unit

    def draw(axes: Any) -> None:
        for row, one in enumerate(result.standings[:FIRST]):
            cost = one.cost.of(unit)
            table = [run.validation for run in one.runs.values() if run.validation and run.failure is None]
            shared = sorted(set.intersection(*(set(curve) for curve in table))) if table else []
            if not shared:
                continue
            values = np.array([[curve[played] for played in shared] for curve in table])
            spent = np.array(shared) * cost
            label = f"{one.marked} ({len(table)} seeds)" if one.failures else one.marked
            axes.plot(spent, values.mean(0), "o-", color=_colour(row), label=label, linewidth=1.6, markersize=3)
            axes.fill_between(spent, values.min(0), values.max(0), color=_colour(row), alpha=0.15, linewidth=0)
        axes.set_xlim(left=0)
        axes.set_xlabel(f"{'FLOPs' if unit == 'flops' else unit} of one final run")
        axes.set_ylabel(f"{result.figure} (validation)")
        _scale(axes.set_yscale, result)
        axes.legend(frameon=False, fontsize=8)

    return _png(draw)


def searches(result: Result) -> bytes:
    """The validation's figure of each trial, in the order of merit: the best, and what a worse draw would have got."""

    def draw(axes: Any) -> None:
        for row, one in enumerate(result.standings[:FIRST]):
            values = one.validated(result.best, result.floor)
            failed = len(one.trials) - len(values)
            label = f"{one.marked} ({failed} failed)" if failed else one.marked
            axes.plot(range(1, len(values) + 1), values, "o-", color=_colour(row), markersize=4, label=label)
        axes.set_xticks(range(1, 1 + max(len(one.trials) for one in result.standings)))
        axes.set_xlabel("trials of the search, best first")
        axes.set_ylabel(f"{result.figure} (validation)")
        _scale(axes.set_yscale, result)
        axes.legend(frameon=False, fontsize=8)

    return _png(draw)


def map_of_combinations(result: Result, factors: Factors, standings: Mapping[Combination, Standing]) -> bytes:
    """The mean figure of each combination as a cell: rows are the first factor's levels, columns the second's, and each
    combination of the others has a panel. Colours go by ranks of how bad all seeds were, failed ones included, so that
    one bad combination does not take them all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (down, rows), (across, columns), *others = factors.items()
    panels = combinations_of(dict(others))
    order = sorted({math.fsum(one.values) for one in standings.values()})
    wide = min(len(panels), max(1, WIDEST // len(columns)))
    high = -(-len(panels) // wide)
    size = (1.6 + wide * (0.3 + 0.85 * len(columns)), 0.5 + high * (1.1 + 0.42 * len(rows)))
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for at, (axes, panel) in enumerate(zip(figure.subplots(high, wide, squeeze=False).flat, panels, strict=False)):
        cells = [[standings[row, column, *panel] for column in columns] for row in rows]
        places = [[order.index(math.fsum(cell.values)) / max(1, len(order) - 1) for cell in row] for row in cells]
        axes.imshow(places, cmap="YlGnBu", vmin=0, vmax=1.15, aspect="auto")
        for y, row in enumerate(cells):
            for x, cell in enumerate(row):
                ink = "white" if places[y][x] > 0.6 else "black"
                axes.text(x, y, _in_cell(cell), ha="center", va="center", fontsize=8, color=ink)
        axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", fontsize=8)
        axes.set_yticks(range(len(rows)), rows if at % wide == 0 else [""] * len(rows), fontsize=8)
        axes.set_xlabel(across, fontsize=9)
        axes.set_ylabel(down if at % wide == 0 else "", fontsize=9)
        names = (f"{factor}: {level}" for (factor, _), level in zip(others, panel, strict=True))
        axes.set_title(", ".join(names), fontsize=9)
    for axes in figure.axes[len(panels) :]:
        axes.set_axis_off()
    figure.suptitle(f"{result.figure}, mean over {len(result.seeds)} seeds", fontsize=10)
    return _bytes(canvas)


def _in_cell(one: Standing) -> str:
    """The mean of those that have not failed, how many have, and whether it copies."""
    if one.figures is None:
        return "failed"
    lines = [
        f"{one.figures.mean:.3g}",
        *([f"{one.failures} failed"] if one.failures else []),
        one.copies.marked("").strip(),
    ]
    return "\n".join(line for line in lines if line)


def _scale(set_scale: Callable[[str], Any], result: Result) -> None:
    """Logarithmic, where the figure is positive and spans more than a decade."""
    runs = [run for one in result.standings for run in (*one.runs.values(), *one.trials)]
    values = [value for run in runs for value in run.validation.values() if math.isfinite(value)]
    if values and min(values) > 0 and max(values) > 10 * min(values):
        set_scale("log")


def _floor(line: Callable[..., Any], result: Result) -> None:
    if result.floor is not None:
        line(result.floor, color="#888888", linestyle="--", linewidth=1)


def _colour(row: int) -> str:
    return COLOURS[row % len(COLOURS)]


def _png(draw: Callable[[Any], None], width: float = 6.4, height: float = 3.4) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw(axes)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    return _bytes(canvas)


def _bytes(canvas: Any) -> bytes:
    file = io.BytesIO()
    canvas.print_png(file)
    return file.getvalue()
