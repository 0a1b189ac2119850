"""Laws of R3GAN's networks: shapes for all sizes that they promise, their start, resamplers against interpolation."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gan_lab.networks.r3gan import R3GANDiscriminator, R3GANGenerator, ResidualBlock
from gan_lab.networks.resampling import Downsample, Upsample

SIZES = [8, 12, 16, 28, 32, 40, 64]
NORMALISATION = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.LocalResponseNorm)


def second_moment(x: Tensor) -> float:
    return x.square().mean().item()


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [m for m in network.modules() if isinstance(m, nn.Conv2d)]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES)
def test_they_make_and_judge_every_size_without_normalisation(size: int, channels: int) -> None:
    shape, small = (channels, size, size), {"width": 4, "max_width": 8, "blocks": 1, "group_width": 4}
    generator, discriminator = R3GANGenerator(7, shape, **small), R3GANDiscriminator(shape, **small)
    x = generator(torch.randn(3, 7))
    assert x.shape == (3, *shape)
    output = discriminator(x)
    assert output.logits.shape == (3,)
    assert [features.shape for features in output.features] == [(3, 8)]
    assert not any(isinstance(m, NORMALISATION) for m in [*generator.modules(), *discriminator.modules()])


def test_for_32_pixels_they_are_the_authors_cifar_10_nets() -> None:
    with torch.device("meta"):
        setting = {"width": 768, "max_width": 768, "blocks": 2, "group_width": 16}
        players = [R3GANGenerator(64, (3, 32, 32), **setting), R3GANDiscriminator((3, 32, 32), **setting)]
    # Of a block: 1 x 1 convolutions to 1536 channels and back, a 3 x 3 one in 96 groups, and two biases.
    blocks = 4 * 2 * (2 * 768 * 1536 + 1536 * 16 * 9 + 2 * 1536)
    ends = [768 * 4 * 4 + 64 * 768 + 3 * 768, 768 * 4 * 4 + 768 + 3 * 768]
    assert [sum(p.numel() for p in player.parameters()) for player in players] == [blocks + end for end in ends]
    grouped = [c for c in convolutions(players[0]) if c.kernel_size == (3, 3)]
    assert {c.groups for c in grouped} == {96}


def test_for_256_pixels_their_channels_are_the_authors_ffhq_ones() -> None:
    with torch.device("meta"):
        generator = R3GANGenerator(64, (3, 256, 256))
    grouped = [c for c in convolutions(generator) if c.kernel_size == (3, 3)]
    assert [c.in_channels // 2 for c in grouped[::2]] == [768, 768, 768, 768, 384, 192, 96]
    assert [c.groups for c in grouped[::2]] == [96, 96, 96, 96, 48, 24, 12]


@pytest.mark.parametrize("depth", [1, 4, 16])
def test_a_block_starts_as_the_identity_with_a_branch_of_variance_one_in_depth(depth: int) -> None:
    torch.manual_seed(0)
    block, x = ResidualBlock(64, expansion=2, group_width=32, depth=depth), torch.randn(8, 64, 16, 16)
    assert torch.equal(block(x), x)
    inner = block.branch[:-1](x)[..., 1:-1, 1:-1]  # within the border, where the 3 x 3 convolution meets no zeros
    assert second_moment(inner) == pytest.approx(1 / depth, rel=0.15)


@pytest.mark.parametrize(
    "network", [R3GANGenerator(4, (1, 28, 28), width=16), R3GANDiscriminator((1, 28, 28), width=16)]
)
def test_biases_stand_before_nonlinearities_only_and_start_at_zero(network: nn.Module) -> None:
    branches = [module.branch for module in network.modules() if isinstance(module, ResidualBlock)]
    pairs = [pair for branch in branches for pair in pairwise(branch)]
    expected = [layer.bias for layer, following in pairs if isinstance(following, nn.LeakyReLU)]
    biases = [parameter for name, parameter in network.named_parameters() if name.endswith("bias")]
    assert {id(bias) for bias in biases} == {id(bias) for bias in expected}
    assert not any(bias.any() for bias in biases)


def test_groups_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="group_width=3 must divide a block's 32 inner channels"):
        ResidualBlock(16, expansion=2, group_width=3, depth=1)


@pytest.mark.parametrize("size", [8, 28, 32])
def test_variance_passes_through_both_players_at_the_start(size: int) -> None:
    torch.manual_seed(0)
    setting = {"width": 32, "max_width": 128, "group_width": 16}
    generator, discriminator = (
        R3GANGenerator(64, (1, size, size), **setting),
        R3GANDiscriminator((1, size, size), **setting),
    )
    inside = generator.net[:-1](generator.basis * generator.modulation(torch.randn(64, 64))[:, :, None, None])
    assert 0.1 < second_moment(inside) < 1.5  # the resampler smooths: it takes from white noise, from no constant
    x = interpolate(torch.randn(64, 1, 4, 4), size, mode="bilinear")
    assert 0.1 < second_moment(discriminator.trunk(x)) / second_moment(x) < 10


@pytest.mark.parametrize("size", [4, 7, 14])
def test_resamplers_are_bilinear_interpolation_within_the_border(size: int) -> None:
    x = torch.randn(2, 3, 2 * size, 2 * size)
    up, down = (
        interpolate(x, scale_factor=2, mode="bilinear"),
        interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True),
    )
    assert Upsample()(x).shape == up.shape and Downsample()(x).shape == down.shape
    for found, expected in ((Upsample()(x), up), (Downsample()(x), down)):
        torch.testing.assert_close(found[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])
