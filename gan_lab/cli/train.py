"""Training of an experiment that is composed from config groups: `gan-lab train model=dcgan loss=hinge`.

Nothing heavy is imported before the configuration has been checked, so that a mistake is answered at once.
"""

import math
import os
import shlex
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from gan_lab.config.arguments import tidied
from gan_lab.config.compose import check_experiment
from gan_lab.config.conf import CONF
from gan_lab.config.entry import UNREAD, is_unread
from gan_lab.config.environment import raw
from gan_lab.config.explain import explain
from gan_lab.config.resume import check_same, check_start, expand
from gan_lab.config.started import tell_jobs
from gan_lab.ensemble.seeds import check_seeds, runs_of
from gan_lab.errors import OtherRun, UserError
from gan_lab.io.inside import check_inside
from gan_lab.runtime.imports import importing
from gan_lab.runtime.lock import exclusive, leads
from gan_lab.runtime.parent import end_with_parent
from gan_lab.runtime.slurm import listening, queue_again, requeued
from gan_lab.sweeps.plan import objective, record_failure, withdraw_failure


def train(config: DictConfig) -> int:
    """One run, or one for each of several seeds; the exit code."""
    hydra_config = HydraConfig.get()
    overrides = raw(hydra_config.overrides.task)
    check_experiment(config, hydra_config.runtime.choices, overrides)
    if config.directory != hydra_config.runtime.output_dir:
        raise UserError("directory: follows hydra.run.dir (or hydra.sweep.dir); set that instead")
    multirun = hydra_config.mode is RunMode.MULTIRUN
    runs = [(config, overrides)]
    if config.get("seeds") is not None:
        check_seeds(config, multirun)
        runs = runs_of(config, overrides)
    with ExitStack() as locks:
        for run, _ in runs:
            # The lock of a node that has died may live on at the file server for a while. A sweep that died may have
            # left jobs behind it, which play on: when one has ended, there is nothing left to do here.
            wait = math.inf if multirun else 120.0 if requeued() else 0.0
            locks.enter_context(exclusive(Path(run.directory), wait))
            prepare_run(run, again=requeued() or multirun or run is not config)
        if runs[0][0] is not config:
            with importing():
                from gan_lab.ensemble.play import play_together

            return play_together(runs)

        with importing():
            from gan_lab.experiment.run import play

        return play(*runs[0])


def prepare_run(config: DictConfig, again: bool) -> None:
    """Check the run's directory. With `again`, a run that is there already is resumed."""
    directory = Path(config.directory)
    if again and not config.get("resume") and (directory / "config.yaml").exists():
        config.resume = config.directory
    check_inside(directory)
    if config.get("resume"):
        check_same(config, directory)
    else:
        check_start(config)
    withdraw_failure(directory)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def job(config: DictConfig) -> float | None:
    """One job of Hydra's: a run that exits, or one of a sweep, which goes on even if this one fails.

    Returns the figure that a search is after, where there is one.
    """
    sweep = HydraConfig.get().mode is RunMode.MULTIRUN
    try:
        with listening():
            code = train(config)
        if code == 0:
            return searched_figure(config) if sweep and leads(os.environ) else None
    except Exception as error:
        if is_unread(error):
            raise SystemExit(UNREAD) from None
        if sweep:
            line = explain(error, sys.argv[1:])
            if not isinstance(error, OtherRun):
                record_failure(Path(HydraConfig.get().runtime.output_dir), line or traceback.format_exc())
        if not reported(error, f"job {HydraConfig.get().job.num}: " if sweep else "") or sweep:
            raise
        code = 2
    if code > 128:
        queue_again(code - 128)
    raise SystemExit(code)  # an interruption ends a sweep, too


def searched_figure(config: DictConfig) -> float | None:
    """The figure that a search is after. Where the summary has none of that name, all trials are in vain: the search
    ends, and nothing is wrong with the run.
    """
    try:
        return objective(config)
    except UserError as error:
        reported(error)
        raise SystemExit(2) from error


def reported(error: Exception, where: str = "") -> bool:
    """Whether the error is the user's to mend, which is then reported in one line; a bug keeps its traceback."""
    line = explain(error, sys.argv[1:])
    if line is not None and HydraConfig.initialized():
        line = line.replace("RUN_DIR", shlex.quote(HydraConfig.get().runtime.output_dir))
    rank = os.environ.get("LOCAL_RANK", "0")
    where += f"process {rank}: " if rank != "0" else ""  # each process reports what happens to all
    if line is not None:
        print(f"error: {where}{line}", file=sys.stderr)
    return line is not None


def main() -> None:
    end_with_parent()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come out of Hydra as they are; they are explained here
    try:
        sys.argv[1:] = expand(tidied(sys.argv[1:]))
        tell_jobs(sys.argv[1:])
        job()
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        if is_unread(error):
            raise SystemExit(UNREAD) from None
        if not reported(error):
            raise
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
