"""Parallel coordinates: one line for each run, over an axis for each knob and figure."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

WIDE = 20.0  # the ratio of largest to smallest from which a scale is logarithmic
FEW = 6  # different values that are all marked
MOST_WORDS = 20  # different words that have a place each
LONGEST = 24  # characters of a mark
DEFAULT = "(default)"


class Axis(NamedTuple):
    """Where each run is on an axis from 0 to 1 (None: nowhere), what it is there, and marks with their places."""

    name: str
    places: list[float | None]
    texts: list[str]
    ticks: list[tuple[float, str]]
    is_figure: bool = False


def axis_of_knob(name: str, values: Sequence[str | None]) -> Axis:
    """An axis of what runs say of a knob, None where they leave it as it is: numbers to scale, words side by side."""
    if all(value is None or _is_number(value) for value in values):
        return axis_of_figure(name, [math.nan if value is None else float(value) for value in values], DEFAULT)
    words = sorted({DEFAULT if value is None else value for value in values})[:MOST_WORDS]
    places = {word: i / (len(words) - 1) if len(words) > 1 else 0.5 for i, word in enumerate(words)}
    texts = [DEFAULT if value is None else value for value in values]
    return Axis(name, [places.get(text) for text in texts], texts, [(places[word], _cut(word)) for word in words])


def axis_of_figure(name: str, values: Sequence[float], absent: str = "none") -> Axis:
    """An axis of numbers; logarithmic where they are positive and far apart."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    logarithmic = low > 0 and high / low >= WIDE

    def place(value: float) -> float | None:
        if not math.isfinite(value):
            return None
        if low == high:
            return 0.5
        if logarithmic:
            return math.log(value / low) / math.log(high / low)
        return (value / 2 - low / 2) / (high / 2 - low / 2)  # halved: the difference may be too large for a float

    marked = sorted(set(known)) if len(set(known)) <= FEW else [low, high]
    texts = [f"{value:.4g}" if math.isfinite(value) else absent for value in values]
    return Axis(name, [place(value) for value in values], texts, [(place(v) or 0.0, f"{v:.3g}") for v in marked])


def axes(knobs: Sequence[Mapping[str, str]], figures: Sequence[Mapping[str, float]], most: int = 12) -> list[Axis]:
    """First the knobs by which runs differ, then the figures that any has: the most different ones, if there are many.

    `knobs` and `figures` are those of each run.
    """
    names = dict.fromkeys(name for run in knobs for name in run)
    of_knobs = [axis_of_knob(name, [run.get(name) for run in knobs]) for name in names]
    of_knobs = [axis for axis in of_knobs if len({*axis.texts}) > 1]
    measured = dict.fromkeys(name for run in figures for name in run)
    of_figures = [axis_of_figure(name, [run.get(name, math.nan) for run in figures]) for name in measured]
    of_figures = [axis._replace(is_figure=True) for axis in of_figures]
    kept = max(most // 2, most - len(of_figures))
    return of_knobs[:kept] + of_figures[: most - len(of_knobs[:kept])]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
