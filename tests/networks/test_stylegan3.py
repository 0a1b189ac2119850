"""Laws of StyleGAN3's generator: filters against what they promise, bands, and moving with shifts and rotations."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from gan_lab.errors import UserError
from gan_lab.networks.filtered import FilteredLeakyReLU, enlarged, low_pass, reduced
from gan_lab.networks.stylegan3 import FourierFeatures, StyleGAN3Generator, bands
from gan_lab.types import Styled

Y = torch.arange(3)


def small(shape: tuple[int, int, int] = (1, 8, 8), classes: int | None = None, **more: bool) -> StyleGAN3Generator:
    torch.manual_seed(0)
    return StyleGAN3Generator(5, shape, classes, width=2, max_width=4, dim=6, layers=6, **more)


@pytest.mark.parametrize("radial", [False, True])
def test_a_filter_lets_pass_what_is_below_its_cutoff_and_stops_what_is_beyond_its_band(radial: bool) -> None:
    rate, cutoff, half = 64.0, 8.0, 6.0
    side = low_pass(24, cutoff, half, rate, radial).double()
    kernel = side if radial else torch.outer(side, side)
    assert kernel.sum().item() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(kernel, kernel.flip(0, 1))

    def response(across: float, down: float) -> float:
        """To a wave of so many cycles along each axis."""
        x = (np.arange(24) - 11.5) / rate
        wave = np.cos(2 * np.pi * (across * x[None] + down * x[:, None]))
        return float((kernel.numpy() * wave).sum())

    assert response(4, 0) == pytest.approx(1, abs=0.1) and response(0, 16) == pytest.approx(0, abs=0.03)
    assert response(8, 0) == pytest.approx(0.5, abs=0.1)
    around = [response(8 * math.cos(a), 8 * math.sin(a)) for a in np.linspace(0, np.pi, 9)]
    assert (np.ptp(around) < 0.03) == radial  # the same in all directions


def test_separable_filters_are_convolutions_with_their_outer_product() -> None:
    x, side = torch.randn(2, 3, 9, 9), torch.rand(6)
    kernel = torch.outer(side, side)
    torch.testing.assert_close(reduced(x, side, 2), reduced(x, kernel, 2))
    empty = torch.zeros(2, 3, 27, 27)
    empty[:, :, ::3, ::3] = x
    padded = nn.functional.pad(empty[:, :, :-2, :-2], [5, 5, 5, 5])
    torch.testing.assert_close(enlarged(x, side, 3), reduced(padded, 9 * kernel.flip(0, 1), 1))


@pytest.mark.parametrize(("size", "out", "up", "down"), [(36, 36, 2, 2), (38, 52, 4, 2), (52, 32, 2, 2)])
def test_the_filtered_relu_keeps_size_and_centre_and_is_linear_where_nothing_is_negative(
    size: int, out: int, up: int, down: int
) -> None:
    rise, fall = (low_pass(6 * times, 4.0, 4.0, 16.0 * times) for times in (up, down))
    layer, x = FilteredLeakyReLU(size, out, up, down, rise, fall), torch.zeros(1, 1, size, size)
    middle = slice(out // 2 - 4, out // 2 + 4)
    flat = layer(x + 1)[:, :, middle, middle]
    torch.testing.assert_close(flat, torch.full_like(flat, math.sqrt(2)), atol=2e-2, rtol=0)
    ramp = layer(2 + (torch.arange(size) + 0.5 - size / 2).expand(1, 1, size, size) / size)[0, 0, out // 2, middle]
    places = (torch.arange(8) - 3.5) * down / up / size
    torch.testing.assert_close(ramp, math.sqrt(2) * (2 + places), atol=3e-2, rtol=0)


@pytest.mark.parametrize("resolution", [8, 32, 256, 1024])
def test_bands_grow_to_the_whole_image(resolution: int) -> None:
    maps = bands(resolution, 14)
    assert len(maps) == 15 and maps[0].cutoff == 2 and maps[-1].cutoff == resolution / 2
    assert [band.size for band in maps[-2:]] == [resolution] * 2
    for a, b in zip(maps, maps[1:], strict=False):
        assert a.cutoff <= b.cutoff and a.rate <= b.rate <= resolution
    assert all(band.cutoff <= band.rate / 2 and band.half_width > 0 for band in maps)


def test_too_few_layers_are_refused() -> None:
    with pytest.raises(UserError, match="layers=2: must be at least 3"):
        bands(32, 2)


@pytest.mark.parametrize("rotation", [False, True])
@pytest.mark.parametrize(("shape", "classes"), [((1, 8, 8), None), ((3, 32, 32), 3)])
def test_it_makes_images_on_any_device(shape: tuple[int, int, int], classes: int | None, rotation: bool) -> None:
    for device in ("meta", "cpu"):
        network = small(shape, classes, rotation=rotation).to(device)
        y = None if classes is None else Y.to(device)
        with torch.autocast("cpu", torch.bfloat16, enabled=device == "cpu"):
            x = network(torch.randn(3, 5, device=device), y)
        assert x.shape == (3, *shape) and isinstance(network, Styled)
        slopes = torch.autograd.grad(x.float().square().sum(), [*network.parameters()])
        assert device == "meta" or all(slope.isfinite().all() for slope in slopes)


def test_only_forward_in_training_moves_the_centre_and_the_magnitudes() -> None:
    network, z = small(), torch.randn(3, 5)

    def moving() -> list[torch.Tensor]:
        return [network.centre.clone(), *(layer.magnitude.clone() for layer in network.layers)]

    before = moving()
    x = network.synthesise(network.styles(z))
    network.eval()(z)
    assert all(torch.equal(a, b) for a, b in zip(before, moving(), strict=True))
    network.train()(z)
    assert not any(torch.equal(a, b) for a, b in zip(before, moving(), strict=True))
    assert x.shape == (3, 1, 8, 8)


def test_features_move_as_their_transformation_says() -> None:
    """By half a map's sampling distance and a right angle, which the places of the map take to one another."""
    band = bands(8, 6)[0]
    features, w = FourierFeatures(6, 4, band), torch.zeros(1, 6)
    x = features(w)
    features.affine.bias.data = torch.tensor([1.0, 0.0, 2 / band.rate, 0.0])
    torch.testing.assert_close(features(w)[..., 2:], x[..., :-2], atol=1e-4, rtol=0)
    features.affine.bias.data = torch.tensor([0.0, 3.0, 0.0, 0.0])
    turned = features(w)
    assert torch.allclose(turned, x.rot90(1, (2, 3)), atol=1e-4) or torch.allclose(
        turned, x.rot90(-1, (2, 3)), atol=1e-4
    )


@pytest.mark.parametrize("rotation", [False, True])
def test_images_move_by_a_fraction_of_the_smallest_map_s_pixels(rotation: bool) -> None:
    """By one pixel of 32, half of one at the rate of 16: what leaves the image comes back from its margin."""
    network = small((1, 32, 32), rotation=rotation).eval()
    w = network.styles(torch.randn(3, 5))
    x = network.synthesise(w)
    network.features.affine.bias.data[2] = 1 / 32
    moved = network.synthesise(w)
    assert (moved[..., 1:] - x[..., :-1]).square().mean() < 1e-6 * x.var()
    assert (x[..., 1:] - x[..., :-1]).square().mean() > 1e-3 * x.var()
