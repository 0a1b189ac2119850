"""Weights & Biases logger. A failure there ends the logging, never the training."""

import netrc
import os
import re
import secrets
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.loggers.logger import rank_zero_experiment
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import Tensor

from gan_lab.io.ownership import is_own, write_own
from gan_lab.io.reading import read_text
from gan_lab.io.sample_grids import grids, spread
from gan_lab.loggers.record import Introduction, Record
from gan_lab.ranges import PositiveFloat

ID = "wandb_id.txt"
MOST_GRIDS = 24  # rows of the table of samples
SECRET = re.compile(r"(pass(word|wd|phrase)|secret|token|credential|api_?key)", re.IGNORECASE)


class WandB(Record):
    """One run at W&B for each run directory, with rounds as its steps.

    Its id is kept in the directory, so that a resumed run goes on under the same one; rounds that W&B has already are
    not sent again. Where the server does not answer in time, or refuses the key, the run goes on offline, and
    `wandb sync` of the folder that W&B names uploads it later. A sweep's agent chooses the id, which is then the one
    that is kept.

    What is None (or empty) is what W&B's own variable says, such as WANDB_PROJECT, and where there is none:

    Args:
        project: "gan_lab".
        job_type: "train".
        entity: the user's own.
        name: what sets the run apart, in words of the command line.
        group: the sweep's folder, for a job of a sweep.
        offline: online with a login, offline elsewhere. Its variable is WANDB_MODE.
        upload_generator: whether generator.safetensors becomes an artifact of the run.
        table_of_samples: whether the sample grids become a table, a row for each round (at most 24), at the end.
        patience: seconds that the server has to answer at the start, and to take what is left at the end.
    """

    def __init__(
        self,
        directory: str,
        project: str | None = None,
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: Sequence[str] = (),
        offline: bool | None = None,
        upload_generator: bool = False,
        table_of_samples: bool = False,
        patience: PositiveFloat = 60.0,
    ) -> None:
        super().__init__()
        self.directory = Path(directory)
        self.offline, self.patience = offline, patience
        self.upload_generator, self.table_of_samples = upload_generator, table_of_samples
        self._settings: dict[str, Any] = {
            "project": project or os.environ.get("WANDB_PROJECT") or "gan_lab",
            "entity": entity,
            "job_type": job_type or os.environ.get("WANDB_JOB_TYPE") or "train",
            "tags": list(tags) or None,
        }
        self._title = name or os.environ.get("WANDB_NAME")
        self._group = group or os.environ.get("WANDB_RUN_GROUP")
        self._id = os.environ.get("WANDB_RUN_ID")
        self._goals: Mapping[str, str] = {}
        self._run: Any = None
        self._over = False

    @property
    def name(self) -> str:
        return "wandb"

    @property
    def version(self) -> str | None:
        return kept_id(self.directory)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """W&B's own run."""
        if self._run is None:
            if self._over:  # Lightning asks whether there is an experiment, and would fail with it
                raise AttributeError("the run goes on without W&B")
            self._run = self._open()
            self._run.define_metric("round", hidden=True)
            self._run.define_metric("*", step_metric="round")
            for name, goal in self._goals.items():
                self._run.define_metric(name, step_metric="round", summary=f"{goal},last")
        return self._run

    def _open(self) -> Any:
        import wandb

        options: dict[str, Any] = self._settings | {
            "id": self.version or self._id or secrets.token_hex(4),
            "name": self._title,
            "group": self._group,
            "dir": str(self.directory),
            "reinit": "finish_previous",  # that of a job of this sweep which did not come to its end
        }
        seconds = self.patience
        limits: dict[str, Any] = {"init_timeout": seconds, "login_timeout": seconds, "finish_timeout": seconds}
        mode = _mode(self.offline)
        try:
            run = wandb.init(**options, mode=mode, resume="allow" if mode == "online" else None, settings=limits)
        except wandb.Error as error:
            _warn(f"{_first_line(error)}; the run goes on offline")
            wandb.teardown()  # its process believes that the run has begun
            run = wandb.init(**options, mode="offline", settings=limits)
        if run.id != self.version:  # not yet kept; or a sweep's agent has chosen another
            write_own(self.directory / ID, run.id)
        return run

    def _tell(self, act: Callable[[Any], object]) -> None:
        if self._over:
            return
        try:
            act(self.experiment)
        except Exception as error:  # of any kind: W&B's process may have died, its disk may be full, ...
            self._over = True
            _warn(f"{_first_line(error)}; the run goes on without W&B")

    def _log(self, row: Mapping[str, Any], at_round: int | None) -> None:
        """A row of W&B's history; those of one round are one row there."""

        def log(run: Any) -> None:
            if at_round is None or at_round >= run.starting_step:  # what a resumed run replays is there already
                run.log({**row, "round": at_round}, step=at_round)

        self._tell(log)

    @rank_zero_only
    def log_run(self, run: Introduction) -> None:
        self._title, self._group = self._title or run.name, self._group or run.group
        self._id = None if run.group else self._id  # the jobs of a sweep are runs of their own
        self._goals = run.goals
        config = {key: value for key, value in run.config.items() if not SECRET.search(key)}
        self._tell(lambda there: there.config.update(config, allow_val_change=True))

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._log(metrics, step)

    @rank_zero_only
    def picture(self, name: str, picture: Tensor, at_round: int) -> None:
        import wandb

        self._log({name: wandb.Image(picture.permute(1, 2, 0).numpy())}, at_round)

    @rank_zero_only
    def histogram(self, name: str, values: Tensor, at_round: int) -> None:
        import wandb

        self._log({name: wandb.Histogram(values.flatten().tolist())}, at_round)

    @rank_zero_only
    def log_summary(self, summary: Mapping[str, Any], directory: Path) -> None:
        figures = {name: value for name, value in summary.items() if name not in self._goals}  # W&B has those, and more
        self._tell(lambda run: run.summary.update(figures))
        if self.table_of_samples:
            self._tell(lambda run: self._log_samples(run, directory, summary["rounds"]))
        if self.upload_generator:
            self._tell(lambda run: run.log_artifact(_artifact(run, summary, directory)))
        self._close(0 if summary["finished"] else 1)

    def _log_samples(self, run: Any, directory: Path, at_round: int) -> None:
        """In the row of the history that the last round has."""
        import wandb
        from PIL import Image

        chosen = spread(grids(directory), MOST_GRIDS)
        if chosen:
            rows = [[at, wandb.Image(Image.open(path, formats=("PNG",)))] for at, path in chosen]
            run.log({"samples_by_round": wandb.Table(["round", "samples"], rows), "round": at_round}, step=at_round)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if status != "success":  # else `conclude` follows
            self._close(1)

    def _close(self, code: int) -> None:
        """End the run there, so that the next job of a sweep in this process begins its own."""
        if self._run is not None:
            self._tell(lambda run: run.finish(exit_code=code))
        self._over = True


def _artifact(run: Any, summary: Mapping[str, Any], directory: Path) -> Any:
    import wandb

    what = {name: summary[name] for name in ("rounds", "images", "seed", "git_commit")}
    artifact = wandb.Artifact(f"generator-{run.id}", type="model", metadata=what)
    artifact.add_file(str(directory / "generator.safetensors"))
    return artifact


def kept_id(directory: Path) -> str | None:
    """The id of this run at W&B, from the run directory; None where it has none yet."""
    path = directory / ID
    own = path.exists() and is_own(path)  # a stranger's may be of a run of one's own
    return read_text(path).strip() or None if own else None


def _mode(offline: bool | None) -> Any:
    """ "online", "offline" or another of W&B's own modes."""
    if offline is not None:
        return "offline" if offline else "online"
    return os.environ.get("WANDB_MODE") or ("online" if _logged_in() else "offline")


def _logged_in() -> bool:
    """Whether W&B would find a key without asking for one."""
    import wandb

    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(urlparse(wandb.setup().settings.base_url).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def _warn(what: str) -> None:
    warnings.warn(f"W&B: {what}", stacklevel=2)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
