"""Laws of the networks of SNGAN, SAGAN, BigGAN and BigGAN-deep: sizes, the tables of their papers, the start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from gan_lab.config.check import check
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.networks.attention import SelfAttention
from gan_lab.networks.biggan import BigGANDiscriminator, BigGANGenerator, orthogonal
from gan_lab.networks.biggan_deep import BigGANDeepDiscriminator, BigGANDeepGenerator
from gan_lab.networks.resnet import DownBlock, ResNetDiscriminator, ResNetGenerator, UpBlock
from gan_lab.types import DiscriminatorOutput

Y = torch.arange(3)
SMALL = {"width": 4, "max_width": 8}
GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "resnet": lambda shape, **more: ResNetGenerator(9, shape, **SMALL, **more),
    "biggan": lambda shape, **more: BigGANGenerator(9, shape, 3, **SMALL, shared=2, **more),
    "biggan without classes": lambda shape, **more: BigGANGenerator(9, shape, None, **SMALL, **more),
    "biggan_deep": lambda shape, **more: BigGANDeepGenerator(9, shape, 3, **SMALL, shared=2, **more),
    "biggan_deep without classes": lambda shape, **more: BigGANDeepGenerator(9, shape, None, **SMALL, **more),
}
DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {
    "resnet": lambda shape, **more: ResNetDiscriminator(shape, **SMALL, **more),
    "wide resnet": lambda shape, **more: ResNetDiscriminator(shape, **SMALL, wide=True, **more),
    "biggan": lambda shape, **more: BigGANDiscriminator(shape, 3, **SMALL, **more),
    "biggan without classes": lambda shape, **more: BigGANDiscriminator(shape, None, **SMALL, **more),
    "biggan_deep": lambda shape, **more: BigGANDeepDiscriminator(shape, 3, **SMALL, **more),
    "biggan_deep without classes": lambda shape, **more: BigGANDeepDiscriminator(shape, None, **SMALL, **more),
}
SHAPES = [(1, 8, 8), (3, 28, 28), (3, 32, 32), (2, 48, 48), (3, 32, 64), (1, 40, 24)]


def is_conditional(name: str) -> bool:
    return name in ("biggan", "biggan_deep")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", GENERATORS)
def test_every_g_makes_every_size_square_or_not(name: str, shape: tuple[int, int, int]) -> None:
    x = GENERATORS[name](shape)(torch.randn(3, 9), Y if is_conditional(name) else None)
    assert x.shape == (3, *shape) and x.abs().max() <= 1


@pytest.mark.parametrize("shape", [*SHAPES, (3, 9, 15)])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_d_judges_every_size_square_or_not(name: str, shape: tuple[int, int, int]) -> None:
    network = DISCRIMINATORS[name](shape, halvings=3, flat=1)
    output = network(torch.randn(3, *shape), Y if is_conditional(name) else None)
    assert isinstance(output, DiscriminatorOutput)
    assert output.logits.shape == (3,) and output.features[-1].shape == (3, 8)


@pytest.mark.parametrize("role", ["g", "d"])
@pytest.mark.parametrize("name", ["resnet", "biggan", "biggan_deep"])
def test_the_device_law_and_half_precision_hold_with_attention(name: str, role: str) -> None:
    """Forward and backward on a device without numbers; no tensor on the CPU, no look at a value."""
    make = GENERATORS[name] if role == "g" else DISCRIMINATORS[name]
    settings = {"attention": 8} if role == "g" else {"attention": 4, "halvings": 2}
    for device in ("meta", "cpu"):
        network = make((1, 8, 8), **settings).to(device)
        assert any(isinstance(module, SelfAttention) for module in network.modules())
        inputs = torch.randn(3, 9, device=device) if role == "g" else torch.randn(3, 1, 8, 8, device=device)
        with torch.autocast("cpu", torch.bfloat16, enabled=device == "cpu"):
            output = network(inputs, Y.to(device) if is_conditional(name) else None)
        value = output if isinstance(output, torch.Tensor) else output.logits
        slopes = torch.autograd.grad(value.float().square().sum(), [*network.parameters()])
        assert device == "meta" or all(slope.isfinite().all() for slope in slopes)


def channels(network: nn.Module, kind: type[nn.Module]) -> list[tuple[int, int]]:
    """In and out, of each block."""
    return [(m.skip.in_channels, m.skip.out_channels) for m in network.modules()
            if isinstance(m, kind) and isinstance(m.skip, nn.Conv2d)]  # fmt: skip


def test_sngan_has_the_tables_of_its_paper() -> None:
    """Appendix B.4: table 4 for 32 x 32, table 5 for 48 x 48, table 6 for 128 x 128."""
    with torch.device("meta"):
        found = {
            size: (
                channels(ResNetGenerator(128, (3, size, size), *g), UpBlock),
                channels(ResNetDiscriminator((3, size, size), *d), DownBlock),
            )
            for size, g, d in (
                (32, (256, 256), (128, 128, 2, 2)),
                (48, (64, 512), (64, 1024, 4, 1)),
                (128, (64, 1024), (64, 1024, 5, 1)),
            )
        }
    assert found[32] == ([(256, 256)] * 3, [(3, 128), (128, 128)])  # and two blocks whose skip connection is x itself
    assert found[48][0] == [(512, 256), (256, 128), (128, 64)]
    assert found[48][1] == [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    assert found[128][0] == [(1024, 1024), (1024, 512), (512, 256), (256, 128), (128, 64)]
    assert found[128][1] == [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]


def parameters(network: nn.Module) -> float:
    return sum(p.numel() for p in network.parameters()) / 1e6


def test_biggan_at_128_pixels_is_as_large_as_the_paper_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Table 1 has 158.3 million parameters of both players with shared embedding and skip-z."""
    for module in ("biggan", "biggan_deep"):
        monkeypatch.setattr(f"gan_lab.networks.{module}.orthogonal", lambda network: None)  # of no use on meta
    with torch.device("meta"):
        g = BigGANGenerator(120, (3, 128, 128), 1000, 96, 1536, attention=64)
        d = BigGANDiscriminator((3, 128, 128), 1000, 96, 1536, attention=64)
    assert channels(g, UpBlock) == [(1536, 1536), (1536, 768), (768, 384), (384, 192), (192, 96)]
    assert channels(d, DownBlock) == [(3, 96), (96, 192), (192, 384), (384, 768), (768, 1536)]
    assert [g.affine.in_features, g.blocks[0].norm1.scale.in_features] == [20, 148]
    assert parameters(g) + parameters(d) == pytest.approx(158.3, rel=0.01)


def test_z_that_cannot_be_cut_evenly_gives_what_is_left_to_the_first_part() -> None:
    assert BigGANGenerator(10, (1, 32, 32), 3, **SMALL).parts == [4, 2, 2, 2]
    with pytest.raises(UserError, match="latent.dim=3: must be at least 4"):
        BigGANGenerator(3, (1, 32, 32), 3, **SMALL)


@pytest.mark.parametrize("part", range(4))
def test_each_part_of_z_and_the_class_reach_the_samples_of_biggan(part: int) -> None:
    torch.manual_seed(0)
    generator, z = BigGANGenerator(8, (1, 32, 32), 3, **SMALL, shared=4), torch.randn(3, 8)
    other = z.clone()
    other[:, 2 * part : 2 * part + 2] += 1
    x = generator.eval()(z, Y)
    assert not (generator(other, Y) == x).flatten(1).all(1).any()
    assert not (generator(z, Y.roll(1)) == x).flatten(1).all(1).any()


def test_attention_starts_as_the_identity_and_each_place_attends_to_a_mean() -> None:
    layer, x = SelfAttention(16), torch.randn(2, 16, 6, 10)
    assert torch.equal(layer(x), x)
    layer.gamma.data.fill_(1.0)
    even = torch.ones_like(x) * torch.randn(16, 1, 1)
    torch.testing.assert_close(layer(even), even + layer.v(layer.h(even)))  # a mean of equal values is that value


def test_biggan_starts_orthogonal() -> None:
    linear = nn.Conv2d(3, 12, 3)
    orthogonal(linear)
    matrix = linear.weight.flatten(1)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(12), atol=1e-5, rtol=0)
    assert not linear.bias.any()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ResNetGenerator(4, (1, 32, 32), attention=7), "attention=7: the blocks' maps are 8, 16, 32 "),
        (lambda: ResNetDiscriminator((1, 32, 32), halvings=2, attention=32), "attention=32: .* maps are 16, 8 "),
        (lambda: BigGANDeepDiscriminator((1, 8, 8), 3, halvings=4), "halvings=4: leave nothing of 8 x 8 pixels"),
    ],
)
def test_what_does_not_fit_the_maps_is_refused(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


@pytest.mark.parametrize("model", ["sn_resnet", "sagan", "biggan", "biggan_deep"])
def test_spectral_normalisation_comes_with_the_model_and_can_be_taken_out(
    composed: Callable[..., DictConfig], model: str
) -> None:
    """BigGAN's shared embedding goes without, and so do the tables of a conditional batch normalisation."""
    more = ["conditioning=batch_norm"] if model in ("sn_resnet", "sagan") else []
    gan, _ = build(composed(f"model={model}", *more))
    for player in (gan.d, gan.g):
        kinds = nn.Linear | nn.Conv2d | nn.Embedding
        layers = [module for module in player.network.modules() if isinstance(module, kinds)]
        normal = player is gan.d or model != "sn_resnet"
        assert layers and all(nn.utils.parametrize.is_parametrized(layer) == normal for layer in layers)
    without = [f"~{player}_wrappers.spectral_norm" for player in ("d", "g")[: 1 if model == "sn_resnet" else 2]]
    gan, _ = build(composed(f"model={model}", *without))
    assert not any(nn.utils.parametrize.is_parametrized(m) for p in (gan.d, gan.g) for m in p.network.modules())


def test_the_last_batch_norm_of_sngan_knows_no_class(composed: Callable[..., DictConfig]) -> None:
    gan, _ = build(composed("model=sn_resnet", "conditioning=batch_norm"))
    assert isinstance(gan.g.network.network.norm, nn.BatchNorm2d)
    assert not isinstance(gan.g.network.network.blocks[0].norm1, nn.BatchNorm2d)


@pytest.mark.parametrize("conditioning", ["concat", "projection", "batch_norm", "auxiliary"])
@pytest.mark.parametrize("model", ["biggan", "biggan_deep"])
def test_another_conditioning_beside_biggan_s_own_is_refused(
    played: Callable[..., Path], model: str, conditioning: str
) -> None:
    with pytest.raises(Exception) as error:
        played(f"model={model}", f"conditioning={conditioning}", "rounds=1")
    line = explain(error.value, [])
    assert line is not None and "\n" not in line
    assert ("has no batch normalisation" if conditioning == "batch_norm" else "take conditioning=none") in line


@pytest.mark.parametrize("more", [[], ["conditioning=projection"], ["data=photographs", "data.image_size=8"]])
@pytest.mark.parametrize("model", ["biggan", "biggan_deep"])
def test_biggan_goes_without_classes(composed: Callable[..., DictConfig], model: str, more: list[str]) -> None:
    config = composed(f"model={model}", "model.num_classes=null", *more)
    check(config)
    gan, _ = build(config)
    assert gan.conditional == (more == ["conditioning=projection"])


def test_classes_that_the_data_have_not_are_refused(composed: Callable[..., DictConfig]) -> None:
    with pytest.raises(UserError, match="model.generator.num_classes=3: the data have 10 classes"):
        build(composed("model=biggan", "model.num_classes=3"))
