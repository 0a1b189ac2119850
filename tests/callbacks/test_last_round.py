"""The last round is measured, whatever the intervals, and a run that goes on does not remember that it was the last."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.runs import Killed, assert_same_runs, in_round, kill_after, resumed, rows
from omegaconf import DictConfig

from gan_lab.callbacks.measuring import Measuring
from gan_lab.experiment import run
from gan_lab.experiment.run import play

pytestmark = pytest.mark.slow

Composed = Callable[..., DictConfig]
EVERY = [
    "callbacks.metrics.every=4",
    "callbacks.checkpoint.every=3",
    "callbacks.true_divergence.every=4",
    "callbacks.true_divergence.n=50",
]


@pytest.fixture
def config(composed: Composed, tmp_path: Path) -> Callable[[str, int], DictConfig]:
    def make(name: str, rounds: int) -> DictConfig:
        (tmp_path / name).mkdir(exist_ok=True)
        parts = ["model=mlp", "data=ring", "callbacks=[default,true_divergence]", *EVERY]
        return composed(*parts, f"rounds={rounds}", f"directory={tmp_path / name}")

    return make


def logged(directory: Path, figure: str) -> list[str]:
    return [row["round"] for row in rows(directory) if row[figure]]


def summary_of(directory: Path) -> dict[str, object]:
    text = (directory / "summary.json").read_text().replace(str(directory), "RUN_DIR")  # the advice names it
    told: dict[str, object] = json.loads(text)
    return {name: value for name, value in told.items() if "second" not in name}


def test_the_last_round_is_measured(config: Callable[[str, int], DictConfig], tmp_path: Path) -> None:
    assert play(config("run", 6)) == 0
    for figure in ("d/loss", "equilibrium/binned_jsd"):
        first = ["1"] if figure == "d/loss" else []
        assert logged(tmp_path / "run", figure) == [*first, "4", "6"]
        told = summary_of(tmp_path / "run")
        assert told[figure] == float(rows(tmp_path / "run")[-1][figure])
        assert f"as_of/{figure}" not in told


def test_an_interruption_does_not_wait_for_long_measurements(
    config: Callable[[str, int], DictConfig], tmp_path: Path
) -> None:
    import signal

    with pytest.MonkeyPatch.context() as patch:
        in_round(patch, 6, lambda: signal.raise_signal(signal.SIGTERM))
        assert play(config("run", 9)) == 128 + signal.SIGTERM
    told = summary_of(tmp_path / "run")
    assert logged(tmp_path / "run", "d/loss") == ["1", "4", "6"]
    assert logged(tmp_path / "run", "equilibrium/binned_jsd") == ["4"]
    assert told["as_of/equilibrium/binned_jsd"] == 4


@pytest.mark.parametrize("killed", [None, 5], ids=["at its end", "before it"])
def test_extended_it_is_the_run_that_was_longer_from_the_start(
    config: Callable[[str, int], DictConfig], tmp_path: Path, killed: int | None
) -> None:
    """Rows of rounds 6 and 7, which were the last, are gone; the figures of round 8, which is not, are there."""
    whole, short = config("whole", 9), config("short", 6)
    play(whole)
    play(short)
    play(resumed(short, rounds=7))
    play(resumed(short, rounds=8))
    with pytest.MonkeyPatch.context() as patch:
        if killed is not None:
            kill_after(patch, 9)
            with pytest.raises(Killed):
                play(resumed(short, rounds=10))
    play(resumed(short, rounds=9))
    assert_same_runs(tmp_path / "whole", tmp_path / "short")
    assert summary_of(tmp_path / "whole") == summary_of(tmp_path / "short")


def test_killed_after_the_last_checkpoint_the_last_round_is_measured_again(
    config: Callable[[str, int], DictConfig], tmp_path: Path
) -> None:
    whole, broken = config("whole", 6), config("broken", 6)
    play(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "leave_generator", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            play(broken)
    play(resumed(broken))
    assert_same_runs(tmp_path / "whole", tmp_path / "broken")
    assert summary_of(tmp_path / "whole") == summary_of(tmp_path / "broken")


def test_what_cannot_be_measured_ends_the_run_before_its_first_round(
    config: Callable[[str, int], DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gan_lab.callbacks import true_divergence
    from gan_lab.errors import UserError

    def refuse(*_: object) -> float:
        raise UserError("too few bins")

    monkeypatch.setattr(true_divergence, "binned_jsd", refuse)
    with pytest.raises(UserError, match="too few bins"):
        play(config("run", 6))
    assert not (tmp_path / "run/metrics.csv").exists()
    assert issubclass(true_divergence.TrueDivergence, Measuring)
