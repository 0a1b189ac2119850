"""Runs that are killed, resumed and compared to the bit."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from gan_lab.experiment.run import play
from gan_lab.game.gan import GAN
from gan_lab.io.checkpoint import PlainCheckpointIO

TIMINGS = ("seconds", "rounds_per_second")


class Killed(BaseException):
    """It is not caught, as a kill -9 is not."""


def rows(directory: Path) -> list[dict[str, str]]:
    with (directory / "metrics.csv").open() as file:
        return [{k: v for k, v in row.items() if k not in TIMINGS} for row in csv.DictReader(file)]


def assert_same(a: Any, b: Any, path: str = "") -> None:
    """Equality to the bit of nested checkpoints, but for the seconds that training took."""
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a.keys() - set(TIMINGS):
            assert_same(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), path
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            assert_same(one, other, f"{path}/{i}")
    elif isinstance(a, Tensor):
        assert torch.equal(a, b), path
    else:
        assert a == b, path


def assert_same_runs(a: Path, b: Path) -> None:
    load = PlainCheckpointIO().load_checkpoint
    assert_same(load(a / "checkpoints/last.ckpt"), load(b / "checkpoints/last.ckpt"))
    assert (a / "generator.safetensors").read_bytes() == (b / "generator.safetensors").read_bytes()
    assert rows(a) == rows(b)


def resumed(config: DictConfig, **changes: Any) -> DictConfig:
    return OmegaConf.merge(config, {"resume": config.directory, **changes})  # type: ignore[return-value]


def kill_after(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    whole = GAN.training_step

    def step(self: GAN, *args: Any) -> None:
        if self.round == rounds:
            raise Killed
        whole(self, *args)

    monkeypatch.setattr(GAN, "training_step", step)


def assert_resumes(config: Callable[[str], DictConfig], tmp_path: Path) -> None:
    """A run that is killed after three rounds and resumed ends as one that was not; `config` is given its directory."""
    play(config("whole"))
    broken = config("broken")
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 3)
        with pytest.raises(Killed):
            play(broken)
    play(resumed(broken))
    assert_same_runs(tmp_path / "whole", tmp_path / "broken")


def in_round(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], object]) -> None:
    """Do something between the moves of round `number`."""
    moved = GAN.move

    def move(self: GAN, *args: object, **kwargs: object) -> None:
        moved(self, *args, **kwargs)  # type: ignore[arg-type]
        if self.round == number - 1 and args[0] is self.d:
            act()

    monkeypatch.setattr(GAN, "move", move)
