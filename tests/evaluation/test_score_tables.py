"""Scores of many runs in one table, and while training."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.runs import assert_resumes
from helpers.scores import CALLBACK, QUICK, score, scores
from omegaconf import DictConfig
from PIL import Image

from gan_lab.config.observing import only_observes
from gan_lab.experiment.run import play
from gan_lab.experiment.summary import kept_scores
from gan_lab.io.checkpoint import PlainCheckpointIO

pytestmark = pytest.mark.slow

compare = import_module("gan_lab.cli.compare")


def test_a_table_of_a_sweep(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = mine / "sweep"
    assert score(sweep, *QUICK, f"out={sweep / 'table.csv'}") == 0
    printed = capsys.readouterr().out
    assert re.search(r"\| loss=hinge \| [\d.e+-]+ ± [\d.e+-]+ \(sd [\d.e+-]+, 2 seeds\)", printed)
    assert len(re.findall(r"too few seeds to tell", printed)) == 2
    rows = list(csv.DictReader((sweep / "table.csv").open()))
    assert {(row["configuration"], row["metric"]) for row in rows} == {
        (f"loss={loss}", metric) for loss in ("hinge", "wasserstein") for metric in ("frechet", "kernel")
    }
    values = [scores(sweep / f"hinge={seed}") for seed in (0, 1)]
    mean = sum(v for run in values for (name, _), v in run.items() if name == "frechet") / 2
    (row,) = [row for row in rows if (row["configuration"], row["metric"]) == ("loss=hinge", "frechet")]
    assert float(row["mean"]) == pytest.approx(mean)
    assert row["procedure/n"] == "60"
    for out in ("table.json", "table.md"):
        assert compare.main([str(sweep), f"out={sweep / out}"]) == 0
    table = json.loads((sweep / "table.json").read_text())
    assert table["rows"][0]["values"].keys() == {"0", "1"}
    assert (sweep / "table.md").read_text().startswith("| configuration |")


def test_what_a_sweep_notes_of_itself_is_no_run(tmp_path: Path) -> None:
    for name in ("multirun.yaml", "study.db", "sweep.yaml", "report.html", "table.csv", "samples.npz"):
        (tmp_path / name).touch()
    (tmp_path / "data.labels=some.csv").mkdir()
    given = [*map(str, sorted(tmp_path.iterdir())), "n=60"]
    assert compare.places_among(given) == [tmp_path / "data.labels=some.csv", tmp_path / "samples.npz"]
    (tmp_path / "sweep.yaml").unlink()
    assert tmp_path / "multirun.yaml" in compare.places_among([str(tmp_path / "multirun.yaml")])


def test_figures_of_different_procedures_never_share_a_column(mine: Path) -> None:
    sweep = mine / "sweep"
    assert score(sweep / "hinge=0", *QUICK, "metric=frechet") == 0
    assert score(sweep / "hinge=1", *QUICK, "metric=frechet", "n=80") == 0
    found = compare.compare([compare.read_run(sweep / f"hinge={seed}") for seed in (0, 1)])
    assert len(found.columns) == 2
    assert [len(cell.values) for cell in found.cells] == [1, 1]


def test_the_same_seed_twice_counts_once_and_an_unfinished_run_apart(mine: Path) -> None:
    sweep = mine / "sweep"
    assert score(sweep / "hinge=0", *QUICK, "metric=frechet") == 0
    shutil.copytree(sweep / "hinge=0", sweep / "copy")
    shutil.copytree(sweep / "hinge=0", sweep / "stopped")
    summary = json.loads((sweep / "stopped" / "summary.json").read_text())
    (sweep / "stopped" / "summary.json").write_text(json.dumps(summary | {"finished": False, "rounds": 1}))
    found = compare.compare([compare.read_run(sweep / name) for name in ("hinge=0", "copy", "stopped")])
    assert [len(cell.values) for cell in found.cells] == [1, 1]
    assert any("copy: left out" in note for note in found.notes)
    assert any("stopped after round 1" in cell.configuration for cell in found.cells)


@pytest.mark.parametrize(
    ("override", "watching"),
    [
        ("callbacks.samples.every=10", True),
        ("metric@callbacks.evaluation.metrics=[frechet]", True),
        ("logger=wandb", True),
        ("callbacks.adaptive_augment.target=0.9", False),
        ("callbacks.early_stopping.patience=2", False),
        ("callbacks=[default,early_stopping]", False),
        ("callbacks=[default,evaluation]", True),
        ("trainer.precision=bf16-mixed", False),
        ("wrapper@d_wrappers=[diff_augment]", False),
        ("rounds=10", False),
    ],
)
def test_what_only_watches_a_run_does_not_set_it_apart(override: str, watching: bool) -> None:
    assert only_observes(override) is watching


def test_a_run_without_scores_is_left_out_and_named(mine: Path) -> None:
    sweep = mine / "sweep"
    assert score(sweep / "hinge=0", *QUICK, "metric=frechet") == 0
    found = compare.compare([compare.read_run(sweep / f"hinge={seed}") for seed in (0, 1)])
    assert f"{sweep / 'hinge=1'}: not scored; left out" in found.notes
    assert [len(cell.values) for cell in found.cells] == [1]


def test_of_several_runs_one_that_cannot_be_scored_does_not_keep_the_others(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(mine / "ring", mine / "sweep" / "hinge=0", *QUICK, "features=classifier") == 2
    assert re.search(r"error: .*ring: features=classifier: takes images", capsys.readouterr().err)
    assert scores(mine / "sweep" / "hinge=0")
    assert not scores(mine / "ring")


# --- while training -----------------------------------------------------------------------------------------------


def test_the_callback_says_what_the_command_says(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    play(composed("model=mlp", "rounds=4", *CALLBACK, "callbacks.evaluation.features.steps=3"))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert score(tmp_path, "n=40", "features.steps=3") == 0
    for (name, _), value in scores(tmp_path).items():
        assert summary[f"evaluation/{name}"] == pytest.approx(value, rel=1e-5)


def test_the_callback_leaves_the_training_as_it_is(
    composed: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    parts = ["model=mlp", "rounds=5", "conditioning=concat"]
    play(composed(*parts, f"directory={tmp_path / 'without'}"))
    play(composed(*parts, *CALLBACK, "callbacks.evaluation.features.steps=3", f"directory={tmp_path / 'with'}"))
    states = [PlainCheckpointIO().load_checkpoint(tmp_path / d / "checkpoints/last.ckpt") for d in ("without", "with")]
    for name, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][name]), name
    assert "evaluation/frechet" in (tmp_path / "with" / "metrics.csv").read_text()


def test_a_run_with_the_callback_resumes(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    parts = ["model=mlp", "data=ring", "rounds=5", *CALLBACK, "features@callbacks.evaluation.features=pixels"]

    def config(name: str) -> DictConfig:
        return composed(*parts, "callbacks.checkpoint.every=1", f"directory={tmp_path / name}")

    assert_resumes(config, tmp_path)


def test_the_best_checkpoint_by_a_metric(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    parts = [*CALLBACK, "features@callbacks.evaluation.features=pixels"]
    play(composed("model=mlp", "rounds=4", *parts, "callbacks.checkpoint.monitor=evaluation/frechet"))
    summary: dict[str, Any] = json.loads((tmp_path / "summary.json").read_text())
    assert summary["best/evaluation/frechet"] == summary["min/evaluation/frechet"]


def test_a_checkpoint_is_scored_as_that_of_its_run_alone(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = mine / "sweep"
    (sweep / "hinge=0" / ".hydra").mkdir(exist_ok=True)
    (sweep / "hinge=0" / ".hydra" / "config.yaml").write_text("rounds: 2\n")  # as Hydra leaves it beside a job
    own = sweep / "hinge=0" / "checkpoints" / "last.ckpt"
    assert score(sweep / "hinge=0", *QUICK, "metric=frechet", f"checkpoint={own}") == 0
    assert "error" not in capsys.readouterr().err
    assert score(sweep / "hinge=1", *QUICK, "metric=frechet", f"checkpoint={own}") == 2
    assert re.search(r"error: checkpoint=.*: is of another run than .*hinge=1; name that run", capsys.readouterr().err)
    assert not scores(sweep / "hinge=1")


def test_options_of_sets_are_heard_with_dashes_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(6):
            Image.fromarray(torch.randint(0, 256, (8, 8, 3), dtype=torch.uint8).numpy()).save(
                tmp_path / name / f"{i}.png"
            )
    sets = (tmp_path / "a", tmp_path / "b", "metric=sliced_wasserstein", "features=pixels")
    for option in ("split=test", "--split=test"):
        assert score(*sets, option) == 2
        assert re.search(r"error: split", capsys.readouterr().err)


def test_a_run_that_leaves_the_same_generator_keeps_its_scores(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    """One whose patience is spent ends at once where it is asked for more rounds alone."""
    stopping = ["callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=images", "rounds=9"]
    patience = ["callbacks.early_stopping.patience=2", "callbacks.early_stopping.mode=min", "callbacks.metrics.every=1"]
    config = composed("model=mlp", *stopping, *patience)
    assert play(config) == 0
    before = json.loads((tmp_path / "summary.json").read_text())
    assert before["rounds"] < 9 and "callbacks.early_stopping.patience=4" in before["equilibrium/advice"]
    assert score(tmp_path, *QUICK, "metric=frechet") == 0
    found = scores(tmp_path)
    config.rounds, config.resume = 18, str(tmp_path)
    assert play(config) == 0
    after = json.loads((tmp_path / "summary.json").read_text())
    assert (after["rounds"], after["budget"]) == (before["rounds"], 18) and scores(tmp_path) == found
    (kept,) = {name.split("/")[1] for name in after if name.startswith("score/")}
    assert kept_scores(after, "of another") == {} and kept_scores(after, after["generator"])[f"score/{kept}/generator"]
