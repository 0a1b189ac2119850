"""Half precision: each player's loss is scaled for itself, and steps along gradients that overflowed are skipped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from helpers.configuration import options
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.game.loss_scale import LossScale
from gan_lab.io.checkpoint import PlainCheckpointIO

Composed = Callable[..., DictConfig]


def play(config: DictConfig, rounds: int, prepare: Callable[[GAN], Any] = lambda gan: None) -> tuple[GAN, pl.Trainer]:
    gan, data = build(config)
    prepare(gan)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=rounds, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, plugins=[PlainCheckpointIO()],
    )  # fmt: skip
    trainer.fit(gan, data)
    return gan, trainer


def weights(gan: GAN) -> list[Tensor]:
    return [*gan.d.weights, *gan.g.weights]


def scaled(gan: GAN) -> None:
    gan.d.scale, gan.g.scale = LossScale(2.0**10), LossScale(2.0**4)


@pytest.mark.parametrize("update", options("update"))
def test_a_scale_changes_nothing_but_the_range(composed: Composed, update: str) -> None:
    config = composed("model=mlp", f"update={update}", "term@d_terms=[r1]", "gan.clip_norm=0.1")
    for one, other in zip(weights(play(config, 3)[0]), weights(play(config, 3, scaled)[0]), strict=True):
        assert torch.equal(one, other)  # a power of two only moves the exponent


def test_it_saves_a_gradient_that_half_precision_would_lose() -> None:
    weight = torch.ones((), requires_grad=True)

    def objective() -> Tensor:
        return (weight.half() * torch.tensor(1e-4).half()).float() * 1e-5

    (lost,) = torch.autograd.grad(objective(), [weight])
    (found,) = LossScale().gradient(objective(), [weight])
    assert lost == 0
    assert found.item() == pytest.approx(1e-9, rel=0.01)


@pytest.mark.parametrize("update", ["simultaneous", "alternating", "optimistic"])
def test_a_step_along_an_overflow_is_skipped_and_halves_that_player_s_scale_alone(
    composed: Composed, update: str
) -> None:
    def prepare(gan: GAN) -> None:
        scaled(gan)
        objective = gan.objective

        def overflowing(player: Any, context: Any) -> Any:
            value, seen = objective(player, context)
            return value * torch.inf if player is gan.d and gan.round in (1, 2) else value, seen

        gan.objective = overflowing  # type: ignore[method-assign]

    config = composed("model=mlp", f"update={update}", "term@d_terms=[lecam]")
    gan, _ = play(config, 4, prepare)
    assert (gan.d.step, gan.g.step) == (2, 4)
    assert gan.d.scale is not None and gan.g.scale is not None
    assert (gan.d.scale.value, gan.g.scale.value) == (2.0**8, 2.0**4)
    assert all(weight.isfinite().all() for weight in weights(gan))
    before, _ = play(config, 1, prepare)
    after, _ = play(config, 3, prepare)
    for own in ("weights", "state"):
        assert all(torch.equal(a, b) for a, b in zip(getattr(before.d, own), getattr(after.d, own), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(before.g.weights, after.g.weights, strict=True))


def test_after_an_interval_without_overflow_it_doubles() -> None:
    scale, good, bad = LossScale(8.0, interval=3), [torch.ones(2)], [torch.ones(2), torch.tensor([1.0, torch.nan])]
    course = [(scale.allows(gradient), scale.value) for gradient in (good, good, bad, good, good, good, good)]
    assert course == [(True, 8), (True, 8), (False, 4), (True, 4), (True, 4), (True, 8), (True, 8)]


def test_its_state_is_in_the_checkpoint(composed: Composed, tmp_path: Path) -> None:
    config = composed("model=mlp", "trainer.precision=16-mixed")
    _, trainer = play(config, 3, scaled)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    fresh, _ = build(config)
    assert fresh.d.scale is not None and fresh.g.scale is not None
    fresh.on_load_checkpoint(PlainCheckpointIO().load_checkpoint(tmp_path / "a.ckpt"))
    assert fresh.d.scale.state_dict() == {"value": 2.0**10, "steps": 3}
    assert fresh.g.scale.state_dict() == {"value": 2.0**4, "steps": 3}
