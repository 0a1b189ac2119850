"""Laws of the wavelet filters, and of the groups of ADA that use them or corrupt images."""

import math
from collections.abc import Callable
from unittest.mock import patch

import pytest
import torch
from omegaconf import DictConfig

from gan_lab.augment import adaptive
from gan_lab.augment.adaptive import Cutout, FilteredGeometry, Filtering, Noise
from gan_lab.augment.images import filtered_warp
from gan_lab.augment.wavelets import OCTAVES, SYM2, SYM6, doubling, halving, reflected

ALWAYS = torch.tensor(1.0)


@pytest.mark.parametrize("wavelet", [SYM2, SYM6], ids=["sym2", "sym6"])
def test_a_wavelet_is_orthonormal_and_has_as_many_vanishing_moments_as_its_name_says(
    wavelet: tuple[float, ...],
) -> None:
    h, taps = torch.tensor(wavelet, dtype=torch.float64), len(wavelet)
    assert h.sum().item() == pytest.approx(math.sqrt(2))
    for shift in range(taps // 2):
        assert (h[2 * shift :] @ h[: taps - 2 * shift]).item() == pytest.approx(float(shift == 0), abs=1e-9)
    place = torch.linspace(-1, 1, taps, dtype=torch.float64)
    high = h * (-1.0) ** torch.arange(taps)
    for moment in range(taps // 2):
        assert (high @ place**moment).item() == pytest.approx(0, abs=1e-9)


def test_octaves_add_up_to_the_image_and_divide_the_frequencies() -> None:
    whole = torch.zeros(43, dtype=torch.float64)
    whole[21] = 1
    torch.testing.assert_close(OCTAVES.sum(0), whole)
    torch.testing.assert_close(OCTAVES.flip(1), OCTAVES)
    power = torch.fft.rfft(OCTAVES, 512).abs()
    frequencies = torch.arange(257) / 256  # of pi
    middle = (power * frequencies).sum(1) / power.sum(1)
    edges = [0, 1 / 8, 1 / 4, 1 / 2, 1]
    assert all(low < mean < high for low, mean, high in zip(edges, middle.tolist(), edges[1:], strict=False))


def test_halving_is_half_the_transpose_of_doubling_and_undoes_it() -> None:
    like, n = torch.zeros((), dtype=torch.float64), 9
    wide = doubling(n + 6, 0, like)  # with three pixels more each way, to which the filter's ends reach
    torch.testing.assert_close(halving(n, like), wide.T[3:-3, 1:-1] / 2)
    torch.testing.assert_close(halving(n, like) @ wide[1:-1], torch.eye(n + 6, dtype=torch.float64)[3:-3])
    x = torch.randn(n, 1, dtype=torch.float64)
    torch.testing.assert_close(
        doubling(n, 4, like) @ x, doubling(n + 8, 0, like) @ reflected(x[None, None], (4, 0))[0, 0]
    )


def test_an_image_is_reflected_as_often_as_it_takes() -> None:
    x = torch.arange(3.0).view(1, 1, 1, 3)
    assert reflected(x, (0, 5))[0, 0, 0].tolist() == [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]
    assert reflected(x, (2, 0)).shape == (1, 1, 5, 3)


def test_a_filtered_warp_joins_its_maps_before_it_resamples() -> None:
    """Half a turn of the image shifted by whole pixels is the shift back of the image turned."""
    x, n = torch.randn(1, 2, 12, 12), torch.eye(2)[None]
    turn, shift = (-n, torch.zeros(1, 2)), (n, torch.tensor([[2.0, -1.0]]))
    back = (n, -shift[1])
    assert torch.equal(filtered_warp(x, [shift, turn]), filtered_warp(x, [turn, back]))
    assert not torch.equal(filtered_warp(x, [shift, turn]), filtered_warp(x, [turn, shift]))
    torch.testing.assert_close(filtered_warp(x, []), x)


@pytest.mark.parametrize("group", ["pixel_blitting", "geometric"])
def test_a_group_of_the_geometry_is_left_out_by_none(group: str) -> None:
    x, both = torch.randn(4, 1, 12, 12), {"pixel_blitting": None, "geometric": None}
    torch.testing.assert_close(FilteredGeometry(**both)(x, ALWAYS), x)
    del both[group]
    assert not torch.allclose(FilteredGeometry(**both)(x, ALWAYS), x)


def test_the_gains_of_each_draw_keep_the_expected_power() -> None:
    """Of an image that is constant, 1, the lowest octave is all; each of the four draws is t = 2."""
    with patch.multiple(adaptive, normal=lambda x, sigma: torch.ones(len(x)), chosen=lambda drawn, neutral, p: drawn):
        found = Filtering()(torch.ones(2, 3, 8, 8), ALWAYS)
    own, of_another = 2 / math.sqrt((10 * 4 + 3) / 13), 1 / math.sqrt((12 + 4) / 13)
    torch.testing.assert_close(found, torch.full_like(found, (own * of_another**3) ** 2))


def test_noise_has_a_strength_of_its_own_for_each_image() -> None:
    torch.manual_seed(1)
    added = Noise(sigma=0.1)(torch.zeros(2000, 1, 8, 8), ALWAYS)
    strengths = added.std((1, 2, 3))
    assert strengths.mean().item() == pytest.approx(0.1 * math.sqrt(2 / math.pi), rel=0.05)  # of |N(0, .1^2)|
    assert added.square().mean().sqrt().item() == pytest.approx(0.1, rel=0.05)


def test_cutout_takes_a_box_around_any_point() -> None:
    torch.manual_seed(2)
    cut = Cutout(ratio=0.5)(torch.ones(2000, 3, 8, 12), ALWAYS) == 0
    assert torch.equal(cut[:, 0], cut[:, 2])
    sides = cut[:, 0].any(2).sum(1), cut[:, 0].any(1).sum(1)
    assert [side.max().item() for side in sides] == [4, 6] and [side.min().item() for side in sides] == [2, 3]
    assert cut.any(0).all()


def test_each_preset_adds_a_group_to_the_one_before(composed: Callable[..., DictConfig]) -> None:
    groups: dict[str, DictConfig] = {}
    for name, added in (
        ("bg", "geometry"),
        ("bgc", "color"),
        ("bgcf", "filtering"),
        ("bgcfn", "noise"),
        ("bgcfnc", "cutout"),
    ):
        policy = composed("data=digits", f"wrapper@d_wrappers=[ada_{name}]").d_wrappers.ada.policy
        assert list(policy) == [*groups, added]
        assert all(policy[group] == settings for group, settings in groups.items())
        groups = dict(policy)
