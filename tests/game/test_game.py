"""Laws of the game: who is moved, and by what."""

import csv
import json
import math
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from helpers.configuration import options, terms_of
from helpers.players import play_with, same, snapshot
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.game.step import StepContext

MOVES = [
    *((model, "hinge") for model in options("model")),
    *((model, loss) for model, loss in zip(cycle(["dcgan", "mlp"]), options("loss"))),
]


@pytest.mark.parametrize(("model", "loss"), sorted({*MOVES}))
def test_a_move_of_one_player_leaves_the_other_bit_identical(
    composed: Callable[..., DictConfig], model: str, loss: str
) -> None:
    def act(gan: GAN) -> None:
        for moving, still in ((gan.d, gan.g), (gan.g, gan.d)):
            before, before_moving = snapshot(still), snapshot(moving)
            gan.move(moving, gan.gradient(moving, *gan.objective(moving, gan.context(moving))))
            assert same(before, snapshot(still))  # running statistics and all
            assert not same(before_moving, snapshot(moving))
            assert all(weight.grad is None for weight in still.weights)
            moving.network.zero_grad()

    play_with(act, composed(f"model={model}", f"loss={loss}"))


@pytest.mark.parametrize("k", [1, 3])
def test_k_discriminator_steps_see_k_fresh_batches_and_noises(composed: Callable[..., DictConfig], k: int) -> None:
    config = composed("model=mlp", f"update.d_steps={k}", "update.g_steps=2")
    real, noise = [], []
    gan, data = build(config)
    update, context = gan.update, gan.context

    def spy(*movers: Player) -> StepContext:
        made = context(*movers)
        noise.append(made.z)
        if gan.d in movers:
            real.append(made.real)
        return made

    gan.context = spy  # type: ignore[method-assign]
    gan.update = update
    pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=2, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    ).fit(gan, data)  # fmt: skip
    assert (gan.d.step, gan.g.step) == (2 * k, 4)
    assert len(real) == 2 * k == data.drawn  # G's steps draw no data that they do not use
    for batches in (real, noise):
        assert all(not torch.equal(a, b) for i, a in enumerate(batches) for b in batches[:i])


def test_simultaneous_takes_both_gradients_at_the_same_point(composed: Callable[..., DictConfig]) -> None:
    """Equal to two separate gradients at the start of the round, by another route: two backward passes of our own."""
    config = composed("model=mlp", "update=simultaneous", "optimizer=sgd", "loss=minimax", "ema=none")
    gan, data = build(config)
    start = {p.name: [w.detach().clone() for w in p.weights] for p in (gan.d, gan.g)}
    seen: list[StepContext] = []
    context = gan.context

    def spy(*movers: Player) -> StepContext:
        seen.append(context(*movers))
        return seen[-1]

    gan.context = spy  # type: ignore[method-assign]
    pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    ).fit(gan, data)  # fmt: skip
    end = {p.name: [w.detach().clone() for w in p.weights] for p in (gan.d, gan.g)}
    for player in (gan.d, gan.g):
        for weight, value in zip(player.weights, start[player.name], strict=True):
            weight.data.copy_(value)
    (shared,) = seen
    r, f = gan.d.network(shared.real).logits, gan.d.network(gan.g.network(shared.z)).logits
    value = torch.nn.functional.logsigmoid(r).mean() + torch.nn.functional.logsigmoid(-f).mean()
    for player, sign in ((gan.d, 1), (gan.g, -1)):  # D ascends V, G descends it
        gradient = torch.autograd.grad(value, player.weights, retain_graph=True)
        for before, after, slope in zip(start[player.name], end[player.name], gradient, strict=True):
            torch.testing.assert_close(after, before + sign * 0.1 * slope, atol=1e-6, rtol=1e-5)


def test_joint_batch_shares_batch_statistics(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.d)
        both = gan.d.network(torch.cat([context.real, context.fake])).logits
        torch.testing.assert_close(torch.cat([context.real_output.logits, context.fake_output.logits]), both)
        alone = gan.d.network(context.real).logits
        assert not torch.allclose(context.real_output.logits, alone)

    play_with(act, composed("model=dcgan", "gan.joint_batch=true", "data.image_size=16", "data.batch_size=16"))


def test_the_average_follows_the_generator_by_its_formula(composed: Callable[..., DictConfig]) -> None:
    config = composed("model=mlp", "ema.decay=0.5", "optimizer.lr=0.01")
    gan, _ = build(config)
    assert gan.average is not None
    path: list[list[Tensor]] = []

    def act(game: GAN) -> None:
        game.move(game.g, game.gradient(game.g, *game.objective(game.g, game.context(game.g))))
        path.append([w.detach().clone() for w in game.g.weights])

    trained = play_with(act, config, rounds=12)
    shares = [0.5 ** (len(path) - t) for t in range(1, len(path) + 1)]
    expected = [
        sum(share * w for share, w in zip(shares, each, strict=True)) / sum(shares) for each in zip(*path, strict=True)
    ]
    assert trained.average is not None
    for one, other in zip(trained.average.parameters(), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_clip_norm_bounds_the_gradient_of_either_player(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        for player in (gan.d, gan.g):
            gan.move(player, [torch.ones_like(w) for w in player.weights])
            norm = torch.stack([w.grad.norm() for w in player.weights if w.grad is not None]).norm()
            assert norm.item() == pytest.approx(0.25, rel=1e-4)

    play_with(act, composed("model=mlp", "gan.clip_norm=0.25"))


def test_two_time_scales(composed: Callable[..., DictConfig]) -> None:
    gan, _ = build(composed("optimizer.lr=0.5", "optimizer.d.lr=0.25", "optimizer.g.betas=[0.0,0.5]"))
    (d, g), _ = gan.configure_optimizers()
    assert [d.param_groups[0]["lr"], g.param_groups[0]["lr"]] == [0.25, 0.5]
    assert [tuple(o.param_groups[0]["betas"]) for o in (d, g)] == [(0.5, 0.999), (0.0, 0.5)]


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_schedules_count_rounds(played: Callable[..., Path], schedule: str) -> None:
    directory = played("model=mlp", f"schedule={schedule}", "optimizer.lr=0.25", "rounds=8", "update.d_steps=2")
    with (directory / "metrics.csv").open() as file:
        rates = [float(row["d/lr"]) for row in csv.DictReader(file)]
    linear = [0.25 * (1 - t / 8) for t in range(8)]
    cosine = [0.125 * (1 + math.cos(math.pi * t / 8)) for t in range(8)]
    assert rates == pytest.approx(linear if schedule == "linear" else cosine, abs=1e-9)


def test_same_seed_same_run_other_seed_other_run(composed: Callable[..., DictConfig]) -> None:
    def losses(seed: int) -> list[Any]:
        found: list[Any] = []
        gan, data = build(composed("model=mlp", f"seed={seed}"))

        class Listen(pl.Callback):
            def on_train_batch_end(self, *_: Any) -> None:
                found.append((gan.record["d/loss"].item(), gan.record["g/loss"].item()))

        pl.Trainer(
            accelerator="cpu", max_epochs=1, limit_train_batches=4, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, callbacks=[Listen()],
        ).fit(gan, data)  # fmt: skip
        return found

    assert losses(1) == losses(1) != losses(2)


@pytest.mark.parametrize(
    ("loss", "part"),
    [*((loss, "term@d_terms=[]") for loss in options("loss")), *(("hinge", part) for part in terms_of("d"))],
)
def test_under_bf16_autocast_the_game_itself_is_played_in_single_precision(
    composed: Callable[..., DictConfig], loss: str, part: str
) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.d, gan.g)
        assert torch.is_autocast_enabled("cpu")
        for player in (gan.d, gan.g):
            objective, _ = gan.objective(player, context)
            assert objective.dtype is torch.float32
            assert context.fake.dtype is torch.float32
            gradient = gan.gradient(player, objective, retain_graph=True)
            assert all(slope.dtype is torch.float32 and slope.isfinite().all() for slope in gradient)

    play_with(act, composed("model=mlp", f"loss={loss}", part), precision="bf16-mixed")


def test_penalties_leave_running_statistics_alone(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.d)
        gan.objective(gan.d, context)
        batches = {n: b.item() for n, b in gan.d.network.state_dict().items() if n.endswith("num_batches_tracked")}
        assert set(batches.values()) == {2}  # one of real samples, one of fake ones

    play_with(act, composed("model=dcgan", "term@d_terms=[r1,r2,gradient_penalty]", "data.image_size=16"))


@pytest.mark.slow
@pytest.mark.parametrize("model", options("model"))
def test_the_slope_at_the_game_s_own_samples_is_that_of_judging_them_again(
    composed: Callable[..., DictConfig], model: str
) -> None:
    def act(gan: GAN) -> None:
        if model.startswith(("mlp_", "sn_", "sagan", "biggan", "unet_d", "fastgan", "projected")):
            gan.d.network.eval()  # dropout, noise and the singular vectors of spectral normalisation would differ
        context = gan.context(gan.d)
        for samples in (context.real, context.fake):
            shared, again = context.input_gradient(samples), context.input_gradient(samples.clone())
            torch.testing.assert_close(shared, again)
            one, two = (
                torch.autograd.grad(s.square().sum(), gan.d.weights, allow_unused=True) for s in (shared, again)
            )
            torch.testing.assert_close(one, two)

    play_with(act, composed(f"model={model}", "term@d_terms=[r1,r2]"))


@pytest.mark.parametrize(
    "override",
    ["logger=[]", "~logger", "callbacks.metrics=null", "~callbacks.samples", "~callbacks", "ema=none"],
)
def test_whatever_watches_can_be_left_out(played: Callable[..., Path], override: str) -> None:
    small = ["data.batch_size=8", "model=mlp", "model.hidden=[16]", "rounds=2"]
    directory = played(*small, override, small=False)
    assert json.loads((directory / "summary.json").read_text())["rounds"] == 2


def test_a_term_set_to_null_is_left_out(played: Callable[..., Path]) -> None:
    directory = played("model=mlp", "term@d_terms=[r1,r2]", "d_terms.r1=null", "rounds=1")
    assert "d/r1" not in (directory / "metrics.csv").read_text().splitlines()[0].split(",")
