"""Laws of the networks of SNGAN and SAGAN: sizes, the tables of their papers, the start."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import nn

from gan_lab.errors import UserError
from gan_lab.experiment.build import build
from gan_lab.networks.attention import SelfAttention
from gan_lab.networks.resnet import DownBlock, ResNetDiscriminator, ResNetGenerator, UpBlock
from gan_lab.types import DiscriminatorOutput

SMALL = {"width": 4, "max_width": 8}
GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "resnet": lambda shape, **more: ResNetGenerator(9, shape, **SMALL, **more),
}
DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {
    "resnet": lambda shape, **more: ResNetDiscriminator(shape, **SMALL, **more),
    "wide resnet": lambda shape, **more: ResNetDiscriminator(shape, **SMALL, wide=True, **more),
}
SHAPES = [(1, 8, 8), (3, 28, 28), (3, 32, 32), (2, 48, 48), (3, 32, 64), (1, 40, 24)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", GENERATORS)
def test_every_g_makes_every_size_square_or_not(name: str, shape: tuple[int, int, int]) -> None:
    x = GENERATORS[name](shape)(torch.randn(3, 9))
    assert x.shape == (3, *shape) and x.abs().max() <= 1


@pytest.mark.parametrize("shape", [*SHAPES, (3, 9, 15)])
@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_every_d_judges_every_size_square_or_not(name: str, shape: tuple[int, int, int]) -> None:
    network = DISCRIMINATORS[name](shape, halvings=3, flat=1)
    output = network(torch.randn(3, *shape))
    assert isinstance(output, DiscriminatorOutput)
    assert output.logits.shape == (3,) and output.features[-1].shape == (3, 8)


@pytest.mark.parametrize("role", ["g", "d"])
@pytest.mark.parametrize("name", ["resnet"])
def test_the_device_law_and_half_precision_hold_with_attention(name: str, role: str) -> None:
    """Forward and backward on a device without numbers; no tensor on the CPU, no look at a value."""
    make = GENERATORS[name] if role == "g" else DISCRIMINATORS[name]
    settings = {"attention": 8} if role == "g" else {"attention": 4, "halvings": 2}
    for device in ("meta", "cpu"):
        network = make((1, 8, 8), **settings).to(device)
        assert any(isinstance(module, SelfAttention) for module in network.modules())
        inputs = torch.randn(3, 9, device=device) if role == "g" else torch.randn(3, 1, 8, 8, device=device)
        with torch.autocast("cpu", torch.bfloat16, enabled=device == "cpu"):
            output = network(inputs)
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


def test_attention_starts_as_the_identity_and_each_place_attends_to_a_mean() -> None:
    layer, x = SelfAttention(16), torch.randn(2, 16, 6, 10)
    assert torch.equal(layer(x), x)
    layer.gamma.data.fill_(1.0)
    even = torch.ones_like(x) * torch.randn(16, 1, 1)
    torch.testing.assert_close(layer(even), even + layer.v(layer.h(even)))  # a mean of equal values is that value


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: ResNetGenerator(4, (1, 32, 32), attention=7), "attention=7: the blocks' maps are 8, 16, 32 "),
        (lambda: ResNetDiscriminator((1, 32, 32), halvings=2, attention=32), "attention=32: .* maps are 16, 8 "),
        (lambda: ResNetDiscriminator((1, 8, 8), halvings=4), "halvings=4: leave nothing of 8 x 8 pixels"),
    ],
)
def test_what_does_not_fit_the_maps_is_refused(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


@pytest.mark.parametrize("model", ["sn_resnet", "sagan"])
def test_spectral_normalisation_comes_with_the_model_and_can_be_taken_out(
    composed: Callable[..., DictConfig], model: str
) -> None:
    """The tables of a conditional batch normalisation go without."""
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
