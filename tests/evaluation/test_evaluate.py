"""Scoring finished runs, at the real command line and while they train; tables of many; a user's mistakes."""

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import ROOT
from helpers.configuration import CONF, options
from helpers.runs import resumed
from helpers.scores import QUICK, score, scores
from omegaconf import DictConfig, OmegaConf

from gan_lab.experiment.run import play
from gan_lab.metrics import metric

pytestmark = pytest.mark.slow

compare, evaluate = import_module("gan_lab.cli.compare"), import_module("gan_lab.cli.evaluate")


# --- one run ------------------------------------------------------------------------------------------------------


def test_at_the_command_line(mine: Path) -> None:
    before = json.loads((mine / "ring" / "summary.json").read_text())
    command = [sys.executable, "-m", "gan_lab.evaluate", "ring", "features=pixels", "n=600", "real=500"]
    done = subprocess.run(command, cwd=mine, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sure = r"± [\d.e-]+ \(standard error: fakes redrawn.*\)"
    assert re.search(rf"frechet [\d.e-]+ {sure}  \[pixels-[0-9a-f]{{8}}\]", done.stdout)
    after = json.loads((mine / "ring" / "summary.json").read_text())
    assert before.items() <= after.items()
    found = {name.split("/", 2)[2]: after[name] for name in after.keys() - before.keys()}
    assert {"frechet", "frechet/error", "kernel", "kernel/error"} <= found.keys()
    told = {name.removeprefix("procedure/"): value for name, value in found.items() if name.startswith("procedure/")}
    assert told["features"] == "pixels"
    assert (told["n"], told["n_real"], told["seed"], told["resize"]) == (600, 500, 0, "none")
    assert re.fullmatch("[0-9a-f]{16}", told["data"])


def test_figures_do_not_depend_on_the_batch_size_or_on_the_time(mine: Path) -> None:
    place = mine / "sweep" / "hinge=0"
    assert score(place, *QUICK) == 0
    first = scores(place)
    assert score(place, *QUICK, "batch_size=7") == 0
    again = scores(place)
    assert again.keys() == first.keys()
    assert all(again[name] == pytest.approx(value, rel=1e-4) for name, value in first.items())


@pytest.mark.parametrize(
    "change",
    ["n=61", "real=50", "seed=1", "weights=raw", "features.seed=1", "features=pixels", "metric.kernel.blocks=5"],
)
def test_another_procedure_is_another_column(mine: Path, change: str) -> None:
    place = mine / "sweep" / "hinge=0"
    kept = [option for option in QUICK if not (change == "features=pixels" and "features" in option)]
    assert score(place, *QUICK, "metric=kernel") == 0
    assert score(place, *kept, "metric=kernel", change) == 0
    assert len(scores(place)) == 2


def test_the_real_features_are_cached_and_the_raw_weights_may_be_asked_for(mine: Path) -> None:
    place, cached = mine / "sweep" / "hinge=0", mine.parent / "cache" / "gan_lab"
    for weights in ("average", "raw"):
        assert score(place, *QUICK, f"weights={weights}") == 0
    assert len(list(cached.glob("features-*.safetensors"))) == 1
    assert len({value for (name, _), value in scores(place).items() if name == "frechet"}) == 2


def test_a_conditional_run_is_asked_for_the_classes_of_the_data(mine: Path) -> None:
    assert score(mine / "concat", *QUICK, "metric=[recognition,frechet]") == 0
    assert 0 <= next(value for (name, _), value in scores(mine / "concat").items() if name == "recognition") <= 1


def test_the_test_set(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    play(composed("model=mlp", "rounds=1", "data.subset=1000"))
    for split in ("train", "test"):
        assert score(tmp_path, "features=pixels", f"split={split}", "n=100", "metric=frechet") == 0
    assert len(scores(tmp_path)) == 2


def test_what_is_given_of_an_image_is_given_again(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    play(composed("model=pix2pix", "rounds=1"))
    assert score(tmp_path, *QUICK) == 0  # judged by a classifier of the whole images


def test_what_real_samples_get_stands_beside(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place, asked = mine / "sweep" / "hinge=0", [*QUICK, "metric=[kernel,nearest_neighbour_test]"]
    assert score(place, *asked, "floor=true") == 0
    told = re.findall(r"kernel ([\d.e-]+) ± .*, of real samples ([\d.e-]+)  \[", capsys.readouterr().out)
    assert len(told) == 1
    assert float(told[0][1]) < float(told[0][0])
    cached = mine.parent / "cache" / "gan_lab"
    assert len(list(cached.glob("floor-*.safetensors"))) == 2
    assert len(list(cached.glob("features-*.safetensors"))) == 2
    other = mine / "sweep" / "hinge=1"
    assert score(other, *asked, "floor=true") == 0  # from the cache
    assert len(list(cached.glob("floor-*.safetensors"))) == 2
    assert compare.main([str(place), str(other)]) == 0
    table = capsys.readouterr().out
    assert re.search(r"kernel classifier-\w+ \(lower is better; real samples: [\d.e-]+\)", table)
    assert re.search(r"nearest_neighbour_test classifier-\w+ \(0\.5 is best; real samples: 0\.\d+\)", table)


def test_stacked_digits_are_known_by_the_classifier_of_one(
    composed: Callable[..., DictConfig], fake_mnist: Path, tmp_path: Path
) -> None:
    play(composed("model=mlp", "data=stacked_mnist", f"data.root={fake_mnist}", "conditioning=concat", "rounds=1"))
    asked = ["metric=[modes,mode_divergence,recognition]", "n=20", "features.steps=3", "floor=true"]
    assert score(tmp_path, *asked, f"root={fake_mnist}") == 0
    found = {name: value for (name, _), value in scores(tmp_path).items()}
    assert 1 <= found["modes"] <= 20
    assert found["mode_divergence"] >= math.log(500 / 20)  # of 20 samples, no more than 20 modes of nearly 1,000


def test_a_floor_does_not_change_the_procedure(mine: Path) -> None:
    place = mine / "sweep" / "hinge=0"
    for more in ([], ["floor=true"]):
        assert score(place, *QUICK, "metric=kernel", *more) == 0
    assert len(scores(place)) == 1


def test_a_run_that_goes_on_meanwhile_gets_no_score_of_the_generator_before(
    composed: Callable[..., DictConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = composed("model=mlp", "data=ring", "rounds=1")
    play(config)
    measure = metric.measure

    def meanwhile(*samples: Any) -> Any:
        play(resumed(config, rounds=2))
        return measure(*samples)

    asked = ["features=pixels", "metric=mode_coverage", "n=20"]
    with monkeypatch.context() as patch:
        patch.setattr(metric, "measure", meanwhile)
        assert score(tmp_path, *asked) == 2
    assert "the run has gone on while it was scored" in capsys.readouterr().err
    assert not scores(tmp_path)
    assert score(tmp_path, *asked) == 0
    assert scores(tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    (tmp_path / "summary.json").write_text(json.dumps(summary | {"generator": "another"}))
    assert not scores(tmp_path)


def test_a_picture_of_the_samples_that_may_be_copies(mine: Path) -> None:
    from PIL import Image

    assert score(mine / "concat", *QUICK, "metric=kernel", "neighbours=3") == 0
    with Image.open(mine / "concat" / "neighbours.png") as picture:
        assert picture.size == (8 * 34 + 2, 3 * 34 + 2)  # eight columns, three rows, each of 32 pixels with a rim


def test_every_metric_scores_a_run(mine: Path, composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    others = ["mode_coverage", "frechet_infinity", "ms_ssim", "ms_ssim_by_class"]
    others += ["copying", "copying_by_cells", "feature_likelihood", "clip_score"]
    kept = [name for name in options("metric") if name not in others]
    fewer = ["n=300", "features.steps=3", "metric.frechet_interval.resamples=3", "metric.kernel_subsets.size=50"]
    assert score(mine / "concat", f"metric=[{','.join(kept)}]", *fewer) == 0
    on_points = ["features=pixels", "metric=[mode_coverage,frechet_infinity,parzen]"]
    assert score(mine / "ring", "n=100", *on_points, "floor=true") == 0
    play(composed("model=mlp", "rounds=1", "data.subset=1000", "data.image_size=16", "conditioning=concat"))
    assert score(tmp_path, *QUICK, "metric=[copying,ms_ssim,ms_ssim_by_class]") == 0
    found = {name for name, _ in {**scores(mine / "concat"), **scores(mine / "ring"), **scores(tmp_path)}}
    assert len(found) >= len(options("metric"))


# --- mistakes -----------------------------------------------------------------------------------------------------

MISTAKES = [  # arguments, what is said, whether it is known before anything heavy is imported
    ("{runs}/nowhere", r"nowhere: no run directory with a finished run"),
    ("n=5", r"no run directory: name one"),
    ("{runs}/ring metric=[frechet,fid]", r"fid.*no such option.*allowed: .*frechet.*, kernel"),
    (
        "{runs}/ring features=vgg",
        r"vgg: no such option.*allowed: auto, classifier, clip",
    ),
    ("{runs}/ring features=[pixels,classifier]", r"features: must be one option"),
    ("{runs}/ring metric=[]", r"metric: must be given"),
    ("{runs}/ring metric=kernel metric.kernel=null", r"metric: must name one metric or more"),
    ("{runs}/ring n=1", r"n=1: must be greater than or equal to 2"),
    ("{runs}/ring n=many", r"n='many': must be an integer"),
    ("{runs}/ring nn=3", r"nn.*no such key"),
    ("{runs}/ring split=valid", r"split='valid': must be 'train' or 'test'"),
    ("{runs}/ring metric.kernel.blocks=0", r"metric\.kernel\.blocks=0: must be greater than 0"),
    ("{runs}/ring out=table.xls", r"out=table\.xls: must end in \.csv, \.json, \.md"),
    ("{runs}/ring features=classifier", r"features=classifier: takes images, and data\.shape=\[2\] is none"),
    ("{runs}/ring features=pixels n=10", r"metric=kernel: needs 20 points or more of each"),
    ("{runs}/ring features=pixels metric=recognition", r"metric=recognition: needs class labels"),
    ("{runs}/sweep/hinge=0 features=pixels metric=recognition n=9", r"metric=recognition: needs class labels"),
    ("{runs}/concat features=pixels metric=recognition n=9", r"pixels: give no class probabilities"),
    ("{runs}/concat features=pixels metric=[frechet,mode_coverage]", r"mode_coverage: needs data whose modes"),
    ("{runs}/ring features=pixels metric=ms_ssim", r"metric=ms_ssim: needs images, and the data are none"),
    ("{runs}/ring features=pixels metric=copying", r"metric=copying: needs real samples that no training"),
    ("{runs}/ring features=pixels neighbours=3", r"neighbours=3: needs images"),
    (
        "{runs}/concat floor=true n=1000",
        r"floor: needs 1000 real samples beside the 449.* 449 more.*: take n=449",
    ),
    ("{runs}/ring floor=perhaps", r"floor='perhaps': must be"),
    ("{runs}/ring features=pixels split=test", r"split=test: the data have no test set"),
    ("{runs}/ring features=pixels root=elsewhere", r"root=elsewhere: the run's data lie in no folder"),
]


@pytest.mark.parametrize(("arguments", "says"), MISTAKES, ids=lambda a: str(a))
def test_mistakes(runs: Path, arguments: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert score(*arguments.format(runs=runs).split()) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert re.search(says, line), line


@pytest.mark.parametrize("metric", ["recognition", "classification_accuracy", "mode_coverage", "copying"])
def test_what_is_lacking_is_told_before_anything_is_computed(mine: Path, metric: str) -> None:
    assert score(mine / "sweep" / "hinge=0", f"metric=[frechet,{metric}]") == 2
    assert not [*(mine.parent / "cache").rglob("*.safetensors")]  # no classifier was trained, no features were computed


def test_nothing_heavy_is_imported_before_the_options_are_checked() -> None:
    code = (
        "import sys, gan_lab.cli.evaluate, gan_lab.cli.compare; print({'torch', 'scipy', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("generator.safetensors", "", r"generator\.safetensors: not a generator file, or damaged"),
        ("summary.json", "{", r"summary\.json: "),
        ("config.yaml", "a: 1", r"config\.yaml: not the configuration of a run"),
        ("config.yaml", "data: {module: {_target_: os.system}}", r"_target_='os\.system': is not trusted"),
    ],
)
def test_damaged_files(mine: Path, file: str, text: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / "ring" / file).write_text(text)
    assert score(mine / "ring", "features=pixels", "n=30") == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line]
    assert re.search(says, line), line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("{runs}/ring", r"ring: not scored yet; python -m gan_lab\.evaluate"),
        ("{runs}/nowhere", r"nowhere: no run directory"),
        ("{runs}/ring output=x", r"output: no such option.*allowed: out"),
        ("{runs}/ring out=x.txt", r"out=x\.txt: must end in"),
    ],
)
def test_mistakes_when_comparing(runs: Path, arguments: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(arguments.format(runs=runs).split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line), line


def test_the_page_of_options_has_what_the_code_knows() -> None:
    page = OmegaConf.load(CONF / "evaluate.yaml")
    chosen = {"protocol"}  # by a group, whose option sets others
    assert {str(key) for key in page if key != "defaults"} | chosen == evaluate.PAGE.plain.keys()
