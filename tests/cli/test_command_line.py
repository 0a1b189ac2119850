"""What users do, at the real command line: train, kill, resume, interrupt, sample, sweep, log."""

import csv
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import ROOT, SMALL_GAME, finish, rounds_logged, run, start, until
from helpers.runs import assert_same_runs, rows
from PIL import Image

from gan_lab.cli.main import COMMANDS
from gan_lab.cli.sample import main
from gan_lab.config.entry import entry, is_unread

pytestmark = pytest.mark.slow


def train(*arguments: str, where: Path) -> str:
    return run(["train.py", *arguments, *SMALL_GAME], where).out


def test_a_run_directory_holds_what_is_promised(tmp_path: Path) -> None:
    out = train("hydra.run.dir=run", "rounds=20", "callbacks.metrics.every=7", "callbacks.samples.every=9",
                "callbacks.checkpoint.every=8", "logger=[csv,tensorboard]", where=tmp_path)  # fmt: skip
    run = tmp_path / "run"
    assert [row["round"] for row in rows(run)] == ["1", "7", "14", "20"]
    assert [row["images"] for row in rows(run)] == ["8", "56", "112", "160"]
    assert sorted(p.name for p in (run / "samples").iterdir()) == [f"round_{n:06d}.png" for n in (9, 18, 20)]
    assert {"config.yaml", "summary.json", "generator.safetensors", ".hydra"} <= {p.name for p in run.iterdir()}
    summary = json.loads((run / "summary.json").read_text())
    assert all(not isinstance(value, dict | list) for value in summary.values())
    assert summary["rounds"] == 20
    assert summary["images"] == 160
    assert summary["finished"] is True
    assert {"seconds", "images_per_second", "seed", "git_commit", "version/torch", "d/loss", "min/d/loss"} <= set(
        summary
    )
    assert summary["images_per_second"] == pytest.approx(160 / summary["seconds"])
    assert float(rows_with_timings(run)[-1]["seconds"]) <= summary["seconds"]
    assert summary["d/loss"] == float(rows(run)[-1]["d/loss"])
    assert f"{summary['d/loss']:.3f} (as of round 20)" in out
    assert "generator.safetensors" in out
    assert list((run / "tensorboard").glob("events.*"))


def rows_with_timings(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_nothing_in_a_run_directory_needs_pickle(tmp_path: Path) -> None:
    train("hydra.run.dir=run", "rounds=3", where=tmp_path)
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            head = path.read_bytes()[:4]
            assert not head.startswith((b"PK", b"\x80")), f"{path}: a zip or a pickle"


@pytest.mark.parametrize("kills", [3])
def test_kill_9_at_random_moments_changes_nothing(tmp_path: Path, kills: int) -> None:
    settings = [
        "rounds=900",
        "callbacks.checkpoint.every=60",
        "callbacks.metrics.every=10",
        "callbacks.samples.every=300",
    ]
    train("hydra.run.dir=whole", *settings, where=tmp_path)
    moments = random.Random(0)
    broken = tmp_path / "broken"
    process = start(*SMALL_GAME, "hydra.run.dir=broken", *settings, where=tmp_path)
    for _ in range(kills):
        logged = rounds_logged(broken)
        until(lambda seen=logged: rounds_logged(broken) > seen + moments.randint(1, 8), process)
        time.sleep(moments.random() / 20)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start("resume=broken", where=tmp_path)
    finish(process)
    assert_same_runs(tmp_path / "whole", broken)


def test_an_interrupted_run_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    settings = ["rounds=600", "callbacks.metrics.every=10", "callbacks.samples.every=600"]
    train("hydra.run.dir=whole", *settings, where=tmp_path)
    broken = tmp_path / "broken"
    process = start(*SMALL_GAME, "hydra.run.dir=broken", *settings, where=tmp_path)
    for number in (signal.SIGINT, signal.SIGTERM):
        logged = rounds_logged(broken)
        until(lambda seen=logged: rounds_logged(broken) > seen + 3, process)
        process.send_signal(number)
        assert f"resume={broken}" in finish(process, 128 + number)
        assert json.loads((broken / "summary.json").read_text())["finished"] is False
        process = start(f"resume={broken}", where=tmp_path)
    finish(process)
    assert_same_runs(tmp_path / "whole", broken)


def test_rounds_given_on_resume_are_remembered(tmp_path: Path) -> None:
    train("hydra.run.dir=run", "rounds=4", where=tmp_path)
    run("python train.py resume=run rounds=6", tmp_path)
    run("python train.py resume=run rounds=3", tmp_path, code=2)  # fewer than it has played: refused, and forgotten
    assert "all 6 rounds" in run("python train.py resume=run", tmp_path).out


def test_a_sweep_makes_a_run_directory_per_job(tmp_path: Path) -> None:
    train("-m", "seed=0,1", "loss=minimax,non_saturating", "rounds=3", "hydra.sweep.dir=sweep", where=tmp_path)
    jobs = sorted(path.parent for path in (tmp_path / "sweep").glob("*/summary.json"))
    summaries = [json.loads((job / "summary.json").read_text()) for job in jobs]
    assert ["loss=minimax" in job.name for job in jobs] == [True, True, False, False]
    assert [summary["seed"] for summary in summaries] == [0, 1, 0, 1]
    assert len({summary["max/g/loss"] for summary in summaries}) == 4


def test_ctrl_c_ends_a_sweep_and_a_failed_job_does_not(tmp_path: Path) -> None:
    process = start("-m", "data.batch_size=9999,8", *SMALL_GAME[:2], "rounds=1000000", "hydra.sweep.dir=sweep",
                    "callbacks.metrics.every=10", where=tmp_path)  # fmt: skip
    until(
        lambda: any(rounds_logged(file.parent) > 2 for file in tmp_path.glob("sweep/*/metrics.csv")), process
    )  # job 0 has failed
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "error: job 0: data.batch_size=9999: larger than the data set" in errors


def test_samples_in_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train("hydra.run.dir=run", "rounds=3", where=tmp_path)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").unlink()  # the safetensors file alone is enough
    (tmp_path / "run" / "config.yaml").unlink()

    run("python -m gan_lab.sample run n=9 out=grid.png", tmp_path)
    assert Image.open(tmp_path / "grid.png").size[0] > 3 * 32

    def sample(*arguments: str) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["run", *arguments]) == 0

    sample("n=5", "seed=1", "out=a.npz")
    sample("n=5", "seed=1", "out=b.npz", "batch_size=2")
    sample("n=5", "seed=1", "out=still.npz", "truncation=0")
    sample("n=2", "interpolate=4", "out=line.npz")
    a, b, still, line = (np.load(tmp_path / f"{name}.npz")["samples"] for name in ("a", "b", "still", "line"))
    assert a.shape == (5, 1, 8, 8)
    assert np.abs(a).max() <= 1
    np.testing.assert_allclose(a, b, atol=1e-6)
    assert np.ptp(still, axis=0).max() < 1e-6 < np.ptp(a, axis=0).max()
    assert line.shape == (8, 1, 8, 8)
    sample("n=3", "out=folder")
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert Image.open(tmp_path / "folder" / "00000.png").size == (8, 8)


def test_weights_and_biases_offline(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    train("hydra.run.dir=run", "rounds=4", "callbacks.metrics.every=2", "logger=[csv,wandb]", where=tmp_path)
    (log,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
    assert b"gan_lab.losses.NonSaturating" in log.read_bytes()  # the resolved configuration
    assert log.stem == f"run-{(tmp_path / 'run' / 'wandb_id.txt').read_text()}"
    assert [row["round"] for row in rows(tmp_path / "run")] == ["1", "2", "4"]


def test_tensorboard_has_rounds_as_its_axis_and_no_double_after_a_resume(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train("hydra.run.dir=run", "rounds=4", "callbacks.metrics.every=2", "logger=tensorboard", where=tmp_path)
    run("python train.py resume=run rounds=6", tmp_path)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("d/loss")] == [1, 2, 4, 6]
    assert events.Images("samples")


def test_a_metric_that_appears_late_gets_its_column(tmp_path: Path) -> None:
    from gan_lab.loggers import CSV

    logger = CSV(str(tmp_path))
    logger.log_metrics({"a": 1.0}, step=1)
    logger.log_metrics({"a": 2.0}, step=2)
    logger.log_metrics({"late": 3.0}, step=2)
    logger.save()
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("3,1.")  # cut short by a kill
    again = CSV(str(tmp_path))
    again.truncate(2, {"a", "late"})
    again.log_metrics({"a": 4.0, "late": 5.0}, step=3)
    again.finalize("success")
    with (tmp_path / "metrics.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["round", "a", "late"],
            ["1", "1.0", ""],
            ["2", "2.0", "3.0"],
            ["3", "4.0", "5.0"],
        ]


@pytest.mark.parametrize("command", ["train --help", "evaluate --help", "status --help"])
def test_a_command_whose_reader_leaves_says_nothing(command: str) -> None:
    """As `gan-lab ... | head` does."""
    line = f"{sys.executable} -m gan_lab.cli.main {command} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_another_pipe_that_breaks_is_no_reader_that_left() -> None:
    assert not is_unread(OSError()) and not is_unread(BrokenPipeError())


def test_a_command_that_is_interrupted_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    @entry(smaller="")
    def command(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    assert command([]) == 128 + signal.SIGINT
    assert capsys.readouterr().err == ""


def test_every_command_has_this_entry() -> None:
    """But for training, whose entry is Hydra's. By its text, since to import them all takes seconds."""
    files = {name: ROOT / f"{command.module.replace('.', '/')}.py" for name, command in COMMANDS.items()}
    assert [name for name, file in files.items() if "\n@entry(" not in file.read_text()] == ["train"]
