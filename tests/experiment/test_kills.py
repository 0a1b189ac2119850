"""Killed between any two files that it writes, and started again, a run ends as one that was left alone."""

import itertools
import json
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.runs import assert_same_runs
from omegaconf import DictConfig

from gan_lab.ensemble.play import play_together
from gan_lab.ensemble.seeds import runs_of
from gan_lab.experiment.run import play

pytestmark = pytest.mark.slow

Composed = Callable[..., DictConfig]
SMALL = [
    "data=ring",
    "model=mlp",
    "rounds=8",
    "callbacks.checkpoint.every=3",
    "callbacks.logit_landscape=null",
    "callbacks.equilibrium=null",
]
EVERY = [f"callbacks.{name}.every=4" for name in ("metrics", "terminate_on_nan", "samples")]


def killed_at(number: int, act: Callable[[], object]) -> bool:
    """`act` in a process of its own, which dies in place of its `number`-th rename, from 0; whether it came so far."""
    process = os.fork()
    if process == 0:
        renames, replace = itertools.count(), os.replace

        def die_or_replace(*names: Any, **options: Any) -> None:
            if next(renames) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*names, **options)

        os.replace = die_or_replace
        try:
            torch.set_num_threads(1)
            act()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def start(runs: list[tuple[DictConfig, list[str]]]) -> None:
    """As the command line does that is given again: a run that has begun is resumed."""
    for run, _ in runs:
        run.resume = run.directory if (Path(run.directory) / "config.yaml").exists() else None
    assert (play(*runs[0]) if len(runs) == 1 else play_together(runs)) == 0


def test_start_n_is_killed_at_its_2nth_file(composed: Composed, tmp_path: Path) -> None:
    """Two seeds, each of which writes the files of a run of its own: also between those of the one and the other."""
    seeds = 2

    def runs(where: str) -> list[tuple[DictConfig, list[str]]]:
        (tmp_path / where).mkdir(exist_ok=True)
        return runs_of(composed(*SMALL, *EVERY, f"seeds={seeds}", f"directory={tmp_path / where}"), [])

    start(runs("whole"))
    kills = next(n for n in itertools.count() if not killed_at(2 * n, lambda: start(runs("broken"))))
    assert kills >= 2 * seeds
    for seed in range(seeds):
        whole, broken = (tmp_path / name / f"seed={seed}" for name in ("whole", "broken"))
        assert_same_runs(whole, broken)
        assert untimed(whole) == untimed(broken)


def untimed(run: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return {name: value for name, value in told.items() if "second" not in name}
