"""`gan-lab watch` in a pseudo terminal of 80 columns and in a pipe: what it shows of runs in every state."""

import fcntl
import json
import math
import os
import pty
import re
import signal
import struct
import sys
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from gan_lab.cli.watch import ASCII, BLOCKS, _clock, main, spark

HOSTILE = "loss=\x1b[2J[red]minimax[link=x]"  # escape sequences and the markup of rich


def job(place: Path, state: str, rounds: int = 50, monitor: str = "null") -> None:
    """A run directory in this state, as runs leave it."""
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(f"rounds: 1000\ncallbacks: {{checkpoint: {{monitor: {monitor}}}}}\n")
    rows = (
        f"{10 * i},{1.3 + math.sin(i / 9)},{math.cos(i / 7)},{0.5},{100 - i},{40.5}\n" for i in range(1, rounds + 1)
    )
    head = "round,d/loss,g/loss,d/accuracy_real,evaluation/frechet,rounds_per_second\n"
    (place / "metrics.csv").write_text(head + "".join(rows))
    if state == "failed":
        (place / "failure.txt").write_text(f"Traceback\nD's loss became NaN \x1b[31m{'and so on ' * 30}\n")
    if state == "done":
        (place / "summary.json").write_text(json.dumps({"finished": True, "rounds": 1000, "budget": 1000}))
    if state == "killed":
        for file in place.iterdir():
            os.utime(file, (1, 1))


def on_a_terminal(*arguments: str, rows: int = 24, columns: int = 80) -> tuple[int, list[str]]:
    """The exit code, and the lines of the last picture, as a terminal of this size shows them."""
    process, terminal = pty.fork()
    if process == 0:  # a child of a process that has imported all of it
        code = 99
        try:
            signal.alarm(60)
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.environ["TERM"] = "xterm-256color"
            for name in ("COLUMNS", "LINES", "NO_COLOR"):
                os.environ.pop(name, None)
            sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            code = main([*arguments])
            sys.stdout.flush()
        except BaseException as error:
            os.write(1, repr(error).encode())
        finally:
            os._exit(code)
    content = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        content += part
        if not part:
            break
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    text = content.decode()
    assert "\x1b[2J" not in text  # which only the hostile name asks for
    last = text.rpartition("\x1b[1A")[2]  # each picture but the first begins with moves up, to the line of the last one
    lines = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\r", "", last).split("\n")
    return code, [line.rstrip() for line in lines if line.strip()]


def test_a_sweep_on_eighty_columns(tmp_path: Path) -> None:
    job(tmp_path / "sweep" / "model=stylegan2,optimizer.d.lr=0.0004,optimizer.g.lr=0.0001,seed=1", "done")
    job(tmp_path / "sweep" / "seed=2", "failed")
    job(tmp_path / "sweep" / "seed=3", "killed", monitor="evaluation/frechet")
    job(tmp_path / "sweep" / HOSTILE, "killed")
    code, lines = on_a_terminal(str(tmp_path / "sweep"))
    assert code == 1 and lines[-1] == "1 done, 0 running, 1 failed, 2 waiting"
    assert max(map(cell_len, lines)) <= 80
    shown = "\n".join(lines)
    assert "...lr=0.0001,seed=1"[-15:] in shown and "500/1000" in shown
    assert re.search(r"seed=2: D's loss became NaN \\x1b\[31mand so on", shown)
    assert "[link=x]" in shown  # shown, not obeyed
    assert re.search(r"seed=3 .* waiting +█.*▁ 50$", shown, re.MULTILINE)  # the figure that it monitors


def test_one_run_shows_its_curves(tmp_path: Path) -> None:
    job(tmp_path / "run", "done", monitor="evaluation/frechet")
    code, lines = on_a_terminal(str(tmp_path / "run"))
    assert code == 0 and max(map(cell_len, lines)) <= 80
    names = [line.split()[0] for line in lines]
    assert names[2:6] == ["d/loss", "g/loss", "d/accuracy_real", "evaluation/frechet"]
    assert lines[5].endswith("50 to 99")


@pytest.mark.parametrize("rows", [8, 24])
def test_no_more_jobs_are_shown_than_there_is_room_for(rows: int, tmp_path: Path) -> None:
    for i in range(40):
        job(tmp_path / "sweep" / f"seed={i}", "done", 2)
    _, lines = on_a_terminal(str(tmp_path / "sweep"), rows=rows, columns=60)
    assert len(lines) <= rows and max(map(cell_len, lines)) <= 60
    assert lines[-2] == f"and {40 - (rows - 6)} more" and lines[-1].startswith("40 done")


def test_a_running_job_is_followed_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe: a line for each that has moved, once a minute, and at the end."""
    run = tmp_path / "sweep" / "seed=1"
    job(run, "running")
    (tmp_path / "sweep" / "sweep.yaml").write_text("jobs: ['seed=1', 'seed=2']\n")
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            (run / "summary.json").write_text(json.dumps({"finished": True, "rounds": 1000, "budget": 1000}))
        if len(looks) == 4:  # the other one was still to come
            for file in (tmp_path / "sweep").rglob("*"):
                os.utime(file, (1, 1))

    monkeypatch.setattr("gan_lab.cli.watch.time.sleep", sleep)
    assert main([str(tmp_path / "sweep"), "seconds=3"]) == 1
    assert looks == [3.0] * 4
    assert capsys.readouterr().out.splitlines() == [
        "seed=1: round 500 of 1000, 40.5 rounds/s, 0:00:12 left, g/loss 0.6527",
        "seed=2: waiting, not started",
        "seed=1: done, 1000 rounds",
        "1 done, 0 running, 0 failed, 1 waiting",
    ]


def test_damaged_files_and_no_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "no sweep" in capsys.readouterr().err
    job(tmp_path / "sweep" / "a", "done")
    (tmp_path / "sweep" / "a" / "config.yaml").write_text("rounds: &x [*x]")
    os.utime(tmp_path / "sweep" / "a" / "config.yaml", (1, 1))  # a run writes it first
    assert main([str(tmp_path / "sweep")]) == 0
    assert "config.yaml: must not hold aliases" in capsys.readouterr().out


def test_a_curve_is_as_high_as_its_values() -> None:
    assert spark([0, 1, 2, 3, 4, 5, 6, 7], 8) == BLOCKS
    assert spark([0, 1], 8, ASCII) == "_@"
    assert spark([5, 5, 5], 2) == BLOCKS[0] * 2
    assert spark([], 8) == ""
    assert spark(list(range(1000)), 8) == BLOCKS
    assert spark([-1.7e308, 1.7e308, 1.7e308], 3) == BLOCKS[0] + BLOCKS[-1] * 2
    assert spark([1.7e308] * 4, 2) == BLOCKS[0] * 2


def test_the_time_left_is_short() -> None:
    assert [_clock(s) for s in (None, 5, 3700, 90000, 1e12, math.inf)] == [
        "", "0:00:05", "1:01:40", "1d 01h", "years", "years"
    ]  # fmt: skip
