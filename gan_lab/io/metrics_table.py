"""Rows of a run's table of metrics, `metrics.csv`."""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

from gan_lab.errors import UserError
from gan_lab.io.reading import read_text

LARGEST = 2**30  # bytes
LONGEST = 20  # characters of a round


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """The round of each row, and its numbers by the names of their columns; nothing where the file is not there.

    A run may be writing it, or a kill may have cut it short: rows without a whole number as round are left out, and so
    are fields that are no numbers.

    Raises:
        UserError: it cannot be read, or is no table of rounds.
    """
    if not os.path.lexists(path):
        return
    try:
        for row in csv.DictReader(io.StringIO(read_text(path, LARGEST))):
            at = row["round"]
            if at is not None and at.isdecimal() and len(at) < LONGEST:
                yield int(at), {name: n for name, text in row.items() if (n := _number(text)) is not None}
    except (KeyError, csv.Error) as error:
        raise UserError(f"{path}: is not a table of rounds") from error


def _number(text: object) -> float | None:
    try:
        return float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # such as fields beyond the last column, which are a list
        return None
