"""The state of the jobs of a sweep, such as `gan-lab status multirun/losses`.

DIR is the directory of the sweep (hydra.sweep.dir), or of one run. A line for each job: done, running, failed (and
why), or waiting: not started yet, or stopped; the command that started the sweep goes on with those. A run that has
written neither a checkpoint nor a row of metrics.csv for so many minutes counts as stopped.

The exit code is 0 when every job is done, else 1; 2 when DIR is no sweep.
"""

import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from gan_lab.cli.compare import natural, went_on
from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.words import cell
from gan_lab.errors import UserError
from gan_lab.io.checkpoint import LAST
from gan_lab.io.metrics_table import read_rows
from gan_lab.io.reading import read_json, read_text, read_yaml
from gan_lab.ranges import PositiveFloat
from gan_lab.sweeps.plan import FAILURE, PLAN

MOST_TRIALS = 100_000
USAGE = "gan-lab status DIR [minutes=15]"
STATES = ("done", "running", "failed", "waiting")
SIGNS_OF_LIFE = ("config.yaml", "metrics.csv", f"checkpoints/{LAST}")  # the first when a run starts or is resumed


class Job(NamedTuple):
    """One job of a sweep; `note` says how far it is, or why it is no further."""

    name: str
    state: str
    note: str


class Options(CommandOptions):
    """What may follow DIR, as key=value."""

    minutes: PositiveFloat = Field(
        default=15, description="without a sign of life, after which a job counts as stopped"
    )


@entry(smaller="ask again when other programs have ended")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    directory, *rest = arguments
    jobs = status(place(directory), 60 * parse_options(Options, rest).minutes)
    print(as_markdown(jobs))
    return 0 if all(job.state == "done" for job in jobs) else 1


def status(directory: Path, patience: float) -> list[Job]:
    """Every job of the sweep in `directory`; one is running that gave a sign of life in the last `patience` seconds.

    Raises:
        UserError: there is no sweep.
    """
    planned, trials, rounds = _plan(directory / PLAN)
    found = {path.parent.name for name in ("config.yaml", FAILURE, ".hydra") for path in directory.glob(f"*/{name}")}
    found.discard(".hydra")  # of seeds that were played together, Hydra's notes are beside the runs
    names = dict.fromkeys([*planned, *sorted(found, key=lambda name: natural(Path(name)))])
    jobs = [Job(name, *_state(directory / name, patience, rounds)) for name in names]
    jobs += [Job(f"trial {n + 1}", "waiting", "not started") for n in range(len(jobs), trials)]
    if (directory / "config.yaml").is_file() and not planned:  # no sweep, but one run
        jobs = [Job(directory.name, *_state(directory, patience))]
    if not jobs:
        raise UserError(f"{directory}: no sweep (neither {PLAN} nor a run directory in it)")
    return jobs


def _plan(path: Path) -> tuple[list[str], int, int]:
    """The names of the jobs that there are to be, the number of trials of a search, and the rounds that each is to play
    (0: as many as it says itself).

    Raises:
        UserError: the file is damaged.
    """
    if not os.path.lexists(path):
        return [], 0, 0
    plan = read_yaml(path)
    jobs, trials, rounds = plan.get("jobs", []), plan.get("trials", 0), plan.get("rounds", 0)
    if not isinstance(jobs, list) or any(not isinstance(job, str) or Path(job).name != job for job in jobs):
        raise UserError(f"{path}: jobs must be a list of the names of folders")
    if not isinstance(trials, int) or not 0 <= trials <= MOST_TRIALS:
        raise UserError(f"{path}: trials must be a number from 0 to {MOST_TRIALS}")
    if not isinstance(rounds, int):
        raise UserError(f"{path}: rounds must be a number")
    return jobs, trials, rounds


def _state(run: Path, patience: float, rounds: int = 0) -> tuple[str, str]:
    try:
        return _described(run, patience, rounds)
    except UserError as error:  # of a damaged file; the other jobs may be well
        return "failed", str(error)


def _described(run: Path, patience: float, rounds: int) -> tuple[str, str]:
    if os.path.lexists(run / FAILURE):
        return "failed", read_text(run / FAILURE).strip().rpartition("\n")[2]
    signs = [path.stat().st_mtime for path in (run / name for name in SIGNS_OF_LIFE) if path.is_file()]
    if not signs:
        return "waiting", "not started"
    summary = run / "summary.json"
    seen = max(signs)
    ended = summary.is_file() and summary.stat().st_mtime >= seen  # it is the last that a run writes
    ended_with = read_json(summary) if ended else {}
    ended = ended and not went_on(run, ended_with)  # else its end before this was scored since
    if ended and ended_with.get("finished"):
        played, budget = ended_with.get("rounds"), ended_with.get("budget", rounds)
        if isinstance(budget, int) and budget < rounds:  # the sweep was extended since
            return "waiting", f"{played} of {rounds} rounds"
        return "done", f"{played} rounds"
    if ended or time.time() - seen > patience:
        return "waiting", f"stopped after round {_round(run)}"
    return "running", f"round {_round(run)}, seen {time.time() - seen:.0f} s ago"


def _round(run: Path) -> int:
    """The last that it has logged.

    Raises:
        UserError: the table is damaged.
    """
    return max((at for at, _ in read_rows(run / "metrics.csv")), default=0)


def as_markdown(jobs: list[Job]) -> str:
    rows = (f"| {cell(job.name)} | {job.state} | {cell(job.note)} |" for job in jobs)
    lines = ["| job | state | |", "|---|---|---|", *rows]
    counts = ", ".join(f"{sum(job.state == state for job in jobs)} {state}" for state in STATES)
    return "\n".join([*lines, "", f"{len(jobs)} jobs: {counts}"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
