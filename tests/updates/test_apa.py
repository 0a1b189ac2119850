"""Laws of adaptive pseudo augmentation."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.players import play_with, same, snapshot
from helpers.runs import assert_resumes
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.game.gan import GAN
from gan_lab.io.checkpoint import PlainCheckpointIO
from gan_lab.updates import APA

N = 4000


def seen_as_real(p: float) -> Tensor:
    """x is 0, and generated samples are 1."""
    drawn: Any = SimpleNamespace(uniform=torch.rand(N), z=torch.ones(N, 2))
    context: Any = SimpleNamespace(real=torch.zeros(N, 2), generate=lambda z: z, replacing=lambda real: real)
    game: Any = SimpleNamespace(d=None, context=lambda player: drawn)
    deceived: Any = APA(p=p).deceived(game, context)
    return torch.zeros(N, 2) if deceived is context else deceived


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_that_share_of_the_real_samples_is_replaced_whole(p: float) -> None:
    torch.manual_seed(0)
    pseudo = seen_as_real(p)
    assert torch.equal(pseudo[:, 0], pseudo[:, 1])
    assert pseudo[:, 0].mean().item() == pytest.approx(p, abs=4 * (p * (1 - p) / N) ** 0.5)


@pytest.mark.parametrize("conditioning", ["none", "batch_norm"])
def test_d_takes_generated_samples_for_real_ones_and_g_is_left_alone(
    composed: Callable[..., DictConfig], conditioning: str
) -> None:
    def act(gan: GAN) -> None:
        context, before = gan.context(gan.d), snapshot(gan.g)
        deceived = APA(p=1.0).deceived(gan, context)
        assert not torch.equal(deceived.real, context.real) and not torch.equal(deceived.real, deceived.fake)
        assert deceived.y is context.y and not deceived.real.requires_grad
        gan.move(gan.d, *gan.gradients(deceived, gan.d))
        assert same(before, snapshot(gan.g))

    play_with(act, composed("model=dcgan", "data=digits", f"conditioning={conditioning}"))


@pytest.mark.parametrize(
    "more",
    [
        ["conditioning=projection", "term@d_terms=[r1,gradient_penalty]"],
        ["gan.accumulate=2", "gan.joint_batch=true"],
        ["update.d_steps=2", "wrapper@d_wrappers=[ada_bg]"],
    ],
)
def test_save_kill_resume_equals_uninterrupted_while_p_moves(
    composed: Callable[..., DictConfig], tmp_path: Path, more: list[str]
) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        return composed(
            "update=apa", "update.p=0.5", "model=mlp", "data=digits", *more,
            "callbacks.adaptive_augment.interval=4", "callbacks.adaptive_augment.kimg=0.1", "rounds=6",
            f"directory={tmp_path / name}", "callbacks.checkpoint.every=2",
        )  # fmt: skip

    assert_resumes(config, tmp_path)
    state = PlainCheckpointIO().load_checkpoint(tmp_path / "whole/checkpoints/last.ckpt")["game"]["update"]
    assert state["p"].item() != 0.5
