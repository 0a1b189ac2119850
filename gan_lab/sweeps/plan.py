"""Plan of a sweep: its jobs, and a directory for each, named after its overrides.

So the same sweep, started again, finds what it has done. Launchers hand jobs to other processes, where unpickling the
job imports this module, and with it the resolver that Hydra needs to name the directory.
"""

import hashlib
import math
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.environment import raw, without_values
from gan_lab.config.explain import explain
from gan_lab.config.observing import PLACES
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.io.reading import read_json
from gan_lab.runtime.lock import Busy, hold, leads
from gan_lab.sweeps.identity import check_known_data, check_same_search, search_of

FAILURE = "failure.txt"
PLAN = "sweep.yaml"
COST = "cost.json"  # of a tournament's rehearsal, which is no run to compare
OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
# Overrides that no directory is named after: they say nothing about what is computed, or only how far.
ASIDE = tuple(f"{key}=" for key in (*PLACES, "logger", "objective", "rounds"))
SUBDIR = "${run_name:${hydra.overrides.task}}"
LONGEST = 200  # characters; file systems end at 255 bytes


def run_name(overrides: Sequence[str], *named: str) -> str:
    """`loss=hinge,seed=1`: the directory of the job with these overrides, whatever their order.

    Of those in `ASIDE` only the keys that are `named` count. A long name is cut, and made unique by a digest.
    """
    aside = tuple(key for key in ASIDE if key.removesuffix("=") not in named)
    kept = sorted(override for override in raw(overrides) if not override.startswith(aside))
    name = re.sub(r"[^\w.=,@+~-]+", "_", ",".join(kept)) or "default"
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


OmegaConf.register_new_resolver("run_name", run_name, replace=True)


def record_failure(directory: Path, why: str) -> None:
    """Leave `failure.txt`; where not even that can be written, the message on standard error must do."""
    overrides = raw(HydraConfig.get().overrides.task) if HydraConfig.initialized() else sys.argv
    text = without_values(why, overrides).rstrip() + "\n"
    with suppress(UserError):
        write_atomically(directory / FAILURE, lambda path: path.write_text(text))


def withdraw_failure(directory: Path) -> None:
    """The job is tried again."""
    if (directory / FAILURE).exists():  # else a folder that may only be read would refuse
        (directory / FAILURE).unlink(missing_ok=True)  # another process of the run may have been faster


def objective(config: DictConfig) -> float | None:
    """The figure of the finished run's summary that `objective` names; None where it names none.

    A figure that is not finite counts as the worst of all: a search refuses NaN, and asks for that trial again.

    Raises:
        UserError: the summary has no such number.
    """
    name = config.get("objective")
    if name is None:
        return None
    summary = read_json(Path(config.directory) / "summary.json")
    figures = [key for key, value in summary.items() if value is None or type(value) in (int, float)]
    if name not in figures:
        raise UserError(f"objective={name}: summary.json has no such number{near(name, figures)} {listed(figures)}")
    if summary[name] is not None:
        return float(summary[name])
    upwards = HydraConfig.initialized() and HydraConfig.get().sweeper.get("direction") == "maximize"
    return -math.inf if upwards else math.inf


class Plan(Callback):
    """Notes in `sweep.yaml`, before the jobs of a sweep start, which there are to be: `jobs`, by name, or `trials`; and
    the `rounds` that each is to play, where all play as many.

    With more of them, the same sweep goes on with its runs. Only where `rounds` is swept over are they named after it.
    Of two live starts of one sweep the second ends here.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        if not leads(os.environ):
            return
        try:
            hold(Path(config.hydra.sweep.dir))  # for as long as this process lives
        except Busy as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from None  # Hydra makes warnings of exceptions
        _check_launcher(config.hydra.launcher)
        sweeper, directory = config.hydra.sweeper, Path(config.hydra.sweep.dir)
        search = search_of(config) if sweeper._target_ == OPTUNA else None
        try:
            if search is not None:
                check_same_search(directory, directory / PLAN, search)
            check_known_data(directory, config)
        except Exception as error:
            line = explain(error, sys.argv[1:])
            if line is None:
                raise
            print(f"error: {line}", file=sys.stderr)
            raise SystemExit(2) from None
        swept = [*(f"{key}={value}" for key, value in (sweeper.get("params") or {}).items())]
        overrides = OverridesParser.create().parse_overrides([*swept, *raw(config.hydra.overrides.task)])
        budgets = [override for override in overrides if override.key_or_group == "rounds"]
        named = ["rounds"] if any(budget.is_sweep_override() for budget in budgets) else []
        plan: dict[str, Any] = {"rounds": config.rounds} if budgets and not named else {}
        subdir = OmegaConf.to_container(config.hydra.sweep, resolve=False)["subdir"]  # type: ignore[index, call-overload]
        if named and subdir == SUBDIR:  # each job is composed anew, with these overrides
            config.hydra.overrides.hydra.append(f"hydra.sweep.subdir='{SUBDIR[:-1]},rounds}}'")
        if search is not None:
            plan |= {"trials": sweeper.n_trials, "search": search}
        else:
            (jobs,) = BasicSweeper.split_arguments(overrides, None)
            plan |= {"jobs": [run_name(job, *named) for job in jobs]}
            _check_different(plan["jobs"], subdir)
        write_atomically(directory / PLAN, lambda path: path.write_text(yaml.safe_dump(plan)))


def _check_different(jobs: list[str], subdir: str) -> None:
    """No two jobs have one directory, where it is named after them: the second would find the first's run there."""
    twice = [job for job, count in Counter(jobs).items() if count > 1]
    if twice and "run_name" in subdir:
        aside = ", ".join(ASIDE).replace("=", "")
        _end(
            f"{twice[0]}: several jobs would have this directory ({aside} are no part of its name); sweep over "
            "something else, or set hydra.sweep.subdir"
        )


def _check_launcher(launcher: DictConfig) -> None:
    """The launcher that was chosen can start jobs here."""
    if launcher._target_.endswith(".SlurmLauncher") and shutil.which("srun") is None:
        _end("hydra/launcher: there is no SLURM on this machine (no srun); leave it out, or start where SLURM is")
    if launcher.get("n_jobs", 1) == 0:
        _end("hydra.launcher.n_jobs=0: must be the number of jobs at once (-1: one for each core)")


def _end(line: str) -> None:
    """Tell a mistake and end: Hydra makes warnings of a callback's exceptions."""
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(2)
