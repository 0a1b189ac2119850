"""The networks that take pictures to pictures."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_lab.errors import UserError
from gan_lab.networks.patchgan import PatchGANDiscriminator
from gan_lab.networks.srgan import SRGANGenerator
from gan_lab.networks.unet import UNetGenerator


def stirred(network: nn.Module) -> nn.Module:
    """Weights that are not near zero, so that every input shows."""
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.1)
    return network


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 12, 28, 32, 64])
def test_the_unet_completes_every_size_and_reads_noise_and_condition(size: int, channels: int) -> None:
    torch.manual_seed(0)
    shape = (channels, size, size)
    generator = stirred(UNetGenerator(5, shape, width=4)).eval()
    z, y = torch.randn(3, 5), torch.randn(3, *shape)
    x = generator(z, y)
    assert x.shape == y.shape and x.abs().max() <= 1
    for other in (generator(z.roll(1, 0), y), generator(z, y.roll(1, 0))):
        assert not (other == x).flatten(1).all(1).any()


def test_srgan_with_a_skip_starts_as_bicubic_and_stays_in_range() -> None:
    torch.manual_seed(0)
    generator, z = SRGANGenerator((3, 16, 16), 4, width=4, blocks=1, skip=True), torch.zeros(5, 1)
    y = torch.rand(5, 3, 4, 4) * 2 - 1
    bicubic = F.interpolate(y, (16, 16), mode="bicubic")
    torch.testing.assert_close(generator(z, y), bicubic.clamp(-1, 1))
    assert bicubic.abs().max() > 1  # it overshoots
    (generator(z, y) - bicubic + 0.1).square().mean().backward()
    assert all(p.grad is not None for p in generator.parameters())
    assert generator.last[-2].weight.grad.abs().sum() > 0  # zero is not where it stays
    assert stirred(generator)(z, y).abs().max() <= 1


@pytest.mark.parametrize(("size", "factor"), [(8, 2), (8, 8), (28, 4), (28, 2), (32, 4), (64, 8), (28, 1)])
@pytest.mark.parametrize("latent_dim", [0, 2])
def test_srgan_enlarges_every_size_and_reads_its_planes_of_noise(size: int, factor: int, latent_dim: int) -> None:
    torch.manual_seed(0)
    shape = (2, size, size)
    generator = stirred(SRGANGenerator(shape, factor, latent_dim, width=4, blocks=2)).eval()
    z, y = torch.randn(3, 5), torch.randn(3, 2, size // factor, size // factor)
    x = generator(z, y)
    assert x.shape == (3, *shape) and x.abs().max() <= 1
    assert torch.equal(generator(z.roll(1, 0), y), x) == (latent_dim == 0)
    assert not (generator(z, y.roll(1, 0)) == x).flatten(1).all(1).any()


@pytest.mark.parametrize(("size", "factor"), [(12, 3), (28, 8)])
def test_srgan_refuses_a_factor_that_it_cannot_double_to(size: int, factor: int) -> None:
    with pytest.raises(UserError, match=f"factor={factor}: must be a power of two that divides the size"):
        SRGANGenerator((1, size, size), factor)


@pytest.mark.parametrize(
    ("size", "layers", "patches"), [(8, 1, 2), (28, 1, 12), (28, 2, 5), (32, 2, 6), (64, 3, 6), (256, 3, 30)]
)
def test_patchgan_judges_so_many_patches_of_x_with_y(size: int, layers: int, patches: int) -> None:
    torch.manual_seed(0)
    shape = (2, size, size)
    discriminator = stirred(PatchGANDiscriminator(shape, width=2, layers=layers)).eval()
    x, y = torch.randn(2, 3, *shape)
    output = discriminator(x, y)
    assert output.logits.shape == (3, patches, patches)
    assert not torch.equal(output.logits, discriminator(x, y.roll(1, 0)).logits)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_is_as_large_as_the_paper_s(layers: int, field: int) -> None:
    discriminator = PatchGANDiscriminator((1, 128, 128), width=1, layers=layers).eval()
    x = torch.zeros(1, 1, 128, 128, requires_grad=True)
    for parameter in discriminator.parameters():
        parameter.data.fill_(0.1)
    logits = discriminator(x, torch.zeros_like(x)).logits
    middle = logits.shape[1] // 2
    (slope,) = torch.autograd.grad(logits[0, middle, middle], x)
    assert slope[0, 0].any(0).sum() == slope[0, 0].any(1).sum() == field


def test_so_many_layers_leave_nothing() -> None:
    with pytest.raises(UserError, match="layers=2 leave nothing of 8 x 8 pixels"):
        PatchGANDiscriminator((1, 8, 8), layers=2)


@pytest.mark.parametrize("wrong", [torch.zeros(3, dtype=torch.int64), torch.zeros(3, 1, 4, 4), torch.zeros(3, 7)])
def test_a_condition_of_another_shape_is_refused(wrong: Tensor) -> None:
    for call in (UNetGenerator(5, (1, 8, 8), width=2), PatchGANDiscriminator((1, 8, 8), width=2)):
        with pytest.raises(UserError, match=r"the condition must be images \(1, 8, 8\), and it is"):
            call(torch.zeros(3, 5) if isinstance(call, UNetGenerator) else torch.zeros(3, 1, 8, 8), wrong)
