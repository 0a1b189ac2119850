"""What was trained is not lost: a new run begins with the weights of another, and any checkpoint can be sampled."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.runs import Killed, assert_same_runs, kill_after, resumed, rows
from omegaconf import DictConfig
from safetensors.torch import save_file

from gan_lab.cli.sample import main as sample
from gan_lab.config.resume import check_same, check_start, expand, remember
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.experiment.run import play
from gan_lab.experiment.start_from import start_from
from gan_lab.game.gan import GAN
from gan_lab.io.checkpoint import PlainCheckpointIO
from gan_lab.io.run_file import read_facts
from gan_lab.io.weights import find_weights, read_weights

pytestmark = pytest.mark.slow

Composed = Callable[..., DictConfig]
PARTS = ["model=mlp", "data=digits"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of five rounds, with a checkpoint of each second and of the best."""
    from helpers.configuration import CONF, NARROW, SMALL
    from hydra import compose, initialize_config_dir

    directory = tmp_path_factory.mktemp("source")
    keep = ["callbacks.checkpoint.every=1", "callbacks.checkpoint.keep_every=2", "callbacks.checkpoint.keep=1"]
    best = ["callbacks.checkpoint.monitor=g/loss", "conditioning=concat"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", [*SMALL, *NARROW["mlp"], *PARTS, *keep, *best, "rounds=5", f"directory={directory}"])
    assert play(config) == 0
    return directory


def state(directory: Path, name: str = "last") -> dict[str, Any]:
    return PlainCheckpointIO().load_checkpoint(directory / "checkpoints" / f"{name}.ckpt")


# --- numbered checkpoints, and what may be asked for --------------------------------------------------------------


def test_numbered_checkpoints_stay(source: Path) -> None:
    names = {path.name for path in (source / "checkpoints").iterdir()}
    assert names == {*(f"round_00000{n}.ckpt" for n in (2, 4, 5)), "last.ckpt", "previous.ckpt", "best.ckpt"}
    assert [state(source, f"round_00000{n}")["game"]["round"] for n in (2, 4, 5)] == [2, 4, 5]


@pytest.mark.parametrize("checkpoint", ["best", "last", "2", "5", "{source}/checkpoints/round_000004.ckpt"])
def test_any_checkpoint_can_be_sampled(source: Path, tmp_path: Path, checkpoint: str) -> None:
    checkpoint = checkpoint.format(source=source)
    out = tmp_path / "x.npz"
    assert sample([str(source), f"checkpoint={checkpoint}", "n=4", "weights=raw", "label=3", f"out={out}"]) == 0
    assert np.load(out)["samples"].shape == (4, 1, 8, 8)
    found = read_weights(find_weights(source, checkpoint))
    rounds = {"best": state(source, "best")["game"]["round"], "last": 5, "2": 2, "5": 5}
    assert found.round == rounds.get(checkpoint, 4)


def test_the_last_checkpoint_gives_the_samples_of_the_generator_file(source: Path, tmp_path: Path) -> None:
    for name, place, more in (
        ("run", source, []),
        ("file", source / "generator.safetensors", []),
        ("last", source, ["checkpoint=last"]),
    ):
        assert sample([str(place), "n=4", f"out={tmp_path / name}.npz", *more]) == 0
    run, file, last = (np.load(tmp_path / f"{name}.npz")["samples"] for name in ("run", "file", "last"))
    assert np.array_equal(run, last) and np.array_equal(run, file)


@pytest.mark.parametrize(
    ("checkpoint", "says"),
    [("3", "checkpoint=3: .*there are checkpoint=2, 4, 5, last, best"), ("nowhere.ckpt", "nowhere.ckpt is not there")],
)
def test_a_checkpoint_that_is_not_there(
    source: Path, capsys: pytest.CaptureFixture[str], checkpoint: str, says: str
) -> None:
    assert sample([str(source), f"checkpoint={checkpoint}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line), line


def test_a_run_that_was_killed_can_be_sampled(
    composed: Composed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 3)
        with pytest.raises(Killed):
            play(composed(*PARTS, "rounds=9", "callbacks.checkpoint.every=2"))
    assert sample([str(tmp_path)]) == 2
    assert "there are checkpoint=last" in capsys.readouterr().err
    assert sample([str(tmp_path), "checkpoint=last", f"out={tmp_path / 'x.png'}"]) == 0


def test_early_stopping_leaves_the_best_generator(composed: Composed, tmp_path: Path) -> None:
    stopping = ["callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=g/loss"]
    play(composed(*PARTS, *stopping, "callbacks.early_stopping.patience=3", "rounds=60", "optimizer.g.lr=0"))
    losses = [float(row["g/loss"]) for row in rows(tmp_path)]
    best = 1 + losses.index(min(losses))
    assert best == len(losses) - 3  # it has waited for three values
    left, kept = read_weights(tmp_path / "generator.safetensors"), read_weights(find_weights(tmp_path, "best"))
    assert left.round == kept.round == best == json.loads((tmp_path / "summary.json").read_text())["generator_round"]
    for role in ("g", "average"):
        assert all(torch.equal(value, kept.networks[role][name]) for name, value in left.networks[role].items())


# --- start_from ---------------------------------------------------------------------------------------------------


def test_another_learning_rate_and_batch_begin_with_the_weights(composed: Composed, source: Path) -> None:
    before = state(source)["state_dict"]
    gan, _ = build(composed(*PARTS, "conditioning=concat", "optimizer.lr=1e-5", "data.batch_size=4"))
    start = start_from(gan, source, strict=True)
    assert start.round == 5
    after = gan.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_does_not_fit_is_listed_and_left_alone(composed: Composed, source: Path) -> None:
    config = composed(*PARTS, "wrapper@d_wrappers=[spectral_norm]", "latent.dim=6", "conditioning=concat")
    fresh, gan = build(config)[0].state_dict(), build(config)[0]
    start = start_from(gan, source)
    told = "\n".join(start.report())
    assert "is [16, 14] there and [16, 16] here" in told
    assert start.unfit["d"] and start.unfit["g"].keys() == start.unfit["average"].keys()
    (name,) = start.unfit["g"]
    assert torch.equal(gan.state_dict()[f"g.network.{name}"], fresh[f"g.network.{name}"])
    with pytest.raises(UserError, match=r"start_from=.*start_strict=false leaves out"):
        start_from(gan, source, strict=True)


def test_a_generator_file_starts_the_generator_alone(composed: Composed, source: Path) -> None:
    gan, _ = build(composed(*PARTS, "conditioning=concat"))
    start = start_from(gan, source / "generator.safetensors")
    assert start.fitted["d"].startswith("0 of") and not start.unfit["g"]
    assert start.round == 5


def test_without_an_average_the_generator_is_one(composed: Composed, source: Path, tmp_path: Path) -> None:
    play(composed(*PARTS, "conditioning=concat", "ema=none", "rounds=1"))
    gan, _ = build(composed(*PARTS, "conditioning=concat"))
    start_from(gan, tmp_path, strict=True)
    assert gan.average is not None
    for one, other in zip(gan.average.parameters(), gan.g.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_none_fits_or_none_is_there(composed: Composed, source: Path, tmp_path: Path) -> None:
    gan, _ = build(composed("data=ring", "model=mlp", "model.hidden=[7]"))
    with pytest.raises(UserError, match="none of its weights fits"):
        start_from(gan, source / "generator.safetensors")
    with pytest.raises(UserError, match="neither a run with a checkpoint"):
        start_from(gan, tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(UserError, match=r"foreign\.safetensors: "):
        start_from(gan, tmp_path / "foreign.safetensors")


def test_nan_is_refused(composed: Composed, tmp_path: Path) -> None:
    play(composed(*PARTS, "rounds=1"))
    path = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint = PlainCheckpointIO().load_checkpoint(path)
    next(iter(checkpoint["state_dict"].values())).fill_(torch.nan)
    PlainCheckpointIO().save_checkpoint(checkpoint, path)
    with pytest.raises(UserError, match="holds NaN"):
        start_from(build(composed(*PARTS))[0], tmp_path)


def test_killed_and_resumed_it_ends_as_if_it_had_not_been(
    composed: Composed, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before its first regular checkpoint, and though the weights that it began with are gone."""
    moved = tmp_path / "moved.ckpt"
    moved.write_bytes((source / "checkpoints" / "last.ckpt").read_bytes())

    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        parts = [*PARTS, "conditioning=concat", "optimizer.lr=1e-5", "rounds=6"]
        return composed(*parts, f"directory={tmp_path / name}", f"start_from={moved}")

    play(config("whole"))
    assert "weights of round 5 from" in capsys.readouterr().out
    broken = config("broken")
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 3)
        with pytest.raises(Killed):
            play(broken)
    moved.unlink()
    play(resumed(broken))
    assert_same_runs(tmp_path / "whole", tmp_path / "broken")
    assert read_facts(tmp_path / "whole")["start_from"]["round"] == 5


def test_mistakes_with_start_from(composed: Composed, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"start_from=.*nowhere: no such run directory or file"):
        check_start(composed(f"start_from={tmp_path}/nowhere"))
    with pytest.raises(UserError, match="start_strict=true: needs start_from"):
        check_start(composed("start_strict=true"))
    remember(composed(), tmp_path, [])
    with pytest.raises(UserError, match="begins a new run, and resume goes on with one"):
        expand([f"resume={tmp_path}", "start_from=other"])


# --- advice that is accepted when followed ------------------------------------------------------------------------


def test_what_changes_no_past_round_may_change_and_the_rest_names_the_way(composed: Composed, tmp_path: Path) -> None:
    folder = ["data=images", "data.root=/photos"]
    remember(composed(*folder), tmp_path, [])
    check_same(composed(*folder, "data.skip_corrupt=true", "data.workers=0", "logger=tensorboard"), tmp_path)
    with pytest.raises(UserError, match=r"optimizer.g.lr.*begin a new run$"):
        check_same(composed(*folder, "optimizer.g.lr=1e-5"), tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(UserError, match=rf"optimizer.g.lr.*start_from={tmp_path}$"):
        check_same(composed(*folder, "optimizer.g.lr=1e-5"), tmp_path)


def test_a_batch_may_be_cut_otherwise_where_that_is_exact(composed: Composed, tmp_path: Path) -> None:
    config = composed(*PARTS, "rounds=2")
    play(config)
    assert play(resumed(config, rounds=3, gan={"accumulate": 2})) == 0
    (tmp_path / "coupled").mkdir()
    coupled = composed("model=dcgan", "rounds=2", f"directory={tmp_path / 'coupled'}")
    play(coupled)
    with pytest.raises(UserError, match=r"gan.accumulate=2: the run has 1, and .*BatchNorm.*start_from="):
        play(resumed(coupled, rounds=3, gan={"accumulate": 2}))


def test_the_advice_at_a_divergence_is_accepted(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = GAN.training_step

    def step(self: GAN, *args: Any) -> None:
        if self.round == 5:
            next(self.g.network.parameters()).data.fill_(torch.nan)
        whole(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(GAN, "training_step", step)
        with pytest.raises(UserError, match=rf"optimizer\..\.lr, set gan.clip_norm.*start_from={tmp_path}$"):
            play(composed(*PARTS, "callbacks.checkpoint.every=2", "callbacks.terminate_on_nan.every=1", "rounds=9"))
    (tmp_path / "new").mkdir()
    again = [*PARTS, "optimizer.lr=1e-5", "gan.clip_norm=1", "term@d_terms=[r1]", "rounds=2"]
    assert play(composed(*again, f"start_from={tmp_path}", f"directory={tmp_path / 'new'}")) == 0
    assert read_facts(tmp_path / "new")["start_from"]["round"] == 4
