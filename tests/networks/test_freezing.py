"""Laws of frozen layers: which they are, that nothing moves them, and that they begin with another run's weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.configuration import options
from helpers.players import fit, snapshot
from helpers.runs import assert_same_runs
from omegaconf import DictConfig
from torch import nn

from gan_lab.config.resume import check_start
from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.experiment.run import play
from gan_lab.experiment.start_from import start_from
from gan_lab.game.gan import GAN
from gan_lab.io.weights import find_weights, read_weights
from gan_lab.networks.freezing import _layers, freeze, frozen_weights
from gan_lab.networks.stylegan2 import StyleGAN2Discriminator

Composed = Callable[..., DictConfig]
FREEZE = "wrapper@d_wrappers=[freeze]"
# Within a block or a decoder they hold their layers in another order than they call them.
OTHERWISE = {"sagan", "stylegan2", "stylegan3", "unet_d"}
BESIDE = {"pix2pix": ["degradation=half"], "srgan": ["degradation=low_resolution"], "dirac": ["data=dirac"]}


HEADS = [
    *(f"wrapper@d_wrappers=[{name}]" for name in options("wrapper") if name != "freeze"),
    *(f"conditioning={name}" for name in options("conditioning") if name != "vector"),  # which reads no labels
]


@pytest.mark.parametrize("model", sorted({*options("model")} - OTHERWISE))
def test_the_first_layers_are_those_that_act_first(composed: Composed, model: str) -> None:
    latent = ["latent=codes", "latent.dim=16"] if model == "infogan" else []
    assert_held_as_called(*build(composed(f"model={model}", *BESIDE.get(model, ["data=digits"]), *latent)))


@pytest.mark.parametrize("head", HEADS)
def test_heads_and_what_is_put_around_a_network_come_after_it(composed: Composed, head: str) -> None:
    assert_held_as_called(*build(composed("model=dcgan", "data=digits", "data.image_size=16", head)))


def assert_held_as_called(gan: GAN, data: GameData) -> None:
    held, called = list(_layers(gan.d.network)), list[nn.Module]()
    for layer in held:
        layer.register_forward_hook(lambda one, *_: called.append(one))
    batch = next(data.batches(0))
    gan.d.network(batch.x, *([batch.y] if gan.d.conditional else []))
    first = [*dict.fromkeys(called)]
    assert first == held[: len(first)]
    assert {type(layer) for layer in held[len(first) :]} <= {nn.Embedding}  # proxies of classes, which the loss reads


@pytest.mark.parametrize(
    ("residual", "left"),
    [  # by the authors' code with --freezed=1, ..., 6
        (True, [18265, 17681, 16513, 16385, 14065, 11745]),
        (False, [17625, 17041, 15873, 13553, 11233, 8913]),
    ],
)
def test_they_are_those_of_stylegan2_ada(residual: bool, left: list[int]) -> None:
    for layers, expected in enumerate(left, start=1):
        network = freeze(StyleGAN2Discriminator((3, 32, 32), None, 8, 16, residual=residual), layers)
        assert sum(weight.numel() for weight in network.parameters() if weight.requires_grad) == expected


def test_nothing_moves_them_and_everything_else_moves(composed: Composed) -> None:
    """Neither weight decay nor momentum, clipping, penalties and normalisation, whose vectors go on."""
    before: dict[str, torch.Tensor] = {}
    config = composed(
        "model=sn_resnet", "data=digits", "wrapper@d_wrappers=[spectral_norm,freeze]", "d_wrappers.freeze.layers=4",
        "+optimizer.d.weight_decay=0.1", "optimizer.d.lr=0.1", "term@d_terms=[r1,weight_clip]",
    )  # fmt: skip
    gan = fit(config, 2, lambda gan: before.update(snapshot(gan.d)))
    after, frozen = snapshot(gan.d), frozen_weights(gan.d.network)
    assert len(frozen) == 8 and all(name.startswith("blocks.") for name in frozen)
    still = {name for name, _ in gan.d.network.named_parameters() if torch.equal(before[name], after[name])}
    assert still == frozen
    assert not torch.equal(*(state["blocks.0.conv1.parametrizations.weight.0._u"] for state in (before, after)))
    assert gan.d.weights and all(weight.requires_grad for weight in gan.d.weights)


def test_a_wrapper_s_own_weights_are_the_last(composed: Composed) -> None:
    gan, _ = build(composed("model=mlp", "wrapper@d_wrappers=[minibatch_std,freeze]"))
    assert frozen_weights(gan.d.network) == {"discriminator.hidden.0.0.weight", "discriminator.hidden.0.0.bias"}


def test_a_run_with_them_resumes_and_keeps_the_weights_that_it_began_with(composed: Composed, tmp_path: Path) -> None:
    def config(name: str, *parts: str) -> DictConfig:
        (tmp_path / name).mkdir(exist_ok=True)
        return composed("model=mlp", f"directory={tmp_path / name}", *parts)

    def weights(name: str) -> dict[str, torch.Tensor]:
        return read_weights(find_weights(tmp_path / name, "last")).networks["d"]

    play(config("source", "rounds=2"))
    begun = [FREEZE, f"start_from={tmp_path / 'source'}"]
    play(config("whole", "rounds=4", *begun))
    play(config("parts", "rounds=2", *begun))
    play(config("parts", "rounds=4", *begun, f"resume={tmp_path / 'parts'}"))
    assert_same_runs(tmp_path / "whole", tmp_path / "parts")
    source, whole = weights("source"), weights("whole")
    assert {name for name in whole if torch.equal(source[name], whole[name])} == {
        "hidden.0.0.weight",
        "hidden.0.0.bias",
    }


def test_all_layers_are_refused_and_so_are_layers_as_they_were_drawn(composed: Composed, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"freeze\.layers=2: .* has 2 layers, of which one at least must be left"):
        freeze(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), 2)
    with pytest.raises(UserError, match="d_wrappers.freeze: keeps layers as they begin; .* start_from=RUN"):
        check_start(composed("model=mlp", FREEZE))
    play(composed("model=mlp", "rounds=1"))
    for other in ("model.hidden=[5]", "data.image_size=10"):
        gan, _ = build(composed("model=mlp", FREEZE, other))
        with pytest.raises(
            UserError, match=r"start_from=.*: d\.hidden\.0\.0\..* is .* there and .* here, and is frozen"
        ):
            start_from(gan, tmp_path)
    gan, _ = build(composed("model=mlp", FREEZE))
    with pytest.raises(UserError, match=r"d\.hidden\.0\.0\.bias is not there, and is frozen"):
        start_from(gan, tmp_path / "generator.safetensors")
