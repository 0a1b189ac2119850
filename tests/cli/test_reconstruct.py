"""Averages that are made after training, from those of other widths."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.cli.evaluate import main as evaluate
from gan_lab.cli.reconstruct import main as reconstruct
from gan_lab.cli.sample import main as sample
from gan_lab.experiment.run import play
from gan_lab.io.generator import load_generator

pytestmark = pytest.mark.slow

Composed = Callable[..., DictConfig]
GAME = ("model=mlp", "data=ring", "optimizer.lr=0.01", "callbacks.checkpoint.keep_every=10", "rounds=80")
WIDTHS = ("ema=power", "ema.width=0.05", "+ema@averages.wide=power", "averages.wide.width=0.1")


@pytest.fixture
def run(composed: Composed, tmp_path: Path) -> Path:
    play(composed(*GAME, *WIDTHS, f"directory={tmp_path / 'run'}"))
    return tmp_path / "run"


def weights(path: Path, name: str = "average") -> dict[str, Tensor]:
    return load_generator(path).weights[name]


def distance(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize("width", [0.05, 0.07, 0.1])
def test_it_is_the_average_that_would_have_been_kept(
    composed: Composed, run: Path, tmp_path: Path, width: float, capsys: pytest.CaptureFixture[str]
) -> None:
    play(composed(*GAME, "ema=power", f"ema.width={width}", f"directory={tmp_path / 'other'}"))
    capsys.readouterr()
    assert reconstruct([str(run), f"width={width}"]) == 0
    assert f"the average of width {width} after round 80, but for " in capsys.readouterr().out
    found, expected = run / "reconstructed.safetensors", tmp_path / "other" / "generator.safetensors"
    apart = distance(weights(run / "generator.safetensors"), weights(run / "generator.safetensors", "wide"))
    assert distance(weights(found), weights(expected)) < 0.05 * apart
    assert distance(weights(found, "raw"), weights(expected, "raw")) == 0


def test_it_is_sampled_and_evaluated_and_may_be_of_an_earlier_round(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "earlier.safetensors"
    assert reconstruct([str(run), "round=60", f"out={out}"]) == 0
    assert load_generator(out).recipe["round"] == 60
    assert sample([str(out), "n=4", f"out={tmp_path / 'x.npz'}"]) == 0
    assert evaluate([str(run), f"checkpoint={out}", "n=20", "features=pixels", "metric=kernel"]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["round=61"], "round=61: .* has no checkpoint of it; there are 10, 20, 30, 40, 50, 60, 70, 80"),
        (["width=0.3"], "width=0.3: must be below 0.2887"),
        (["width=0"], "width=0: must be greater than 0"),
        (["out=x.png"], "out=x.png: must end in .safetensors"),
    ],
)
def test_mistakes(run: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconstruct([str(run), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line), line


def test_other_averages_and_other_people_s_runs_are_refused(
    composed: Composed, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(composed("model=mlp", "rounds=1", f"directory={tmp_path / 'plain'}"))
    shutil.copytree(run, tmp_path / "theirs", ignore=shutil.ignore_patterns(".signatures"))
    capsys.readouterr()
    (tmp_path / "none").mkdir()
    for place, says in (
        ("none", "not a run directory"),
        ("plain", "has kept no power-function averages"),
        ("theirs", "is not a run of yours"),
    ):
        assert reconstruct([str(tmp_path / place)]) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "theirs" / "reconstructed.safetensors").exists()
