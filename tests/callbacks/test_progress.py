"""The progress bar: the figure that is monitored, one line in place on a terminal, and lines elsewhere."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from gan_lab.callbacks import progress
from gan_lab.callbacks.early_stopping import EarlyStopping
from gan_lab.game.history import History


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool) -> str:
    """What a run of 200 rounds, of a second each, writes on standard error."""
    clock = [0.0]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)
    gan: Any = SimpleNamespace(round=0, history=History())
    trainer: Any = SimpleNamespace(is_global_zero=True, should_stop=False, callbacks=[EarlyStopping("m/figure", 2)])
    bar = progress.Progress(rounds=200, seconds=0.5)
    bar.begin(trainer, gan)
    bar._bar._time = lambda: clock[0]
    bar._bar.start_t = bar._bar.last_print_t = 0.0
    for played in range(1, 201):
        clock[0] += 1.0
        gan.round = played
        gan.history.last["m/figure"] = 100.0 / played
        trainer.should_stop = played == 200
        bar.after_round(trainer, gan)
    bar.end(trainer, gan)
    return capsys.readouterr().err


@pytest.mark.parametrize("monitor, text", [("m/figure", "m/figure=0.5"), (None, "D=0.70")])
def test_a_run_that_copies_is_marked(monitor: str | None, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "observe", lambda record, boundary: {"d/loss": 0.7})
    history = History()
    history.add({"m/figure": 0.5, "evaluation/copying": 0.9, "evaluation/copying/error": 0.05}, 1)
    gan: Any = SimpleNamespace(round=1, history=history, record=None, loss=SimpleNamespace(boundary=0.0))
    callbacks = [] if monitor is None else [EarlyStopping(monitor, 2)]
    trainer: Any = SimpleNamespace(is_global_zero=True, should_stop=True, callbacks=callbacks)
    bar = progress.Progress(rounds=2)
    bar.begin(trainer, gan)
    bar.after_round(trainer, gan)
    assert bar._bar.postfix == f"(COPIES) {text}"
    bar.end(trainer, gan)


def test_a_file_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    written = shown(monkeypatch, capsys, terminal=False)
    assert "\r" not in written and "\x1b" not in written
    lines = [line for line in written.splitlines() if "m/figure" in line]
    assert ["/200" in line and "round/s" in line for line in lines] == [True] * len(lines)
    assert [line.partition("m/figure=")[2].rstrip("]") for line in lines[:3]] == ["1.667", "0.8333", "0.5556"]
    assert "[01:00<02:20" in lines[0]  # a minute is over, and 140 rounds are left
    assert len(written.splitlines()) <= 6


def test_a_terminal_gets_one_line_in_place(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    written = shown(monkeypatch, capsys, terminal=True)
    assert written.count("\n") == 1 and written.count("\r") > 100
    assert "200/200" in written.rpartition("\r")[2] and "m/figure=0.5" in written
