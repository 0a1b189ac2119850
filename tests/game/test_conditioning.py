"""Laws of the conditional game: who is given y, what the conditional parts compute, and what users do with classes."""

import csv
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.configuration import options
from helpers.players import play_with, same, snapshot
from helpers.runs import assert_resumes
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor, nn

from gan_lab.callbacks.duality import DualityGap
from gan_lab.callbacks.far_samples import FAR, far_samples
from gan_lab.cli.sample import classes_shown, main
from gan_lab.errors import UserError
from gan_lab.experiment.build import build, network_of, plain
from gan_lab.experiment.run import play
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.game.step import StepContext
from gan_lab.io.generator import save_generator
from gan_lab.types import Batch, DiscriminatorOutput

CONDITIONINGS = [name for name in options("conditioning") if name not in ("none", "vector")]  # on classes
TOLD = ["biggan", "biggan_deep", "stylegan2", "stylegan3", "unet_d"]  # networks that read labels themselves
CLASSIFIERS = ["adc", "auxiliary", "contra", "multi_hinge", "reacgan", "tac"]  # whose D does not read y
OTHERS = ["dirac", "pix2pix", "projected", "srgan"]  # whose D judges points, reads images, or takes seconds a round
MODELS = [name for name in options("model") if name not in (*OTHERS, *TOLD)]  # which take no labels
UNFIT = {("concat", "mlp_2016"), *(("batch_norm", model) for model in ("mlp", "mlp_2014", "r3gan"))}  # refused
PAIRS = [*((c, m) for c in CONDITIONINGS for m in MODELS if (c, m) not in UNFIT), *(("none", m) for m in TOLD)]
SOME = [(c, m) for c, m in PAIRS if m == "dcgan" or c in ("projection", "none")]  # each conditioning, and each model
UPDATES = {c: options("update") if c == "projection" else ["alternating", "unrolled"] for c in CONDITIONINGS}
Z, EVERY_CLASS = torch.randn(10, 4, generator=torch.Generator().manual_seed(3)), torch.arange(10)


@pytest.mark.slow
@pytest.mark.parametrize(("conditioning", "model"), SOME)
def test_every_conditioning_and_every_model_plays_and_samples_by_class(
    played: Callable[..., Path], conditioning: str, model: str
) -> None:
    directory = played(f"model={model}", f"conditioning={conditioning}", "rounds=2", "callbacks.samples.every=2")
    picture = Image.open(directory / "samples" / "round_000002.png")
    width, height = picture.size
    assert width == 2 * (6 * 34 + 2) and height > 2 * (10 * 34 + 2)  # one class per row, and a caption
    for label, labels in (("3", [3] * 5), ("all", sorted([*range(10)] * 5)), ("", [0, 1, 2, 3, 4])):
        out = directory / "s.npz"
        assert main([str(directory), "n=5", f"out={out}", *([f"label={label}"] if label else [])]) == 0
        found = np.load(out)
        assert found["labels"].tolist() == labels
        assert found["samples"].shape == (len(labels), 1, 8, 8)
    assert main([str(directory), "n=4", "label=all", f"out={directory / 'grid.png'}"]) == 0
    assert Image.open(directory / "grid.png").size == (4 * 34 + 2, 10 * 34 + 2)


def test_a_picture_of_a_thousand_classes_is_bounded(
    composed: Callable[..., DictConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = composed("model=mlp", "model.hidden=[4]", "conditioning=concat", "data.num_classes=1000")
    network, file = network_of(config, "generator"), tmp_path / "generator.safetensors"
    recipe = {"generator": network, "latent": plain(config.latent), "num_classes": 1000, "classes": None}
    save_generator(file, recipe, {"raw": instantiate(network)})

    def sample(out: str, *more: str) -> str:
        assert main([str(file), f"out={tmp_path / out}", "label=all", "batch_size=256", *more]) == 0
        return capsys.readouterr().out

    assert "the first 100 of 1000 classes; label=CLASS" in sample("default.png")
    assert Image.open(tmp_path / "default.png").size == (64 * 34 + 2, 100 * 34 + 2)
    assert "first" not in sample("all.npz", "n=2")
    assert len(np.load(tmp_path / "all.npz")["samples"]) == 2000
    assert classes_shown(1000, 64, torch.zeros(1, 3, 256, 256)) == 8
    assert classes_shown(1000, 10**6, torch.zeros(1, 3, 256, 256)) == 1
    assert classes_shown(1000, 64, torch.zeros(1, 2)) == 1000


@pytest.mark.parametrize(("conditioning", "model"), SOME)
def test_samples_and_logits_depend_on_y(composed: Callable[..., DictConfig], conditioning: str, model: str) -> None:
    gan, data = build(composed(f"model={model}", f"conditioning={conditioning}", "data.batch_size=10"))
    with torch.no_grad():
        for parameter in gan.g.network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)  # conditional batch norm starts out alike
        one, other = (gan.g.network.eval()(Z, y) for y in (EVERY_CLASS, EVERY_CLASS.roll(1)))
        assert not (one == other).flatten(1).all(1).any()
        x = next(data.batches(0)).x
        one, other = (gan.d.network.eval()(x, y).logits for y in (EVERY_CLASS, EVERY_CLASS.roll(1)))
        assert (conditioning in CLASSIFIERS) == torch.equal(one, other)


@pytest.mark.parametrize(("conditioning", "model"), SOME)
def test_a_move_of_one_player_leaves_the_other_bit_identical(
    composed: Callable[..., DictConfig], conditioning: str, model: str
) -> None:
    def act(gan: GAN) -> None:
        for moving, still in ((gan.d, gan.g), (gan.g, gan.d)):
            before, before_moving = snapshot(still), snapshot(moving)
            gan.move(moving, gan.gradient(moving, *gan.objective(moving, gan.context(moving))))
            assert same(before, snapshot(still))
            assert not same(before_moving, snapshot(moving))

    play_with(act, composed(f"model={model}", f"conditioning={conditioning}"))


@pytest.mark.slow
@pytest.mark.parametrize(("conditioning", "update"), [(c, u) for c, updates in UPDATES.items() for u in updates])
def test_every_update_and_penalty_plays_a_conditional_game(
    played: Callable[..., Path], conditioning: str, update: str
) -> None:
    twice = update in ("consensus", "logan", "unrolled")  # batch norm is not differentiable three times
    terms = "[gradient_penalty]" if twice else "[r1,r2,gradient_penalty]"
    model = "mlp" if conditioning != "batch_norm" else "dcgan"
    joint = "gan.joint_batch=true" if model == "mlp" else "gan.joint_batch=false"
    overrides = (f"model={model}", f"conditioning={conditioning}", f"update={update}", joint)
    played(*overrides, *([] if twice and model == "dcgan" else [f"term@d_terms={terms}"]), "rounds=2")


@pytest.mark.parametrize("conditioning", ["none", *CONDITIONINGS])
def test_only_a_conditional_game_draws_data_in_g_s_step(composed: Callable[..., DictConfig], conditioning: str) -> None:
    def act(gan: GAN) -> None:
        gan.objective(gan.g, gan.context(gan.g))
        assert gan.conditional == (conditioning != "none")
        assert gan.trainer.datamodule.drawn == int(gan.conditional)  # type: ignore[attr-defined]

    play_with(act, composed(f"conditioning={conditioning}"))


class Recording(nn.Module):
    """Notes the y of each call."""

    def __init__(self, conditional: bool, judge: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.conditional, self.judge = conditional, judge
        self.seen: list[Tensor | None] = []

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        self.seen.append(y)
        return DiscriminatorOutput(self.weight * x.flatten(1).sum(1)) if self.judge else self.weight * x


Y = {"labels": torch.arange(4), "images": torch.randn(4, 3, 5, 5), "vectors": torch.randn(4, 2)}


def recorded(who: str, joint: bool, batch: Batch) -> tuple[StepContext, Recording, Recording]:
    d, g = Recording("d" in who, judge=True), Recording("g" in who, judge=False)
    players = [Player(name, network, lambda w: torch.optim.SGD(w, 0.1)) for name, network in (("d", d), ("g", g))]
    return StepContext(*players, tuple(players), lambda: batch, lambda: torch.randn(4, 2), joint), d, g


@pytest.mark.parametrize("y", Y.values(), ids=list(Y))
@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("who", ["", "d", "g", "dg"])
def test_both_players_are_given_y_whatever_it_is_where_one_of_them_reads_it(y: Tensor, joint: bool, who: str) -> None:
    context, d, g = recorded(who, joint, Batch(torch.randn(4, 2), y))
    _ = context.real_output, context.fake_output, context.discriminate(context.fake)
    _ = context.against([2 * w for w in context._d.weights]).real_output
    if not who:
        assert set(map(type, d.seen + g.seen)) == {type(None)}
        return
    both = [torch.cat([y, y])] if joint else [y, y]
    assert [torch.equal(seen, y) for seen in g.seen] == [True]
    context.discriminate(context.real[:2], y[:2])
    expected = [*both, y, both[0], y[:2]]
    assert len(d.seen) == len(expected)
    assert all(torch.equal(seen, one) for seen, one in zip(d.seen, expected, strict=True))


def test_a_conditional_game_on_data_without_y_is_refused() -> None:
    with pytest.raises(UserError, match="the data have nothing to condition on"):
        _ = recorded("g", False, Batch(torch.randn(4, 2)))[0].fake


def test_auxiliary_terms_stand_beside_others(played: Callable[..., Path]) -> None:
    directory = played("model=mlp", "conditioning=auxiliary", "term@d_terms=[r1]", "rounds=1")
    with (directory / "metrics.csv").open() as file:
        assert {"d/r1", "d/auxiliary_classifier", "g/auxiliary_classifier"} <= set(next(csv.reader(file)))


def test_an_auxiliary_term_without_class_logits_is_refused(composed: Callable[..., DictConfig]) -> None:
    term = "{_target_: gan_lab.terms.AuxiliaryClassifier}"
    with pytest.raises(UserError, match="D has no class logits"):
        play(composed("model=mlp", f"+d_terms.auxiliary={term}", "rounds=1"))


def test_generated_samples_are_not_matched_to_those_they_are_compared_with(
    composed: Callable[..., DictConfig],
) -> None:
    config = composed("model=mlp", "conditioning=concat", "rounds=1", "callbacks.equilibrium.n=20")
    asked: list[Tensor] = []
    forward = nn.Module.__call__

    def spy(self: nn.Module, *inputs: Any) -> Any:
        if type(self).__name__ == "ConcatGenerator" and not self.training and len(inputs[0]) == 20:
            asked.append(inputs[1])
        return forward(self, *inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Module, "__call__", spy)
        play(config)
    _, data = build(config)
    ys = torch.cat([batch.y for batch in islice(data.batches(FAR), 5)])  # type: ignore[misc]
    assert asked and all(torch.equal(y, ys[20:40]) for y in asked)
    assert torch.equal(far_samples(data, 20).y, ys[:20])  # type: ignore[arg-type]


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_the_duality_gap_of_a_conditional_game(composed: Callable[..., DictConfig], conditioning: str) -> None:
    def act(gan: GAN) -> None:
        before = [snapshot(player) for player in (gan.d, gan.g)]
        data = gan.trainer.datamodule  # type: ignore[attr-defined]
        assert DualityGap(every=1, steps=2, held_out=2).measure(gan, data, steps=2).gap >= 0
        assert all(same(kept, snapshot(player)) for kept, player in zip(before, (gan.d, gan.g), strict=True))

    play_with(act, composed(f"conditioning={conditioning}"))


@pytest.mark.parametrize("conditioning", ["projection", "auxiliary"])
def test_save_kill_resume_equals_uninterrupted(
    composed: Callable[..., DictConfig], tmp_path: Path, conditioning: str
) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        parts = ["model=dcgan", f"conditioning={conditioning}", "term@d_terms=[r1]"]
        return composed(*parts, "rounds=6", f"directory={tmp_path / name}", "callbacks.checkpoint.every=2")

    assert_resumes(config, tmp_path)


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["conditioning=batch_norm", "model=mlp"], "MLPGenerator has no batch normalisation; take model=dcgan"),
        (["conditioning=concat", "model=dirac"], "has no shape to make room for y"),
        (["conditioning=projection", "model=dirac"], "shows no features to put a head on"),
        (["conditioning=concat", "conditioning.generator.num_classes=3"], "generator.num_classes=3: the data have 10"),
        (["conditioning=concat", "data.num_classes=null"], "data.num_classes=null: must be an integer"),
        (["conditioning=concat", "data=ring", "model=mlp"], "refers to data.num_classes, which data does not have"),
        (
            ["conditioning=concat", "+conditioning.generator.typo=3"],
            "generator.typo: .* no such parameter",
        ),
        (
            ["conditioning=auxiliary", "d_terms.auxiliary_classifier.weight=-1"],
            "classifier.weight=-1: must be",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(played: Callable[..., Path], overrides: list[str], says: str) -> None:
    from gan_lab.config.explain import explain

    with pytest.raises(Exception) as error:
        played(*overrides, "rounds=1")
    line = explain(error.value, overrides)
    assert line is not None and "\n" not in line
    assert re.search(says, line)


@pytest.mark.parametrize(
    ("conditioning", "label", "says"),
    [
        ("none", "3", "label=3: this generator is not conditional"),
        ("none", "all", "label=all: this generator is not conditional"),
        ("concat", "10", "label=10: this generator's classes are 0 to 9"),
        ("concat", "-1", "label=-1: this generator's classes are 0 to 9"),
        ("concat", "seven", "label=seven: this generator's classes are 0 to 9"),
    ],
)
def test_a_label_that_the_generator_does_not_know(
    played: Callable[..., Path], capsys: pytest.CaptureFixture[str], conditioning: str, label: str, says: str
) -> None:
    directory = played("model=mlp", f"conditioning={conditioning}", "rounds=1")
    capsys.readouterr()
    assert main([str(directory), f"label={label}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


@pytest.mark.parametrize("loss", ["hinge", "top_k"])
def test_multi_hinge_s_d_wants_a_loss_that_asks_for_classes(composed: Callable[..., DictConfig], loss: str) -> None:
    config = composed("conditioning=multi_hinge", f"loss={loss}")
    with pytest.raises(UserError, match=r"reads no class logits.*take loss=multi_hinge, or another conditioning"):
        build(config)
