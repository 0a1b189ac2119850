"""Laws of the wrappers: what each computes, and that every one plays with every model and conditioning."""

import re
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers.configuration import options, pairwise
from helpers.players import play_with, same, snapshot
from helpers.runs import assert_resumes
from helpers.toy_players import Show
from omegaconf import DictConfig
from torch import nn

from gan_lab.averages import Constant
from gan_lab.cli.sample import main
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.game.ema import EMA
from gan_lab.game.gan import GAN
from gan_lab.networks.dcgan import DCGANDiscriminator
from gan_lab.networks.packing import Packing
from gan_lab.networks.semi_supervised import NoisyClassifier
from gan_lab.networks.virtual_batch_norm import VirtualBatchNorm
from gan_lab.networks.wrappers import MinibatchDiscrimination, MinibatchStd, spectral_norm

FOR_EITHER = {"freeze", "spectral_norm", "virtual_batch_norm"}
FOR_D_ALONE = sorted({*options("wrapper")} - FOR_EITHER)
LARGE = {"virtual_batch_norm": ["data.image_size=16"]}  # DCGAN's D has no batch normalisation at 8 x 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrapper", "model", "conditioning"),
    pairwise(options("wrapper"), ["mlp", "dcgan", "mlp_2014"], ["none", "projection", "auxiliary"]),
)
def test_every_wrapper_plays(played: Callable[..., Path], wrapper: str, model: str, conditioning: str) -> None:
    if wrapper == "virtual_batch_norm" and model != "dcgan":
        pytest.skip("nothing to normalise")
    if wrapper == "rotation_head" and conditioning == "auxiliary":
        pytest.skip("D has class logits already: refused")
    if wrapper == "packing" and conditioning != "none":
        pytest.skip("a pack has several classes: refused")
    penalties = "term@d_terms=[r1,gradient_penalty]"
    given = [
        f"model={model}",
        f"conditioning={conditioning}",
        f"wrapper@d_wrappers=[{wrapper}]",
        *LARGE.get(wrapper, []),
    ]
    played(*given, penalties, "rounds=2")


@pytest.mark.parametrize("wrapper", options("wrapper"))
def test_a_move_of_one_player_leaves_the_other_bit_identical(composed: Callable[..., DictConfig], wrapper: str) -> None:
    def act(gan: GAN) -> None:
        for moving, still in ((gan.d, gan.g), (gan.g, gan.d)):
            before, before_moving = snapshot(still), snapshot(moving)
            gan.move(moving, gan.gradient(moving, *gan.objective(moving, gan.context(moving))))
            assert same(before, snapshot(still))
            if wrapper == "no_adversary" and moving is gan.d:  # it sees, but does not learn
                before_moving = {name: before_moving[name] for name, _ in moving.network.named_parameters()}
                assert same(before_moving, snapshot(moving))
            else:
                assert not same(before_moving, snapshot(moving))

    wrappers = [f"wrapper@d_wrappers=[{wrapper}]", "wrapper@g_wrappers=[spectral_norm]", *LARGE.get(wrapper, [])]
    play_with(act, composed(*wrappers, "term@d_terms=[r1]"))


@pytest.mark.parametrize("model", ["mlp", "dcgan"])
def test_spectral_norm_makes_the_largest_singular_value_one(composed: Callable[..., DictConfig], model: str) -> None:
    config = composed(
        f"model={model}", "wrapper@d_wrappers=[spectral_norm]", "d_wrappers.spectral_norm.power_iterations=200"
    )
    gan, data = build(config)
    gan.d.network(next(data.batches(0)).x)
    layers = [m for m in gan.d.network.eval().modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert layers
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


def test_the_average_of_a_normalised_network_keeps_its_singular_vectors() -> None:
    torch.manual_seed(0)
    network = spectral_norm(nn.Linear(5, 4))
    kept = deepcopy(network)
    average = EMA(kept, network, Constant(0.9))
    for t in range(1, 400):  # weights that move, and come to rest
        network(torch.randn(3, 5))
        network.parametrizations.weight.original.data += 0.3 * 0.95**t * torch.randn(4, 5)
        average.update(t)
    own, vectors = (module.parametrizations.weight[0] for module in (kept, network))
    assert torch.equal(own._u, vectors._u) and torch.equal(own._v, vectors._v)
    assert torch.linalg.matrix_norm(kept.eval().weight, 2).item() == pytest.approx(1, abs=0.02)


def test_spectral_norm_takes_a_transposed_convolution_by_its_outputs() -> None:
    layer = nn.ConvTranspose2d(3, 5, 4, 2, 1)
    spectral_norm(layer, power_iterations=200)(torch.randn(1, 3, 4, 4))
    matrix = layer.eval().weight.transpose(0, 1).flatten(1)
    assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=1e-3)


def test_minibatch_std_is_its_formula_and_zero_without_diversity() -> None:
    wrapper, x = MinibatchStd(Show(), (7,)), torch.randn(6, 7)
    assert torch.equal(wrapper(x).logits, torch.zeros(6))  # at first it is the plain D
    wrapper.weight.data.fill_(3)
    torch.testing.assert_close(wrapper(x).logits, (3 * x.std(0, unbiased=False).mean()).expand(6))
    torch.testing.assert_close(wrapper(x[:1].expand(6, 7)).logits, torch.full((6,), 3e-4))


def test_minibatch_discrimination_is_its_formula() -> None:
    wrapper, x = MinibatchDiscrimination(Show(), (7,), kernels=2, dimension=3), torch.randn(4, 7)
    assert torch.equal(wrapper(x).logits, torch.zeros(4))
    wrapper.weight.data.copy_(torch.tensor([1.0, -2.0]))
    nn.init.normal_(wrapper.log_length), nn.init.normal_(wrapper.bias)
    for i in range(4):
        expected = 0.0
        for b, w in enumerate((1.0, -2.0)):
            t = wrapper.direction[:, b]
            m = x @ (wrapper.log_length[b].exp() * t / t.square().sum(0).sqrt())
            others = sum(torch.exp(-(m[i] - m[j]).abs().sum()).item() for j in range(4) if j != i)
            expected += w * (wrapper.bias[b].item() + others)
        assert wrapper(x).logits[i].item() == pytest.approx(expected, abs=1e-5)


def test_minibatch_discrimination_starts_centred_with_neighbours_at_a_distance_of_two() -> None:
    x = torch.randn(40, 7)
    wrapper = MinibatchDiscrimination(Show(), (7,), kernels=3, references=30)
    wrapper.refer_to(lambda n: (x[:n], None))
    wrapper.weight.data.copy_(torch.tensor([1.0, 0.0, 0.0]))
    assert wrapper(x[:30]).logits.mean().item() == pytest.approx(0, abs=1e-5)
    apart = wrapper._distances(x[:30]).masked_fill(torch.eye(30, dtype=torch.bool)[:, :, None], torch.inf)
    torch.testing.assert_close(apart.amin(1).mean(0), torch.full((3,), 2.0))


@pytest.mark.parametrize("shape", [(3,), (3, 4, 4)])
def test_virtual_batch_norm_is_batch_norm_of_the_reference_batch_and_the_sample(shape: tuple[int, ...]) -> None:
    norm = nn.BatchNorm1d(3) if len(shape) == 1 else nn.BatchNorm2d(3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    layer, reference, x = VirtualBatchNorm(norm, references=5), torch.randn(5, *shape), torch.randn(4, *shape)
    found = layer(torch.cat([reference, x]))
    torch.testing.assert_close(found[:5], norm(reference))
    for i in range(4):
        torch.testing.assert_close(found[5 + i], norm(torch.cat([reference, x[i : i + 1]]))[-1])


@pytest.mark.parametrize("conditioning", ["none", "concat"])
def test_virtual_batch_norm_keeps_its_reference_and_looks_at_no_neighbour(
    composed: Callable[..., DictConfig], conditioning: str
) -> None:
    wrappers = [
        "wrapper@d_wrappers=[virtual_batch_norm]",
        "wrapper@g_wrappers=[virtual_batch_norm]",
        *LARGE["virtual_batch_norm"],
    ]
    gan, data = build(composed(*wrappers, f"conditioning={conditioning}"))
    x, labels, _ = data.take(data.batch_size)
    y = labels if conditioning == "concat" else None
    assert torch.equal(gan.d.network.reference, x)
    assert (gan.d.network.condition is None) == (y is None)
    for network, inputs in ((gan.d.network, x), (gan.g.network, gan.latent.sample(len(x)))):
        together, alone = network(inputs, y), network(inputs[:1], None if y is None else y[:1])
        if network is gan.d.network:
            together, alone = together.logits, alone.logits
        torch.testing.assert_close(together[:1], alone)
        assert len(together) == len(x)


def test_save_kill_resume_equals_uninterrupted(composed: Callable[..., DictConfig], tmp_path: Path) -> None:
    def config(name: str) -> DictConfig:
        (tmp_path / name).mkdir()
        wrappers = [
            "wrapper@d_wrappers=[virtual_batch_norm,spectral_norm,instance_noise,minibatch_std]",
            "wrapper@g_wrappers=[virtual_batch_norm,spectral_norm]",
        ]
        return composed(
            *wrappers,
            *LARGE["virtual_batch_norm"],
            "conditioning=concat",
            "rounds=6",
            f"directory={tmp_path / name}",
            "callbacks.checkpoint.every=2",
        )

    assert_resumes(config, tmp_path)
    assert main([str(tmp_path / "whole"), "n=4", f"out={tmp_path / 's.png'}"]) == 0


def test_each_sample_has_the_logit_of_its_pack() -> None:
    """Of seven samples in packs of three, the last pack is filled up by the first two."""
    packed = Packing(partial(DCGANDiscriminator, width=4), (1, 8, 8), samples=3).eval()
    x = torch.randn(7, 1, 8, 8)
    packs = torch.stack([x[[0, 1, 2], 0], x[[3, 4, 5], 0], x[[6, 0, 1], 0]])
    expected, found = packed.discriminator(packs), packed(x)
    rows = [0, 0, 0, 1, 1, 1, 2]
    assert torch.equal(found.logits, expected.logits[rows])
    assert torch.equal(found.features[0], expected.features[0][rows])


def test_a_pack_has_no_class() -> None:
    packed = Packing(partial(NoisyClassifier, num_classes=3, hidden=[4], input_noise=0.0, noise=0.0), (1, 8, 8))
    with pytest.raises(UserError, match="packing: D predicts classes"):
        packed(torch.randn(4, 1, 8, 8))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["wrapper@d_wrappers=[diff_augment,packing]"], "Augmented stands between it and the model"),
        (["conditioning=projection"], "ProjectionDiscriminator stands between .*take conditioning=none"),
        (["model=pix2pix", "degradation=half"], "PatchGANDiscriminator is given a condition"),
        (["d_wrappers.packing.samples=1"], "samples=1: packs nothing"),
    ],
)
def test_packing_is_refused_where_a_pack_is_none(
    composed: Callable[..., DictConfig], given: list[str], says: str
) -> None:
    given = given if "diff_augment" in given[0] else ["wrapper@d_wrappers=[packing]", *given]
    with pytest.raises(Exception) as error:
        build(composed(*given))
    assert re.search(says, str(explain(error.value, [])))


@pytest.mark.parametrize("wrapper", FOR_D_ALONE)
def test_a_wrapper_of_d_is_refused_for_g(played: Callable[..., Path], wrapper: str) -> None:
    with pytest.raises(Exception) as error:
        played("model=mlp", f"wrapper@g_wrappers=[{wrapper}]", "rounds=1")
    line = explain(error.value, [])
    assert line is not None and "discriminator" in line


@pytest.mark.parametrize(
    ("model", "wrapper", "says"),
    [
        ("model=dirac", "minibatch_std", "shows no features"),
        ("model=pix2pix", "minibatch_std", "PatchGANDiscriminator is conditioned on images or vectors"),
        ("model=mlp_2016", "spectral_norm", "NoisyClassifier has no affine or convolutional layers to normalise"),
    ],
)
def test_a_wrapper_without_a_layer_to_wrap_is_refused(
    played: Callable[..., Path], model: str, wrapper: str, says: str
) -> None:
    with pytest.raises(Exception) as error:
        played(model, f"wrapper@d_wrappers=[{wrapper}]", "rounds=1")
    assert says in str(explain(error.value, []))
