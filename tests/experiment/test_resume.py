"""A run that was stopped anywhere and resumed equals the uninterrupted one, bit for bit."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.configuration import acts_on, options, schedules, terms
from helpers.runs import Killed, assert_same, assert_same_runs, kill_after, resumed, rows
from omegaconf import DictConfig

from gan_lab.config.resume import check_same, remember
from gan_lab.errors import UserError
from gan_lab.experiment.run import play
from gan_lab.io.checkpoint import PlainCheckpointIO

pytestmark = pytest.mark.slow

ROUNDS = 9


CASES = [
    *(["model=mlp", f"update={update}", "data=digits"] for update in options("update")),
    *(["model=mlp", f"term@d_terms=[{term}]", "loss=wasserstein"] for term in terms() if "d" in acts_on(term)),
    *(["model=mlp", f"optimizer={optimizer}"] for optimizer in options("optimizer")),
    *(["model=mlp", *schedule] for schedule in schedules()),
    ["model=dcgan", "update.d_steps=2", "term@d_terms=[r1,r2]", "d_terms.r1.every=4", "loss=relativistic"],
    ["model=mlp", "data=ring", "latent=uniform", "ema=none"],
    ["model=mlp", "callbacks.metrics=null", "callbacks.equilibrium.every=1"],
]


@pytest.mark.parametrize("overrides", CASES, ids=lambda o: " ".join(o))
def test_save_kill_resume_equals_uninterrupted(
    composed: Callable[..., DictConfig], tmp_path: Path, overrides: list[str]
) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        every = ["callbacks.checkpoint.every=3", "callbacks.samples.every=3"]
        return composed(*overrides, f"rounds={ROUNDS}", f"directory={tmp_path / name}", *every)

    assert play(config("whole")) == 0
    broken = config("broken")
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 5)
        with pytest.raises(Killed):
            play(broken)
    assert [row["round"] for row in rows(tmp_path / "broken")][:4] == ["1", "2", "3", "4"]  # after the checkpoint at 3
    assert play(resumed(broken)) == 0
    assert_same_runs(tmp_path / "whole", tmp_path / "broken")


def test_stopped_before_the_first_checkpoint_it_starts_again(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    whole, broken = (composed("model=mlp", "rounds=4", f"directory={tmp_path / name}") for name in ("a", ""))
    play(whole)
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 2)
        with pytest.raises(Killed):
            play(broken)
    play(resumed(broken))
    assert_same_runs(tmp_path / "a", tmp_path)


@pytest.mark.parametrize("noted", [False, True])
def test_rounds_extend_a_finished_run(composed: Callable[..., DictConfig], tmp_path: Path, noted: bool) -> None:
    """Also where another process of this run, or an earlier one that was killed as it began, has noted it already."""
    (tmp_path / "long").mkdir()
    long, short = (composed("model=mlp", "rounds=6", f"directory={tmp_path / name}") for name in ("long", ""))
    play(long)
    short.rounds = 4
    play(short)
    longer = resumed(short, rounds=6)
    if noted:
        remember(longer, tmp_path, [])
    play(longer)
    assert_same_runs(tmp_path / "long", tmp_path)


def test_a_run_that_is_finished_says_so(
    composed: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = composed("model=mlp", "rounds=2")
    play(config)
    before = (tmp_path / "checkpoints/last.ckpt").read_bytes()
    assert play(resumed(config)) == 0
    line = capsys.readouterr().out
    assert "nothing to do: all 2 rounds are played; to extend the run: " in line
    assert shlex.split(line)[-2:] == [f"resume={config.directory}", "rounds=4"]
    with pytest.raises(UserError, match=r"rounds=1: the run in .* has played 2 already"):
        play(resumed(config, rounds=1))
    assert play(resumed(config)) == 0  # the refusal has left no trace
    assert (tmp_path / "checkpoints/last.ckpt").read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "empty"])
def test_a_damaged_checkpoint_is_named(composed: Callable[..., DictConfig], tmp_path: Path, damage: str) -> None:
    config = composed("model=mlp", "rounds=2")
    play(config)
    path = tmp_path / "checkpoints/last.ckpt"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    path.write_bytes({"truncated": whole[:-7], "flipped": bytes(flipped), "foreign": b"hello", "empty": b""}[damage])
    with pytest.raises(UserError, match=r"last\.ckpt: (not a whole checkpoint|damaged)"):
        play(resumed(config, rounds=4))


def test_monitored_best_checkpoint(played: Callable[..., Path]) -> None:
    directory = played(
        "model=mlp", "rounds=6", "callbacks.checkpoint.monitor=g/loss", "callbacks.checkpoint.mode=max"
    )  # fmt: skip
    losses = [float(row["g/loss"]) for row in rows(directory)]
    best = PlainCheckpointIO().load_checkpoint(directory / "checkpoints/best.ckpt")
    assert best["game"]["round"] == 1 + losses.index(max(losses))


@pytest.mark.parametrize("lost", ["summary.json", "generator.safetensors"])
def test_killed_after_the_last_round_the_missing_files_are_written(
    composed: Callable[..., DictConfig], tmp_path: Path, lost: str
) -> None:
    config = composed("model=mlp", "rounds=3")
    play(config)
    generator, logged = (tmp_path / "generator.safetensors").read_bytes(), rows(tmp_path)
    (tmp_path / lost).unlink()
    (tmp_path / "summary.json").unlink(missing_ok=True)  # it is written last
    assert play(resumed(config)) == 0
    assert (tmp_path / "generator.safetensors").read_bytes() == generator
    assert rows(tmp_path) == logged
    assert json.loads((tmp_path / "summary.json").read_text())["rounds"] == 3


def test_a_fresh_run_does_not_begin_in_another_s_directory(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    play(composed("model=mlp", "rounds=2"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="holds a run already; go on with it"):
        play(composed("model=mlp", "rounds=2", "loss=hinge"))
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_the_data_may_have_moved(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    remember(composed("data=stacked_mnist", "data.root=/before"), tmp_path, [])
    check_same(composed("data=stacked_mnist", "data.root=/now"), tmp_path)
    with pytest.raises(UserError, match=r"data\.split is 'train' there and 'test' here"):
        check_same(composed("data=stacked_mnist", "data.root=/now", "data.split=test"), tmp_path)


def test_another_monitor_on_resume_starts_anew(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    config = composed("model=mlp", "rounds=4", "callbacks.checkpoint.monitor=g/loss", "callbacks.checkpoint.mode=min")
    play(config)
    config.callbacks.checkpoint.update({"monitor": "d/loss", "mode": "max"})
    play(resumed(config, rounds=7))
    losses = {int(row["round"]): float(row["d/loss"]) for row in rows(tmp_path) if int(row["round"]) > 4}
    best = PlainCheckpointIO().load_checkpoint(tmp_path / "checkpoints/best.ckpt")
    assert best["game"]["round"] == max(losses, key=lambda n: losses[n])


def test_diverging_runs_stop_and_keep_the_last_good_checkpoint(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    config = composed("model=mlp", "rounds=400", "optimizer=sgd", "optimizer.d.lr=1e9", "callbacks.checkpoint.every=1")
    with pytest.raises(UserError, match=r"(discriminator|generator).* (round|at round) \d+.*checkpoint"):
        play(config)
    state = PlainCheckpointIO().load_checkpoint(tmp_path / "checkpoints/last.ckpt")["state_dict"]
    assert all(value.isfinite().all() for value in state.values())


def test_checkpoints_hold_plain_data_only(tmp_path: Path) -> None:
    tree = {"a": [1, (2.5, None)], 3: {"t": torch.arange(4), "f": torch.ones(2, 2, dtype=torch.bfloat16)}, "s": "x"}
    PlainCheckpointIO().save_checkpoint(tree, tmp_path / "c.ckpt")
    assert_same(PlainCheckpointIO().load_checkpoint(tmp_path / "c.ckpt"), tree)
    with pytest.raises(TypeError, match="plain data"):
        PlainCheckpointIO().save_checkpoint({"a": object()}, tmp_path / "d.ckpt")
    assert [p.name for p in tmp_path.iterdir()] == ["c.ckpt"]
