"""State of a tournament's runs, read from their directories: what they have reached, and what they have cost."""

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from gan_lab.config.words import one_line
from gan_lab.evaluation.copying import most
from gan_lab.evaluation.evaluator import VERSION, Procedure
from gan_lab.io.metrics_table import read_rows
from gan_lab.io.reading import read_json, read_text
from gan_lab.metrics.metric import Best
from gan_lab.sweeps.plan import FAILURE

KEYS = "scored.json"  # by which procedures the tournament has scored the run


class Run(NamedTuple):
    """What a run has left.

    Attributes:
        is_over: it has played its rounds, or failed; else it is to be played, or to be gone on with.
        failure: why it failed, in a line; None where it did not.
        figure: of the final evaluation; None where there is none.
        validation: the same figure of the validation, along the run: by round.
        copying: the copying test's z; None where it was not made.
        scoring: seconds that the copying test and the evaluation took; 0 where that was not noted.
        images: real ones that it has seen; None where that was not noted.
    """

    directory: Path
    is_over: bool
    failure: str | None
    rounds: int
    seconds: float
    figure: float | None
    best: Best
    floor: float | None
    validation: dict[int, float]
    copying: float | None
    scoring: tuple[float, float] = (0.0, 0.0)
    images: float | None = None

    @property
    def last_validation(self) -> float | None:
        if self.failure is not None or not self.validation:
            return None
        value = self.validation[max(self.validation)]
        return value if math.isfinite(value) else None


def read_run(directory: Path, rounds: int, figure: str) -> Run:
    """The run that was to play `rounds` in this directory.

    Raises:
        UserError: a file of it is damaged.
    """
    curve, played, last = _curve(directory / "metrics.csv", f"evaluation/{figure}")
    summary, keys = _json(directory / "summary.json"), _json(directory / KEYS)
    failure = None
    if os.path.lexists(directory / FAILURE):
        failure = one_line(read_text(directory / FAILURE).strip().rpartition("\n")[2])
    finished = summary.get("finished") is True and summary.get("budget") == rounds
    score = scored(summary, figure, keys.get("figure"))
    value, best, floor = ((score or {}).get(name) for name in ("value", "best", "floor"))
    if failure is None and score is not None and not (isinstance(value, float | int) and math.isfinite(value)):
        failure = f"{figure} is not finite"
    return Run(
        directory,
        finished or failure is not None,
        failure,
        int(summary.get("rounds", played)),
        float(summary.get("seconds", last.get("seconds", 0.0))),
        None if failure is not None or value is None else float(value),
        best,
        floor,
        curve,
        None if keys.get("copying") is None else most(summary, keys["copying"]),
        _seconds(keys),
        summary.get("images", last.get("images")),
    )


def _seconds(keys: dict[str, Any]) -> tuple[float, float]:
    found = keys.get("seconds", {})
    return float(found.get("copying", 0.0)), float(found.get("figure", 0.0))


def procedure_of(directory: Path) -> dict[str, Any] | None:
    """How a run's final evaluation has measured, but for how samples are drawn; None where there is none."""
    summary, key = _json(directory / "summary.json"), _json(directory / KEYS).get("figure")
    head = f"score/{key}/procedure/"
    found = {name: summary.get(head + name) for name in Procedure._fields if name not in ("sampling", "conditions")}
    return found if found["version"] == VERSION else None


def floor_of(directory: Path, figure: str) -> float | None:
    """What real samples get in a run's final evaluation."""
    score = scored(_json(directory / "summary.json"), figure, _json(directory / KEYS).get("figure"))
    return None if score is None else score["floor"]


def _json(path: Path) -> dict[str, Any]:
    """Nothing where it is not there."""
    return read_json(path) if os.path.lexists(path) else {}


def scored(summary: dict[str, Any], figure: str, key: str | None) -> dict[str, Any] | None:
    """The figure by the procedure of this key, with where it is best and its floor; None where there is none."""
    head = f"score/{key}"
    if f"{head}/{figure}" not in summary or summary.get(f"{head}/generator") != summary.get("generator"):
        return None
    procedure = f"{head}/procedure"
    if summary.get(f"{procedure}/version") != VERSION:  # by an earlier version of the lab
        return None
    return {
        "value": summary[f"{head}/{figure}"],
        "best": summary.get(f"{procedure}/best/{figure}"),
        "floor": summary.get(f"{procedure}/floor/{figure}"),
    }


def _curve(path: Path, column: str) -> tuple[dict[int, float], int, dict[str, float]]:
    """A column of the table of metrics by round, the last round in it, and the seconds and images by then.

    Raises:
        UserError: it is no such table.
    """
    found: dict[int, float] = {}
    played = 0
    last: dict[str, float] = {}
    for at, numbers in read_rows(path):
        played = max(played, at)
        last |= {name: numbers[name] for name in ("seconds", "images") if name in numbers}
        if column in numbers:
            found[at] = numbers[column]
    return found, played, last
