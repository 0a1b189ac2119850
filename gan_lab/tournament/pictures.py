"""Figures of a tournament as PNG: standings, learning curves at equal compute, and the search."""

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gan_lab.evaluation.comparison import badness
from gan_lab.evaluation.factorial import Factors, Setting, settings
from gan_lab.metrics.estimates import Estimate
from gan_lab.tournament.result import Result

COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3", "#8c8c8c")
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
    """The validation's figure along the final runs, against what was spent of the budget: mean and range over seeds."""
    unit = result.page.unit

    def draw(axes: Any) -> None:
        for row, one in enumerate(result.standings[:FIRST]):
            cost = one.cost.of(unit)
            table = [run.validation for run in one.runs.values() if run.validation]
            shared = sorted(set.intersection(*(set(curve) for curve in table))) if table else []
            if not shared:
                continue
            values = np.array([[curve[played] for played in shared] for curve in table])
            spent = np.array(shared) * cost
            axes.plot(spent, values.mean(0), "o-", color=_colour(row), label=one.name, linewidth=1.6, markersize=3)
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
            values = sorted(
                (value for run in one.trials if (value := run.last_validation) is not None),
                reverse=result.best == "higher",
            )
            failed = len(one.trials) - len(values)
            label = f"{one.name} ({failed} failed)" if failed else one.name
            axes.plot(range(1, len(values) + 1), values, "o-", color=_colour(row), markersize=4, label=label)
        axes.set_xticks(range(1, 1 + max(len(one.trials) for one in result.standings)))
        axes.set_xlabel("trials of the search, best first")
        axes.set_ylabel(f"{result.figure} (validation)")
        _scale(axes.set_yscale, result)
        axes.legend(frameon=False, fontsize=8)

    return _png(draw)


def settings_map(result: Result, factors: Factors, figures: Mapping[Setting, Estimate | None]) -> bytes:
    """The mean figure of each setting as a cell: rows are the first factor's levels, columns the second's, and each
    choice of the others has a panel. Colours go by ranks, so that one bad setting does not take them all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    (down, rows), (across, columns), *others = factors.items()
    panels = settings(dict(others))
    known = [one.mean for one in figures.values() if one is not None]
    order = sorted(known, key=lambda value: badness(value, result.best, result.floor))
    last = max(1, len(order) - 1)
    figure = Figure(
        figsize=(1.6 + len(panels) * (0.3 + 0.85 * len(columns)), 1.5 + 0.42 * len(rows)), dpi=110, layout="constrained"
    )
    canvas = FigureCanvasAgg(figure)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels, strict=True):
        cells = [[figures[row, column, *panel] for column in columns] for row in rows]
        places = [[math.nan if c is None else order.index(c.mean) / last for c in row] for row in cells]
        axes.imshow(places, cmap="YlGnBu", vmin=0, vmax=1.15, aspect="auto")
        for y, row in enumerate(cells):
            for x, cell in enumerate(row):
                text = "x" if cell is None else f"{cell.mean:.3g}"
                ink = "white" if cell is not None and places[y][x] > 0.6 else "black"
                axes.text(x, y, text, ha="center", va="center", fontsize=8, color=ink)
        axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", fontsize=8)
        axes.set_yticks(range(len(rows)), rows, fontsize=8)
        axes.set_xlabel(across, fontsize=9)
        axes.set_title(", ".join(panel), fontsize=9)
    figure.axes[0].set_ylabel(down, fontsize=9)
    figure.suptitle(f"{result.figure}, mean over {len(result.seeds)} seeds", fontsize=10)
    return _bytes(canvas)


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
