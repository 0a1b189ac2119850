"""Loggers whose x-axis is rounds, and whose record has neither a gap nor a double after a resume.

Each may have `rewind(round)`: forget what was logged after that round.
"""

import csv
import netrc
import os
import secrets
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from gan_lab.errors import UserError
from gan_lab.files import write_atomically


class CSV(Logger):
    """`metrics.csv`: a row per logged round, a column per metric; metrics of one round share its row.

    A row is on disk as soon as the next one begins, or at `save`.
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

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run directory has config.yaml."""

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
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self._columns).writerow(row)

    def finalize(self, status: str) -> None:
        self.save()

    @rank_zero_only
    def rewind(self, last_round: int) -> None:
        """Drop the rows after `last_round`, and a row that was cut short when the process was killed."""
        rows = self._read()
        self._columns = list(rows[0]) if rows else []
        if rows:
            self._write([row for row in rows if row["round"].isdigit() and int(row["round"]) <= last_round])

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return [row for row in csv.DictReader(file) if None not in row.values()]

    def _write(self, rows: list[dict[str, Any]]) -> None:
        def write(path: Path) -> None:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, self._columns)
                writer.writeheader()
                writer.writerows(rows)

        write_atomically(self.path, write)


class TensorBoard(TensorBoardLogger):
    """Lightning's TensorBoard logger in the run directory itself."""

    def __init__(self, directory: str) -> None:
        super().__init__(directory, name="", version="tensorboard")

    @rank_zero_only
    def rewind(self, last_round: int) -> None:
        """TensorBoard hides what earlier event files say of the rounds from the start of a new session on."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        start = SessionLog(status=SessionLog.START)
        self.experiment.file_writer.add_event(Event(step=last_round + 1, session_log=start))


class WandB(WandbLogger):
    """Lightning's W&B logger with rounds as the x-axis.

    `offline` None means: online where somebody is logged in, offline elsewhere.
    """

    def __init__(
        self,
        directory: str,
        project: str = "gan_lab",
        name: str | None = None,
        offline: bool | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        offline = not _logged_in() if offline is None else offline
        super().__init__(
            name=name,
            save_dir=directory,
            offline=offline,
            project=project,
            tags=tags,
            id=_run_id(Path(directory)),
            resume="allow",
        )

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        import wandb

        fresh = self._experiment is None
        try:
            run = super().experiment
        except wandb.errors.Error as error:
            raise UserError(f"logger.wandb: {error}") from error
        if fresh:
            run.define_metric("round")
            run.define_metric("*", step_metric="round")
        return run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.experiment.log({**metrics, "round": step})

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the run, so that the next job of a sweep in this process begins its own."""
        super().finalize(status)
        self.experiment.finish(exit_code=0 if status == "success" else 1)


@rank_zero_only
def _run_id(directory: Path) -> str:
    """The id of this run at W&B, kept in the run directory, so that a resumed run goes on under the same one.

    None in other processes than the first, which have no run.
    """
    path = directory / "wandb_id.txt"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(4))
    return path.read_text().strip()


def _logged_in() -> bool:
    """Whether W&B would find a key without asking for one."""
    import wandb

    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(urlparse(wandb.setup().settings.base_url).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
