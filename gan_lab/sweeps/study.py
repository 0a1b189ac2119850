"""Optuna study of a search, kept in the sweep's directory so that a stopped search goes on."""

import os
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict

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
