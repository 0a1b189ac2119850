"""State of a tournament's runs, read from their directories: what they have reached, and what they have cost."""

import csv
import io
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

from gan_lab.config.words import one_line
from gan_lab.errors import UserError
from gan_lab.io.reading import read_json, read_text
from gan_lab.metrics.metric import Best
from gan_lab.sweeps.plan import FAILURE
from gan_lab.tournament.page import Protocol

LARGEST_TABLE = 2**28  # bytes
COPIES = 3.0  # standard deviations of the copying test, above which a run copies


class Run(NamedTuple):
    """What a run has left.

    Attributes:
        is_over: it has played its rounds, or failed; else it is to be played, or to be gone on with.
        failure: why it failed, in a line; None where it did not.
        figure: of the final evaluation; None where there is none.
        validation: the same figure of the validation, along the run: by round.
        copying: the copying test's z; None where it was not made.
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

    @property
    def last_validation(self) -> float | None:
        if self.failure is not None or not self.validation:
            return None
        value = self.validation[max(self.validation)]
        return value if math.isfinite(value) else None


def read_run(directory: Path, rounds: int, figure: str, protocol: Protocol) -> Run:
    """The run that was to play `rounds` in this directory.

    Raises:
        UserError: a file of it is damaged.
    """
    curve, played, seconds = _curve(directory / "metrics.csv", f"evaluation/{figure}")
    summary = read_json(directory / "summary.json") if os.path.lexists(directory / "summary.json") else {}
    failure = None
    if os.path.lexists(directory / FAILURE):
        failure = one_line(read_text(directory / FAILURE).strip().rpartition("\n")[2])
    finished = summary.get("finished") is True and summary.get("budget") == rounds
    score = scored(summary, figure, protocol)
    value, best, floor = (score or {}).get(figure), (score or {}).get(f"best/{figure}"), (score or {}).get("floor")
    if failure is None and score is not None and not (isinstance(value, float | int) and math.isfinite(value)):
        failure = f"{figure} is {value}"
    return Run(
        directory,
        finished or failure is not None,
        failure,
        int(summary.get("rounds", played)),
        float(summary.get("seconds", seconds)),
        None if failure is not None or value is None else float(value),
        best,
        floor,
        curve,
        copying(summary),
    )


def scored(summary: dict[str, Any], figure: str, protocol: Protocol) -> dict[str, Any] | None:
    """The figure by this protocol, with where it is best (`best/NAME`) and its `floor`; None where there is none."""
    for name in summary:
        head, _, rest = name.rpartition(f"/{figure}")
        if rest or not head.startswith("score/") or head.count("/") != 1:
            continue
        asked = {"n": protocol.n, "seed": protocol.seed, "split": protocol.split}
        is_own = summary.get(f"{head}/generator") == summary.get("generator")
        if is_own and all(summary.get(f"{head}/procedure/{key}") == value for key, value in asked.items()):
            return {
                figure: summary[name],
                f"best/{figure}": summary.get(f"{head}/procedure/best/{figure}"),
                "floor": summary.get(f"{head}/procedure/floor/{figure}"),
            }
    return None


def copying(summary: dict[str, Any]) -> float | None:
    """How many standard deviations above 1/2 the copying test is."""
    for name, value in summary.items():
        if name.startswith("score/") and name.endswith("/copying") and isinstance(value, float):
            head = name.removesuffix("/copying")
            error = summary.get(f"{head}/copying/error")
            if summary.get(f"{head}/generator") == summary.get("generator") and error:
                return (value - 0.5) / float(error)
    return None


def _curve(path: Path, column: str) -> tuple[dict[int, float], int, float]:
    """A column of the table of metrics by round, the last round in it and the seconds by then.

    Raises:
        UserError: it is no such table.
    """
    found: dict[int, float] = {}
    played, seconds = 0, 0.0
    if not os.path.lexists(path):
        return found, played, seconds
    for row in csv.DictReader(io.StringIO(read_text(path, LARGEST_TABLE))):
        try:
            played = max(played, int(row["round"]))
            if row.get("seconds"):
                seconds = float(row["seconds"])
            if row.get(column):
                found[int(row["round"])] = float(row[column])
        except (KeyError, TypeError, ValueError):
            if None in row.values():  # a kill has cut the last line
                continue
            raise UserError(f"{path}: is not a table of rounds") from None
    return found, played, seconds
