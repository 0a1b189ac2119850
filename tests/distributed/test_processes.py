"""N processes that share a batch play the game of one."""

import csv
import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.commands import SMALL_GAME, finish, rounds_logged, start, until
from helpers.processes import together
from helpers.runs import assert_same_runs
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.data.module import Stream
from gan_lab.experiment.build import build
from gan_lab.experiment.run import play
from gan_lab.io.checkpoint import PlainCheckpointIO
from gan_lab.types import Batch

pytestmark = pytest.mark.slow

TIMINGS = ("seconds", "rounds_per_second")


def rows(directory: Path) -> list[dict[str, float]]:
    with (directory / "metrics.csv").open() as file:
        read = list(csv.DictReader(file))
    return [{k: float(v) if v else math.nan for k, v in row.items() if k not in TIMINGS} for row in read]


def weights(directory: Path) -> dict[str, Tensor]:
    state = PlainCheckpointIO().load_checkpoint(directory / "checkpoints/last.ckpt")["state_dict"]
    return {name: value for name, value in state.items() if value.is_floating_point()}


def furthest(a: Path, b: Path) -> float:
    one, other = weights(a), weights(b)
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


DUALITY = ["callbacks=[default,duality_gap]", "callbacks.duality_gap.every=10", "callbacks.duality_gap.steps=3"]
RING = ["data=ring", "model=mlp", "loss=non_saturating", "data.batch_size=32"]
DIGITS = ["data=digits", "model=dcgan", "trainer.sync_batchnorm=true", "data.batch_size=32"]
CASES = [
    *([*RING, f"update={update}"] for update in ("simultaneous", "alternating", "extragradient", "optimistic")),
    [*RING, "update=consensus"],
    [*RING, "update=extragradient", "wrapper@d_wrappers=[freeze]"],
    [*RING, "ema=half_life", "ema.rampup=0.9", "+ema@averages.late=delayed", "averages.late.start=4"],
    [*RING, "update=unrolled", "update.steps=3"],
    [*RING, "update=balanced", "update.low=0.75", "update.high=0.8"],
    [*RING, "update=lookahead", "gan.clip_norm=0.01", *DUALITY],
    [*RING, "term@d_terms=[r1,r2,gradient_penalty,approximate_r1]", "loss=relativistic", "d_terms.r1.every=3"],
    [*RING, "term@g_terms=[feature_matching]", "update=extragradient"],
    [*DIGITS, "update=alternating", "term@d_terms=[r1,gradient_penalty]"],
    [*DIGITS, "update=extragradient", "conditioning=batch_norm", "gan.joint_batch=true"],
    [*DIGITS, "data.labels=20", "latent=codes", "latent.dim=16"],
    [
        *DIGITS,
        "optimizer.lr=1e-9",
        "callbacks.audit.every=6",
        "callbacks.audit.n=40",
    ],  # at rest: trees amplify rounding
]


def test_two_processes_play_the_game_of_one(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    """Differences grow by rounding alone: Adam's normalised steps are the reason why they are not smaller still."""

    def config(case: int, name: str, *more: str) -> DictConfig:
        directory = tmp_path / f"{case}{name}"
        directory.mkdir(exist_ok=True)
        every = ["callbacks.checkpoint.every=10", "callbacks.equilibrium.every=3", "rounds=12"]
        return composed(*more, *CASES[case], *every, f"directory={directory}")

    together(lambda rank: [play(config(case, "two", "trainer=ddp_cpu")) for case in range(len(CASES))])
    for case in range(len(CASES)):
        play(config(case, "one", "trainer=cpu"))
        one, two = tmp_path / f"{case}one", tmp_path / f"{case}two"
        assert furthest(one, two) < 1e-4, CASES[case]
        for row, other in zip(rows(one), rows(two), strict=True):
            assert row.keys() == other.keys()
            assert [row[k] for k in row] == pytest.approx([other[k] for k in row], rel=1e-3, abs=1e-3, nan_ok=True)


def test_the_parts_of_an_accumulated_batch_are_those_that_processes_have(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    """Batch statistics of the parts and all; but running ones, which a process has of its own parts alone."""

    def config(name: str, *more: str) -> DictConfig:
        (tmp_path / name).mkdir(exist_ok=True)
        parts = ["model=dcgan", "data.batch_size=32", "term@d_terms=[gradient_penalty]", "rounds=4"]
        return composed(*parts, *more, f"directory={tmp_path / name}")

    together(lambda rank: play(config("both", "trainer=ddp_cpu", "gan.accumulate=2")))
    play(config("accumulated", "trainer=cpu", "gan.accumulate=4"))
    one, other = weights(tmp_path / "accumulated"), weights(tmp_path / "both")
    names = [name for name in one if "running" not in name]
    assert max(float((one[name] - other[name]).abs().max()) for name in names) < 1e-4
    for row, same in zip(rows(tmp_path / "accumulated"), rows(tmp_path / "both"), strict=True):
        assert [row[k] for k in ("d/loss", "g/loss")] == pytest.approx(
            [same[k] for k in ("d/loss", "g/loss")], rel=1e-3
        )


def test_resumed_by_as_many_processes_it_is_the_same_run_and_by_another_number_goes_on(
    composed: Callable[..., DictConfig], tmp_path: Path
) -> None:
    def config(name: str, rounds: int, trainer: str = "ddp_cpu", resume: str = "null") -> DictConfig:
        (tmp_path / name).mkdir(exist_ok=True)
        every = ["callbacks.checkpoint.every=10", "callbacks.samples.every=4", f"directory={tmp_path / name}"]
        parts = ["data=digits", "model=dcgan", "update=optimistic", "term@d_terms=[r1]", "d_terms.r1.every=2"]
        return composed(*parts, *every, f"rounds={rounds}", f"trainer={trainer}", f"resume={resume}")

    def begin(rank: int) -> None:
        play(config("whole", 8))
        play(config("same", 5))
        play(config("fewer", 5))

    together(begin)
    together(lambda rank: play(config("same", 8, resume="here")))
    assert_same_runs(tmp_path / "whole", tmp_path / "same")
    play(config("fewer", 8, "cpu", "here"))
    assert [row["images"] for row in rows(tmp_path / "fewer")] == [8.0 * n for n in range(1, 9)]
    assert json.loads((tmp_path / "fewer/summary.json").read_text())["images"] == 64


def test_two_processes_evaluate_as_one_does(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    """All but the rounding of the one round that was played, which no sample is near enough to an edge to show."""
    metrics = "[frechet,kernel,mmd,sliced_wasserstein,precision_recall,density_coverage,nearest_neighbour_test]"
    what = [
        "callbacks.evaluation.every=1",
        "callbacks.evaluation.n=200",
        f"metric@callbacks.evaluation.metrics={metrics}",
    ]
    where = ["features@callbacks.evaluation.features=pixels", *DIGITS, "rounds=1"]

    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir(exist_ok=True)
        return composed(
            "callbacks=[default,evaluation]", *what, *where, f"trainer={name}", f"directory={tmp_path / name}"
        )

    together(lambda rank: play(config("ddp_cpu")))
    play(config("cpu"))
    (one,), (two,) = rows(tmp_path / "cpu"), rows(tmp_path / "ddp_cpu")
    figures = [name for name in one if name.startswith("evaluation/")]
    assert len(figures) > 7
    assert [two[name] for name in figures] == pytest.approx([one[name] for name in figures], rel=1e-5, abs=1e-9)


def test_every_epoch_shows_each_sample_once(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    """Two epochs of 24 pictures in batches of 8, as two processes draw them."""
    config = composed("model=mlp", "data.subset=24", "rounds=6", "trainer=ddp_cpu", "callbacks.equilibrium=null")

    def record(rank: int) -> None:
        drawn: list[Tensor] = []
        draw = Stream.draw

        def spy(self: Stream) -> Batch:
            drawn.append(draw(self).x)
            return Batch(drawn[-1])

        Stream.draw = spy  # type: ignore[method-assign]
        play(config)
        torch.save(drawn, tmp_path / f"drawn{rank}")

    def in_order(x: Tensor) -> list[list[float]]:
        return sorted(x.flatten(1).tolist())

    together(record)
    parts = [torch.load(tmp_path / f"drawn{rank}") for rank in range(2)]
    assert all(len(x) == 4 for part in parts for x in part)
    _, data = build(config)
    for epoch in (slice(0, 3), slice(3, 6)):
        shown = torch.cat([x for part in parts for x in part[epoch]])
        assert in_order(shown) == in_order(data.take(24).x)


def test_the_command_line_ends_in_order_whichever_way_it_is_told(tmp_path: Path) -> None:
    settings = ["trainer=ddp_cpu", "callbacks.metrics.every=10", "callbacks.samples.every=20"]
    process = start(*SMALL_GAME, *settings, "rounds=1000000", "hydra.run.dir=run", where=tmp_path)
    run = tmp_path / "run"
    for number in (signal.SIGTERM, signal.SIGINT):
        logged = rounds_logged(run)
        until(lambda seen=logged: rounds_logged(run) > seen + 3, process, 200)
        told = [process.pid]  # SIGTERM: the first process alone; Ctrl-C: all, as a terminal does
        if number == signal.SIGINT:
            told += map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        for pid in told:
            os.kill(pid, number)
        out, errors = process.communicate(timeout=200)
        assert process.returncode == 128 + number, errors
        assert out.count("stopped after round") == 1
        summary = json.loads((run / "summary.json").read_text())
        played = PlainCheckpointIO().load_checkpoint(run / "checkpoints/last.ckpt")["game"]["round"]
        assert (summary["rounds"], summary["finished"]) == (played, False)
        rounds = [row["round"] for row in rows(run)]
        assert rounds == sorted(set(rounds))
        if number == signal.SIGTERM:
            process = start("resume=run", where=tmp_path)
    assert f"round_{played:06d}.png" in {path.name for path in (run / "samples").iterdir()}
    finish(start("resume=run", "trainer=cpu", f"rounds={played + 5}", where=tmp_path))
    assert json.loads((run / "summary.json").read_text())["rounds"] == played + 5
