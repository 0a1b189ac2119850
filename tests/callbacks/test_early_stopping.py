"""A run that no longer gets better is ended, and counts as finished."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.runs import resumed, rows
from omegaconf import DictConfig, OmegaConf

from gan_lab.callbacks.early_stopping import EarlyStopping
from gan_lab.errors import UserError
from gan_lab.experiment.run import play
from gan_lab.game.history import History

pytestmark = pytest.mark.slow

PARTS = ["model=mlp", "callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=g/loss"]


@pytest.mark.parametrize(
    ("values", "options", "end"),
    [
        ([3, 2, 1, 2, 2], {}, 5),
        ([3, 2, 1, 2, 1], {}, 5),  # equal is not better
        ([1, 2, 3, 2, 3], {"mode": "max"}, 5),
        ([3, 2.9, 2.8, 2.7], {"min_delta": 0.15}, None),  # 2.8 is better than 3 by more than that, and 2.7 waits
        ([3, 2.9, 2.9], {"min_delta": 0.15}, 3),
        ([3, math.nan, math.nan], {}, 3),
        ([math.nan, math.nan], {}, 2),
        ([3, 4, 2, 3, 1, 2], {}, None),
    ],
)
def test_it_ends_after_so_many_values_without_a_better_one(
    values: list[float], options: dict[str, Any], end: int | None
) -> None:
    stopping, gan, trainer = EarlyStopping("m", 2, **options), SimpleNamespace(history=History()), SimpleNamespace()
    trainer.should_stop, ended = False, None
    for number, value in enumerate(values, 1):
        gan.history.add({"m": value}, 10 * number)
        for _ in range(3):  # rounds without a new value are not counted
            stopping.on_train_batch_end(trainer, gan)  # type: ignore[arg-type]
        ended = number if trainer.should_stop and ended is None else ended
    assert ended == end


def test_a_run_that_ends_early_is_finished_and_can_be_extended(
    composed: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # So large a step is never made: the first value stays the best.
    parts = [*PARTS, "callbacks.early_stopping.patience=3", "callbacks.early_stopping.min_delta=1e6", "rounds=50"]
    config = composed(*parts)
    assert play(config) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["finished"], summary["rounds"], len(rows(tmp_path))) == (True, 4, 4)
    capsys.readouterr()
    assert play(resumed(config)) == 0
    line = capsys.readouterr().out
    assert line.startswith("nothing to do: it ended early, at round 4; to extend the run: ")
    assert line.endswith("rounds=100 callbacks.early_stopping.patience=6\n")
    play(OmegaConf.merge(resumed(config, rounds=100), {"callbacks": {"early_stopping": {"patience": 6}}}))  # type: ignore[arg-type]
    assert json.loads((tmp_path / "summary.json").read_text())["rounds"] == 7


def test_the_waiting_is_resumed(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    parts = [*PARTS, "callbacks.early_stopping.patience=3", "callbacks.early_stopping.min_delta=1e6"]
    play(composed(*parts, "rounds=2"))
    play(resumed(composed(*parts), rounds=50))
    assert len(rows(tmp_path)) == 4


LATE = [
    "callbacks=[default,true_divergence,early_stopping]",
    "callbacks.early_stopping.monitor=g/loss",
    "data=ring",
    "callbacks.true_divergence.n=10",
]


@pytest.mark.parametrize("callback", ["early_stopping", "checkpoint"])
@pytest.mark.parametrize(
    ("overrides", "monitor", "told"),
    [
        (PARTS, "g/lost", r"nothing publishes it; must be one of d/.*, g/loss, "),
        (LATE, "equilibrium/binned_jsd", r"is published at each 500-th round, and rounds=50$"),
    ],
    ids=["none", "late"],
)
def test_a_figure_that_is_never_published_is_told_after_the_first_round(
    composed: Callable[..., DictConfig], overrides: list[str], monitor: str, told: str, callback: str
) -> None:
    config = composed("model=mlp", "rounds=50", *overrides, f"callbacks.{callback}.monitor={monitor}")
    with pytest.raises(UserError, match=rf"^callbacks\.{callback}\.monitor={monitor}: {told}"):
        play(config)
    assert len(rows(Path(config.directory))) == 1
