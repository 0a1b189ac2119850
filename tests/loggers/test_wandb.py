"""What lands on W&B and in TensorBoard, against a server of our own; and that no trouble with it harms a run."""

import json
import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb
import yaml
from helpers.commands import ROOT
from helpers.run_directories import write_run
from helpers.runs import Killed, kill_after, resumed, rows
from helpers.wandb_server import KEY, Server
from omegaconf import DictConfig

from gan_lab.config.arguments import tidied
from gan_lab.config.compose import compose_experiment
from gan_lab.experiment.introduction import name_of, sweep_of
from gan_lab.experiment.run import play
from gan_lab.io.ownership import write_own
from gan_lab.loggers import Introduction, WandB

pytestmark = pytest.mark.slow

RING = [
    "data=ring",
    "model=mlp",
    "callbacks.samples.every=8",
    "logger=[csv,wandb]",
    "callbacks.logit_landscape.cells=8",
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    server = Server()
    for name, value in {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "WANDB_SILENT": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    wandb.teardown()  # it keeps the settings of the first use
    yield server
    with suppress(ConnectionError):  # a test may have killed its process
        wandb.teardown()
    server.stop()


def sync(*folders: Path) -> None:
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", *map(str, folders)]
    where = folders[0].parent  # it leaves notes where it is called
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_what_lands_at_w_and_b(composed: Callable[..., DictConfig], server: Server, tmp_path: Path) -> None:
    config = composed(*RING, "rounds=30", "callbacks.metrics.every=2", "logger.wandb.tags=[a]")
    assert play(config, ["data=ring", "rounds=30", "+a=1", "logger=[csv,wandb]"]) == 0
    ((name, run),) = server.runs.items()
    assert name == (tmp_path / "wandb_id.txt").read_text()
    about = run.about
    assert (about["displayName"], about["jobType"], about["tags"]) == ("data=ring +a=1", "train", ["a"])
    assert run.config["loss._target_"] == "gan_lab.losses.NonSaturating"
    assert run.config["optimizer.betas"] == [0.5, 0.999]
    assert run.exit_code == 0

    here = [{key: float(value) for key, value in row.items() if value} for row in rows(tmp_path)]
    there = {row["round"]: row for row in run.history}
    assert list(there) == [row["round"] for row in here] == [row["_step"] for row in run.history]
    for row in here:
        assert {key: there[row["round"]][key] for key in row} == row
    assert sum(there[2]["logits/real"]["values"]) == 8
    media = {key for row in run.history for key, value in row.items() if str(value).find("image-file") > 0}
    assert media == {"samples", "logit_landscape", "equilibrium"}
    assert len([file for file in run.files if file.startswith("media/images/samples")]) == 4  # rounds 8, 16, 24, 30

    summary = json.loads((tmp_path / "summary.json").read_text())
    assert run.summary["equilibrium/verdict"] == summary["equilibrium/verdict"]
    assert run.summary["version/torch"] == summary["version/torch"]
    energy = run.summary["equilibrium/energy"]
    assert energy["min"] == summary["min/equilibrium/energy"]
    assert energy["last"] == summary["equilibrium/energy"]
    assert run.summary["equilibrium/modes"]["max"] == summary["max/equilibrium/modes"]
    counts = {"config": run.config, "history": run.history, "summary": run.summary, "files": run.files}
    print({what: len(arrived) for what, arrived in counts.items()})  # -s shows it


def test_a_resumed_run_goes_on_as_the_same_without_a_double(
    composed: Callable[..., DictConfig], server: Server, tmp_path: Path
) -> None:
    config = composed(*RING, "rounds=8", "callbacks.checkpoint.every=3")
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            play(config)
    assert play(resumed(config)) == 0
    (run,) = server.runs.values()
    assert [row["round"] for row in run.history] == list(range(1, 9))
    assert [row["d/loss"] for row in run.history] == [float(row["d/loss"]) for row in rows(tmp_path)]
    assert run.summary["finished"] is True


def test_the_user_s_variables_say_what_the_configuration_does_not(
    composed: Callable[..., DictConfig], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"WANDB_PROJECT": "mine", "WANDB_RUN_ID": "chosen", "WANDB_NAME": "named", "WANDB_RUN_GROUP": "grouped"}
    for name, value in {**told, "WANDB_TAGS": "x,y", "WANDB_JOB_TYPE": "tried"}.items():
        monkeypatch.setenv(name, value)
    assert play(composed(*RING, "rounds=2")) == 0
    ((name, run),) = server.runs.items()
    assert name == (tmp_path / "wandb_id.txt").read_text() == "chosen"
    about = [run.about[key] for key in ("displayName", "groupName", "jobType", "tags", "project")]
    assert about == ["named", "grouped", "tried", ["x", "y"], "mine"]


@pytest.mark.parametrize("mode", ["offline", "disabled"])
def test_the_user_s_mode_is_kept(
    composed: Callable[..., DictConfig], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    assert play(composed(*RING, "rounds=2")) == 0
    assert server.asked == []
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == (mode == "offline")


def test_a_sweep_s_agent_chooses_the_id_that_a_resume_goes_on_under(
    composed: Callable[..., DictConfig], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = composed(*RING, "rounds=4", "callbacks.checkpoint.every=2")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "trial")
    write_own(tmp_path / "wandb_id.txt", "another")  # as from an earlier start, which the client passes over
    assert play(config) == 0
    assert (tmp_path / "wandb_id.txt").read_text() == "trial"
    for name in ("WANDB_SWEEP_ID", "WANDB_RUN_ID"):
        monkeypatch.delenv(name)
    wandb.teardown()
    assert play(resumed(config, rounds=6)) == 0
    assert list(server.runs) == ["trial"]
    assert [row["round"] for row in server.runs["trial"].history] == list(range(1, 7))


def test_the_parts_of_an_offline_run_become_one(
    composed: Callable[..., DictConfig], server: Server, tmp_path: Path
) -> None:
    config = composed(*RING, "rounds=3", "logger.wandb.offline=true")
    assert play(config) == 0
    assert play(resumed(config, rounds=6)) == 0
    assert server.asked == []
    folders = sorted((tmp_path / "wandb").glob("offline-run-*"))
    assert len(folders) == 2
    sync(*folders)
    ((name, run),) = server.runs.items()
    assert name == (tmp_path / "wandb_id.txt").read_text()
    assert {row["round"] for row in run.history} == set(range(1, 7))
    assert run.config["rounds"] == 6


def test_the_generator_is_an_artifact_and_samples_are_a_table_on_request(
    played: Callable[..., Path], server: Server, tmp_path: Path
) -> None:
    for asked in (True, False):
        wanted = [f"logger.wandb.{what}={asked}" for what in ("upload_generator", "table_of_samples")]
        directory = played(*RING, "rounds=9", "logger.wandb.offline=true", *wanted,
                           f"directory={tmp_path / str(asked)}")  # fmt: skip
        wandb.teardown()  # the file is whole
        (log,) = directory.glob("wandb/offline-run-*/*.wandb")
        artifact = f"generator-{(directory / 'wandb_id.txt').read_text()}"
        assert (artifact.encode() in log.read_bytes()) is asked
        tables = [json.loads(path.read_text()) for path in directory.glob("wandb/offline-run-*/**/*.table.json")]
        assert [[row[0] for row in table["data"]] for table in tables] == [[8, 9]] * asked


@pytest.mark.parametrize("trouble", ["key", "dead", "silent"])
def test_a_server_that_fails_at_the_start_costs_a_warning(
    composed: Callable[..., DictConfig], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    deaf = socket.create_server(("127.0.0.1", 0))  # takes calls and never answers
    if trouble == "key":
        monkeypatch.setenv("WANDB_API_KEY", "1" * 40)
    elif trouble == "dead":
        server.stop()
    else:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "2")
    with pytest.warns(UserWarning, match="W&B: .*; the run goes on offline"):
        assert play(composed(*RING, "rounds=3", "logger.wandb.patience=2")) == 0
    assert [row["round"] for row in rows(tmp_path)] == ["1", "2", "3"]
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 1
    deaf.close()


def test_what_cannot_be_opened_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wandb_id.txt").touch()  # cut short

    def refuse(**options: Any) -> None:
        assert options["id"]
        raise OSError("no disk")

    monkeypatch.setattr("wandb.init", refuse)
    logger = WandB(str(tmp_path))
    with pytest.warns(UserWarning, match="W&B: no disk; the run goes on without W&B"):
        logger.log_metrics({"a": 1.0}, 1)
    assert not hasattr(logger, "experiment")  # as Lightning asks


def test_a_server_that_dies_while_training_costs_nothing_and_can_be_told_later(
    composed: Callable[..., DictConfig], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, log = WandB, WandB.log_metrics

    def dying(self: WandB, metrics: dict[str, float], step: int) -> None:
        if step == 3 and "d/loss" in metrics:
            server.stop()
        log(self, metrics, step)

    monkeypatch.setattr(logger, "log_metrics", dying)
    assert play(composed(*RING, "rounds=6", "logger.wandb.patience=2")) == 0
    assert len(rows(tmp_path)) == 6
    later = Server()
    monkeypatch.setenv("WANDB_BASE_URL", later.url)
    sync(*(tmp_path / "wandb").glob("run-*"))
    (run,) = later.runs.values()
    assert [row["round"] for row in run.history] == [1, 2, 3, 4, 5, 6]
    later.stop()


def test_w_and_b_s_own_process_may_die(server: Server, tmp_path: Path) -> None:
    logger = WandB(str(tmp_path), patience=2)
    logger.log_run(Introduction("a", None, {"data.root": "x", "some.api_key": "y"}, {}))
    config = server.runs[logger.version].config
    until(lambda: "data.root" in config)
    assert "some.api_key" not in config
    logger.log_metrics({"x": 1.0}, 1)
    os.kill(_child(), 9)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for at in range(2, 400):
            logger.log_metrics({"x": 1.0}, at)
            logger.picture("p", torch.zeros(3, 2, 2, dtype=torch.uint8), at)
        logger.log_summary({"rounds": 9, "finished": True}, tmp_path)
    assert ["the run goes on without W&B" in str(warning.message) for warning in told] == [True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.finalize("failed")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _child() -> int:
    """The process id of wandb-core."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return next(int(pid) for pid in children if "wandb" in Path(f"/proc/{pid}/comm").read_text())


def test_each_job_of_a_sweep_is_a_run_in_its_group(server: Server, tmp_path: Path) -> None:
    settings = ["rounds=2", "model=mlp", "model.hidden=[8]", "logger=[csv,wandb]", "hydra.sweep.dir=sweep/one"]
    command = [sys.executable, str(ROOT / "train.py"), "-m", "seed=0,1", *settings]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = sorted((run.about["displayName"], run.about["groupName"], run.exit_code) for run in server.runs.values())
    assert told == [
        ("seed=0 model=mlp model.hidden=[8]", "sweep/one", 0),
        ("seed=1 model=mlp model.hidden=[8]", "sweep/one", 0),
    ]


def test_names_say_what_sets_a_run_apart(tmp_path: Path) -> None:
    told = ["loss=hinge", "+term@d_terms=[r1]", "trainer.precision=bf16-mixed", "callbacks.early_stopping.patience=2"]
    untold = ["rounds=5", "callbacks.metrics.every=1", "data.root=/x"]
    assert name_of([*untold, *told]) == " ".join(told)
    assert sweep_of(tmp_path) is None


def test_tensorboard_has_the_same(played: Callable[..., Path]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    directory = played("logger=[csv,tensorboard]", *RING[:3], "rounds=24")
    (folder,) = directory.glob("tensorboard")
    assert len(list(folder.glob("events.*"))) == 1
    events = EventAccumulator(str(folder), size_guidance={"histograms": 0}).Reload()
    tags: dict[str, Any] = events.Tags()
    assert set(tags["scalars"]) == (set(rows(directory)[0]) | {"seconds", "rounds_per_second"}) - {"round"}
    assert set(tags["images"]) == {"samples", "logit_landscape", "equilibrium"}
    assert set(tags["histograms"]) == {"logits/real", "logits/fake"}
    assert "summary/text_summary" in tags["tensors"]
    assert "_hparams_/session_start_info" in events.summary_metadata


def test_the_dashboard_shows_what_runs_publish(played: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("wandb_workspaces")
    from gan_lab.cli.dashboard import main, workspace

    board = workspace("somebody", "gan_lab")
    sections = {section.name: section.panels for section in board.sections}
    assert list(sections) == ["Samples", "Players", "Equilibrium", "Quality", "Sweep"]
    known = set(rows(played(*RING[:3], "logger=csv", "rounds=1"))[0]) | {"logits/real", "logits/fake"}
    shown = {name for title in ("Players", "Equilibrium") for panel in sections[title] for name in panel.y}
    on_request = {"equilibrium/duality_gap/200", "equilibrium/duality_gap/100", "audit/auc", "audit/game_auc"}
    assert shown - known == {"equilibrium/modes", *on_request}  # at their own intervals
    assert json.loads(board._to_model().spec.model_dump_json(by_alias=True))["section"]
    assert main(["nonsense"]) == 2
    assert "must be ENTITY/PROJECT" in capsys.readouterr().err


def test_the_report_of_a_run_says_what_its_page_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("wandb_workspaces")
    from gan_lab.cli.dashboard import main
    from gan_lab.report.run import read_run
    from gan_lab.report.wandb_report import wandb_report

    directory = write_run(tmp_path / "run", ["loss=hinge", "rounds=500"])
    assert main(["me/gan_lab", str(directory)]) == 2
    assert "is not a run of yours at W&B" in capsys.readouterr().err
    write_own(directory / "wandb_id.txt", "abc123")
    report = wandb_report("me", "gan_lab", read_run(directory))
    assert report.title == "loss=hinge rounds=500 seed=0"
    (grid,) = [block for block in report.blocks if hasattr(block, "runsets")]
    assert "abc123" in str(grid.runsets[0].filters)
    text = "\n".join(str(vars(block)) for block in report.blocks if block is not grid)
    for part in ("discriminator leads", "a larger G", "75.0%", "gan-lab train loss=hinge", "0123abc"):
        assert part in text


def test_the_sweep_of_the_docs_starts_runs(tmp_path: Path) -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    text = (ROOT / "docs" / "wandb.md").read_text()
    sweep = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    for choice in (0, -1):
        chosen = {name: {"value": _value(knob, choice)} for name, knob in sweep["parameters"].items()}
        arguments = tidied(create_sweep_command_args({"args": chosen})["args"])
        config = compose_experiment(arguments, tmp_path)
        assert config.rounds == 1000 and set(config.logger) == {"csv", "wandb"}


def _value(knob: dict[str, Any], choice: int) -> Any:
    return knob["value"] if "value" in knob else [*knob.get("values", (knob.get("min"), knob.get("max")))][choice]
