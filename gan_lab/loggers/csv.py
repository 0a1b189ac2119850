"""CSV logger."""

import csv
import io
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.utilities.rank_zero import rank_zero_only

from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically, writing
from gan_lab.io.reading import read_text
from gan_lab.loggers.record import Record

LARGEST = 2**30  # bytes of a table


class CSV(Record):
    """`metrics.csv`: a row per logged round, a column per metric; metrics of one round share its row.

    A row is on disk as soon as the next one begins, or at `save`. Configuration, pictures and summary are files of
    their own in the run directory, whatever the loggers.
    """

    def __init__(self, directory: str) -> None:
        super().__init__()
        self.path = Path(directory) / "metrics.csv"
        self._columns: list[str] = []
        self._row: dict[str, Any] = {}

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self._row and self._row["round"] != step:
            self.save()
        self._row |= {"round": step, **metrics}

    @rank_zero_only
    def save(self) -> None:
        if not self._row:
            return
        row, self._row = self._row, {}
        new = [name for name in row if name not in self._columns]
        if new:  # a metric that was not there before: the table grows a column
            rows = self._read()
            self._columns += new
            self._write([*rows, row])
        else:
            with writing(self.path), self.path.open("a", newline="") as file:
                csv.DictWriter(file, self._columns).writerow(row)

    def finalize(self, status: str) -> None:
        self.save()

    @rank_zero_only
    def truncate(self, last_round: int, names: Collection[str]) -> None:
        """Drop the rows after `last_round`, and a row that was cut short when the process was killed.

        Of `last_round` itself the figures `names` are kept.
        """
        rows = self._read()
        self._columns = list(rows[0]) if rows else []
        if rows:
            kept = [row for row in rows if row["round"].isdecimal() and int(row["round"]) <= last_round]
            if kept and int(kept[-1]["round"]) == last_round:
                last = {name: value for name, value in kept.pop().items() if name in ("round", *names)}
                kept += [last] if names else []
            self._write(kept)

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        table = csv.DictReader(io.StringIO(read_text(self.path, LARGEST)))
        try:
            rows = [row for row in table if None not in row.values()]
        except csv.Error as error:
            raise UserError(f"{self.path}: is not a table ({error})") from error
        if rows and "round" not in rows[0]:
            raise UserError(f"{self.path}: has no column for the round")
        return rows

    def _write(self, rows: list[dict[str, Any]]) -> None:
        def write(path: Path) -> None:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(rows)

        write_atomically(self.path, write)
