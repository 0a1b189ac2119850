"""Laws of semi-supervised learning: K + 1 classes, hidden labels, feature matching, weight normalisation."""

import csv
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers.configuration import options
from helpers.players import play_with, same, snapshot
from helpers.runs import assert_resumes
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.callbacks.classification import Classification
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.networks.layers import GaussianNoise, ShiftedBatchNorm, WeightNormLinear
from gan_lab.networks.semi_supervised import NoisyClassifier

GAME = (
    "model=mlp_2016",
    "data.labels=20",
    "data.subset=1700",
    "term@d_terms=[supervised]",
    "term@g_terms=[feature_matching]",
    "loss.generator_weight=0",
    "callbacks=[default,classification]",
    "callbacks.classification.every=1",
)


def classifier() -> NoisyClassifier:
    torch.manual_seed(0)
    return NoisyClassifier((1, 4, 4), 10, [6, 5], input_noise=0.3, noise=0.5)


def test_d_is_the_probability_of_any_class_but_the_generated_one() -> None:
    x = torch.randn(7, 1, 4, 4)
    output = classifier().eval()(x)
    assert output.class_logits is not None
    with_generated = torch.cat([output.class_logits, torch.zeros(7, 1)], 1).softmax(1)
    torch.testing.assert_close(torch.sigmoid(output.logits), 1 - with_generated[:, -1])
    z = output.class_logits.exp().sum(1)
    torch.testing.assert_close(torch.sigmoid(output.logits), z / (z + 1))
    assert output.features[-1].shape == (7, 5)


def test_weight_norm_is_its_formula_and_knows_the_direction_only() -> None:
    layer, x = WeightNormLinear(4, 3), torch.randn(5, 4)
    nn.init.normal_(layer.length), nn.init.normal_(layer.bias)
    for unit in range(3):
        v = layer.weight[unit]
        expected = layer.length[unit] * (x @ v) / v.square().sum().sqrt() + layer.bias[unit]
        torch.testing.assert_close(layer(x)[:, unit], expected)
    before = layer(x)
    layer.weight.data *= torch.tensor([[0.1], [2.0], [30.0]])
    torch.testing.assert_close(layer(x), before)
    (gradient,) = torch.autograd.grad(layer(x).square().sum(), layer.weight)
    torch.testing.assert_close((gradient * layer.weight).sum(1), torch.zeros(3), atol=1e-4, rtol=0)  # at right angles


def test_every_unit_starts_standardised_on_the_data() -> None:
    d, x = classifier(), torch.rand(600, 1, 4, 4) * 2 - 1
    d.eval().initialise_from(lambda n: x[:n])
    inputs = (x[:500].flatten(1) + 1) / 2
    for layer in (*d.maps, d.head):
        t = layer(inputs)
        torch.testing.assert_close(t.mean(0), torch.zeros(t.shape[1]), atol=1e-4, rtol=0)
        torch.testing.assert_close(t.std(0, correction=0), torch.ones(t.shape[1]))
        inputs = t.relu()
    assert [layer.length.requires_grad for layer in (*d.maps, d.head)] == [False, False, True]


def test_noise_is_gaussian_and_of_training_only() -> None:
    noise, x = GaussianNoise(0.5), torch.zeros(200, 200)
    assert noise(x).std().item() == pytest.approx(0.5, rel=0.02)
    assert torch.equal(noise.eval()(x), x)


def test_shifted_batch_norm_has_no_scale_to_learn() -> None:
    norm, x = ShiftedBatchNorm(3), torch.randn(50, 3)
    norm.bias.data.copy_(torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(norm(x), (x - x.mean(0)) / x.std(0, correction=0) + norm.bias, atol=1e-4, rtol=1e-4)
    assert [name for name, p in norm.named_parameters() if p.requires_grad] == ["bias"]


def test_feature_matching_moves_g_alone_where_its_own_cost_weighs_nothing(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        context = gan.context(gan.g)
        objective, seen = gan.objective(gan.g, context)
        assert seen["g/loss"].item() == 0
        expected = context.real_output.features[-1].mean(0) - context.fake_output.features[-1].mean(0)
        torch.testing.assert_close(objective, expected.square().mean())
        assert any(slope.abs().sum() > 0 for slope in gan.gradient(gan.g, objective))

    play_with(act, composed(*GAME))


def test_the_supervised_term_is_the_cross_entropy_of_the_labelled_alone(composed: Callable[..., DictConfig]) -> None:
    def act(gan: GAN) -> None:
        gan.d.network.eval()  # no noise
        context = gan.context(gan.d)
        _, seen = gan.objective(gan.d, context)
        assert context.y is None and context.labelled is not None and context.labelled.y is not None
        output = gan.d.network(context.labelled.x)
        expected = F.cross_entropy(output.class_logits, context.labelled.y)
        torch.testing.assert_close(seen["d/supervised"], expected.detach())
        real, fake = context.real_output.logits, context.fake_output.logits  # the game itself sees none of the labelled
        torch.testing.assert_close(seen["d/loss"], (F.softplus(-real).mean() + F.softplus(fake).mean()).detach())

    play_with(act, composed(*GAME))


@pytest.mark.parametrize("labels", [10, 50])
def test_labelled_pictures_are_balanced_and_fixed_by_their_own_seed(
    composed: Callable[..., DictConfig], labels: int
) -> None:
    def shown(*overrides: str) -> Tensor:
        return build(composed(*GAME, f"data.labels={labels}", *overrides))[1].shown  # type: ignore[attr-defined]

    _, data = build(composed(*GAME))
    first = shown()
    assert data.whole[1][first].bincount().tolist() == [labels // 10] * 10  # type: ignore[attr-defined]
    assert len(set(first.tolist())) == labels
    assert torch.equal(first, shown("seed=7"))
    assert not torch.equal(first, shown("data.labels_seed=1"))


def test_labelled_batches_go_round_and_are_a_function_of_their_number(composed: Callable[..., DictConfig]) -> None:
    _, data = build(composed(*GAME, "data.batch_size=8"))
    batches = list(islice(data.batches(0), 5))  # 40 labelled samples: each of the 20 twice
    assert all(batch.y is None and len(batch.x) == 8 for batch in batches)
    drawn = torch.cat([batch.labelled.x for batch in batches]).flatten(1)  # type: ignore[union-attr]
    whole, labels = (part[data.shown] for part in data.whole)  # type: ignore[attr-defined]
    matches = (drawn[:, None] == whole.flatten(1)[None]).all(2)
    assert matches.sum(0).tolist() == [2] * 20
    told = torch.cat([batch.labelled.y for batch in batches])  # type: ignore[union-attr, misc]
    assert torch.equal(told, labels[matches.long().argmax(1)])
    later = next(data.batches(3))
    assert torch.equal(later.x, batches[3].x)
    assert torch.equal(later.labelled.x, batches[3].labelled.x)  # type: ignore[union-attr]
    _, wide = build(composed(*GAME, "data.batch_size=64"))
    assert len(next(wide.batches(0)).labelled.x) == 20  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("mover", ["d", "g"])
def test_a_move_of_one_player_leaves_the_other_bit_identical(composed: Callable[..., DictConfig], mover: str) -> None:
    def act(gan: GAN) -> None:
        moving, still = (gan.d, gan.g) if mover == "d" else (gan.g, gan.d)
        before, before_moving = snapshot(still), snapshot(moving)
        gan.move(moving, gan.gradient(moving, *gan.objective(moving, gan.context(moving))))
        assert same(before, snapshot(still))
        assert not same(before_moving, snapshot(moving))

    play_with(act, composed(*GAME))


@pytest.mark.parametrize(
    ("update", "joint"), [("alternating", "true"), *((update, "false") for update in options("update"))]
)
def test_every_update_plays_it(played: Callable[..., Path], update: str, joint: str) -> None:
    directory = played(*GAME, f"update={update}", f"gan.joint_batch={joint}", "rounds=2")
    with (directory / "metrics.csv").open() as file:
        errors = [int(float(row["classifier/errors"])) for row in csv.DictReader(file)]
    assert len(errors) == 2 and all(0 <= n <= 97 for n in errors)  # the digits that the subset leaves out


def test_it_has_a_duality_gap(played: Callable[..., Path]) -> None:
    gap = ("callbacks=[default,duality_gap]", "callbacks.duality_gap.every=1", "callbacks.duality_gap.steps=2")
    parts = [part for part in GAME if not part.startswith("callbacks")]
    played(*parts, *gap, "rounds=1")


def test_the_tested_average_is_its_formula(composed: Callable[..., DictConfig]) -> None:
    callback, path = Classification(every=100, decay=0.8), []
    gan, _ = build(composed(*GAME))
    callback.average = NoisyClassifier((1, 8, 8), 10, [8, 8])
    for t in range(1, 6):
        for weight in gan.d.network.parameters():
            weight.data.add_(torch.randn_like(weight))
        path.append([w.detach().clone() for w in gan.d.network.parameters()])
        gan.round = t
        callback._follow(gan)
    shares = torch.tensor([0.8 ** (5 - s) for s in range(1, 6)])
    for i, kept in enumerate(callback.average.parameters()):
        expected = sum(share * weights[i] for share, weights in zip(shares / shares.sum(), path, strict=True))
        torch.testing.assert_close(kept, expected, atol=1e-5, rtol=1e-4)


def test_errors_are_not_counted_without_labels(composed: Callable[..., DictConfig]) -> None:
    gan, data = build(composed(*GAME))
    unlabelled = SimpleNamespace(test=lambda: data.test()._replace(y=None))
    for source in (SimpleNamespace(), unlabelled):
        with pytest.raises(UserError, match="classification: the data have no labelled test set; take data=mnist"):
            Classification().on_train_start(SimpleNamespace(datamodule=source), gan)


def test_counting_errors_does_not_change_the_run(played: Callable[..., Path], tmp_path: Path) -> None:
    def weights(*overrides: str) -> bytes:
        (tmp_path / str(len(overrides))).mkdir()
        directory = played(*GAME, "rounds=4", f"directory={tmp_path / str(len(overrides))}", *overrides)
        return (directory / "generator.safetensors").read_bytes()

    assert weights() == weights("callbacks.classification=null")


def test_save_kill_resume_equals_uninterrupted(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        every = ["callbacks.checkpoint.every=2", "callbacks.checkpoint.monitor=classifier/errors"]
        return composed(*GAME, "rounds=6", f"directory={tmp_path / name}", *every)

    assert_resumes(config, tmp_path)
    assert (tmp_path / "whole" / "checkpoints" / "best.ckpt").exists()


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["data.labels=15"], "data.labels=15: must be a multiple of the 10 classes"),
        (["data.labels=2000"], "data.labels=2000: a class has .* pictures, not 200"),
        (["data.labels=0"], "data.labels=0: must be"),
        (["data.labels_seed=-1"], "data.labels_seed=-1: must be"),
        (["data.num_classes=null"], "data.num_classes=null"),
        (["data.labels=null"], "supervised: the data have no labels that are shown"),
        (["model=mlp", "model.hidden=[8]"], "D has no class logits; take model=mlp_2016"),
        (["model=mlp", "model.hidden=[8]", "d_terms=null"], "classification: D has no class logits"),
        (["d_terms=null", "model.discriminator.num_classes=12"], "num_classes=12: the data have 10 classes"),
        (["data.subset=null"], "data.subset: leaves out no pictures to be tested on"),
        (["conditioning=projection"], "the data have nothing to condition on"),
        (["conditioning=concat"], "NoisyClassifier: sees samples alone, and has no room for y"),
        (["loss.generator_weight=-1"], "loss.generator_weight=-1: must be"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(played: Callable[..., Path], overrides: list[str], says: str) -> None:
    game = [part for part in GAME if part.split("=")[0] not in {given.split("=")[0] for given in overrides}]
    with pytest.raises(Exception) as error:
        played(*game, *overrides, "rounds=1")
    line = explain(error.value, overrides)
    assert line is not None and "\n" not in line
    assert re.search(says, line)
