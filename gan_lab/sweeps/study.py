"""Optuna study of a search, kept in the sweep's directory so that a stopped search goes on."""

import math
import os
import sys
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

from gan_lab.evaluation.copying import beside, in_words
from gan_lab.io.reading import read_json
from gan_lab.runtime.lock import leads
from gan_lab.sweeps.plan import OPTUNA

NAME = "study"


class Study(Callback):
    """Before `hydra/sweeper=optuna` starts: `n_trials` counts the trials of all starts of the sweep together.

    The study is in `study.db` unless `hydra.sweeper.storage` names another place. Trials that were cut short are
    tried again first, and so meet their run directories; one that fails does not end the search.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        sweeper = config.hydra.sweeper
        if sweeper._target_ != OPTUNA:
            return
        if config.get("objective") is None:
            print("error: objective: must name a figure of summary.json for hydra/sweeper=optuna", file=sys.stderr)
            raise SystemExit(2)  # Hydra makes warnings of exceptions
        if not leads(os.environ):
            print(
                "error: hydra/sweeper=optuna: one process searches; its launcher starts those of a job", file=sys.stderr
            )
            raise SystemExit(2)
        directory = Path(config.hydra.sweep.dir)
        directory.mkdir(parents=True, exist_ok=True)
        with open_dict(sweeper):
            sweeper.study_name = sweeper.study_name or NAME
            sweeper.storage = sweeper.storage or f"sqlite:///{directory.resolve()}/study.db"
            sweeper.max_failure_rate = sweeper.max_failure_rate or 1.0
            begun, ended = go_on(sweeper.storage, sweeper.study_name)
            sweeper.n_trials = max(0, sweeper.n_trials - ended)
            if sweeper.sampler.get("seed") is not None:
                sweeper.sampler.seed += begun  # else its first draws were drawn before

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Say which run is best, and whether it copies training data, which may be why."""
        sweeper, figure = config.hydra.sweeper, config.get("objective")
        if sweeper._target_ != OPTUNA or not isinstance(sweeper.direction, str | Enum):
            return
        is_high = str(sweeper.direction).endswith("maximize")
        best = best_run(Path(config.hydra.sweep.dir), figure, is_high)
        if best is not None:
            copies = in_words(beside(best.summary, figure))
            print(f"best run: {best.directory}, {figure} {best.value:.5g}; copies of training data: {copies}")


class BestRun(NamedTuple):
    """A run of a search, its figure, and its summary."""

    directory: Path
    value: float
    summary: dict[str, Any]


def best_run(sweep: Path, figure: str, is_high: bool) -> BestRun | None:
    """The run of the sweep with the best value of a figure of summary.json; None where none has one."""
    found = []
    for path in sorted(sweep.glob("*/summary.json")):
        summary = read_json(path)
        value = summary.get(figure)
        if summary.get("finished") is True and isinstance(value, int | float) and math.isfinite(value):
            found.append(BestRun(path.parent, float(value), summary))
    return min(found, key=lambda run: -run.value if is_high else run.value, default=None)


def go_on(storage: str, name: str) -> tuple[int, int]:
    """Put trials that were cut short back into the queue; the numbers of all so far, and of those that have ended."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known = {summary.study_name for summary in optuna.get_all_study_summaries(storage)}
    if name not in known:
        return 0, 0
    study = optuna.load_study(name, storage)
    trials = study.get_trials(states=None)
    ended = 0
    for trial in trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.enqueue_trial(trial.params)  # first: a kill between the two must not lose it
            study.tell(trial.number, state=optuna.trial.TrialState.PRUNED)
        elif trial.state in (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.FAIL):
            ended += 1
    return len(trials), ended
