"""Laws of augmentation: what each transformation computes, how often, and what D and the run make of it."""

import math
from typing import Any

import pytest
import torch
from helpers.configuration import options
from torch import Tensor
from torch.nn import functional as F

from gan_lab.augment import adaptive, diff_augment
from gan_lab.augment.adaptive import rotation
from gan_lab.augment.images import contrast, cut_out, hue, saturation, warp

AUGMENTED = [name for name in options("wrapper") if "augment" in name]
PARTS = {
    f"{module.__name__.rsplit('.')[-1]}.{name}": part
    for module in (adaptive, diff_augment)
    for name, part in vars(module).items()
    if isinstance(part, type) and part.__module__ == module.__name__
}
ALL_ON = {"flip": True, "quarter_turns": True, "luma_flip": True}
ALWAYS, NEVER = torch.tensor(1.0), torch.tensor(0.0)


def part(name: str) -> Any:
    """A transformation with everything that is off by default on."""
    kind = PARTS[name]
    return kind(**{knob: on for knob, on in ALL_ON.items() if knob in kind.__dataclass_fields__})


def upright(n: int) -> Tensor:
    return torch.eye(2).expand(n, 2, 2)


# --- laws of all transformations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 7), (1, 28, 28), (3, 3, 5)])
def test_at_p_0_an_image_is_left_alone_and_at_p_1_changed(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.rand(16, *shape) * 2 - 1
    torch.testing.assert_close(part(name)(x, NEVER), x)
    changed = part(name)(x, ALWAYS)
    assert changed.shape == x.shape and changed.dtype == x.dtype
    assert not torch.equal(changed, x)


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_is_the_one_by_differences_and_so_is_the_second(name: str, channels: int) -> None:
    x = torch.rand(2, channels, 5, 5, dtype=torch.float64, requires_grad=True)

    def fixed(x: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same draws each time
        return part(name)(x, ALWAYS)

    torch.manual_seed(0)  # of the directions in which it is tried
    assert torch.autograd.gradcheck(fixed, (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: fixed(x).square(), (x,), fast_mode=True)


@pytest.mark.parametrize("name", PARTS)
def test_each_image_has_draws_of_its_own_and_none_of_its_neighbours_pixels(name: str) -> None:
    torch.manual_seed(2)
    x = torch.rand(1, 3, 16, 16).expand(8, -1, -1, -1)
    found = part(name)(x, ALWAYS)
    assert len({tuple(image.flatten().tolist()) for image in found}) > 4
    other = x.clone()
    other[1:] = 0.0
    torch.manual_seed(3)
    first = part(name)(x, ALWAYS)[0]
    torch.manual_seed(3)
    assert torch.equal(part(name)(other, ALWAYS)[0], first)


@pytest.mark.parametrize("name", ["adaptive.PixelBlitting", "adaptive.Geometric"])
def test_an_image_is_left_alone_as_often_as_p_says(name: str) -> None:
    """Of k independent transformations none happens with probability (1 - p)^k."""
    torch.manual_seed(4)
    one = {"adaptive.PixelBlitting": {"translation": 0.5}, "adaptive.Geometric": {"scale": 0, "anisotropy": 0}}[name]
    if name == "adaptive.Geometric":
        one["translation"] = 0
    x, p, n = torch.rand(1, 1, 16, 16).expand(4000, -1, -1, -1), 0.3, 4000
    moved = (PARTS[name](**one)(x, torch.tensor(p)) - x).abs().amax((1, 2, 3)) > 1e-6
    expected = p if name == "adaptive.Geometric" else p * (1 - 1 / 17**2)  # a shift by zero may be drawn
    assert moved.double().mean().item() == pytest.approx(expected, abs=4 * math.sqrt(p * (1 - p) / n))


# --- what each of them is -------------------------------------------------------------------------------------------


def test_a_shift_by_whole_pixels_moves_the_content_down_and_to_the_right() -> None:
    x = torch.randn(2, 3, 6, 7)
    shift = torch.tensor([[2.0, 1.0], [0.0, -3.0]])
    found = warp(x, upright(2), shift, fill=0.5)
    expected = torch.full_like(x, 0.5)
    expected[0, :, 2:, 1:] = x[0, :, :-2, :-1]
    expected[1, :, :, :-3] = x[1, :, :, 3:]
    assert torch.equal(found, expected)
    reflected = F.pad(x[:1], (1, 0, 2, 0), mode="reflect")[:, :, :6, :7]
    assert torch.equal(warp(x[:1], upright(1), shift[:1]), reflected)


def test_a_quarter_turn_and_a_mirror_image_are_exact() -> None:
    x = torch.randn(3, 2, 6, 6)
    quarter = rotation(torch.full((3,), math.pi / 2)).round()
    assert torch.equal(warp(x, quarter, torch.zeros(3, 2)), x.rot90(-1, (2, 3)))
    mirror = torch.diag_embed(torch.tensor([[1.0, -1.0]]).expand(3, 2))
    assert torch.equal(warp(x, mirror, torch.zeros(3, 2)), x.flip(3))


def test_an_affine_map_is_that_of_torchs_grid_sample() -> None:
    torch.manual_seed(5)
    x, n, size = torch.randn(4, 3, 9, 9, dtype=torch.float64), 4, 9
    linear, shift = torch.randn(n, 2, 2, dtype=torch.float64), torch.randn(n, 2, dtype=torch.float64) * 3
    # Theirs is in units of half the image and has the column first.
    offset = -torch.einsum("nij,nj->ni", linear, shift) * 2 / (size - 1)
    theta = torch.cat([linear.flip(1, 2), offset.flip(1)[:, :, None]], 2)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=True)
    expected = F.grid_sample(x, grid, padding_mode="reflection", align_corners=True)
    torch.testing.assert_close(warp(x, linear, shift), expected)


def test_the_box_that_is_cut_out() -> None:
    x = torch.ones(2, 1, 8, 8)
    found = cut_out(x, torch.tensor([[4, 4], [0, 7]]), torch.tensor([[4, 4], [4, 2]]))
    expected = torch.ones(2, 1, 8, 8)
    expected[0, :, 2:6, 2:6] = 0
    expected[1, :, :2, 6:8] = 0
    assert torch.equal(found, expected)


def test_cutout_may_cut_any_place() -> None:
    torch.manual_seed(6)
    found = diff_augment.Cutout()(torch.ones(2000, 1, 8, 8), ALWAYS)
    assert (found == 0).any(0).all() and (found == 1).any(0).all()
    assert found[:, 0].flatten(1).sum(1).min() == 64 - 16  # half the side each way
    share = found[:, 0].mean(0)
    torch.testing.assert_close(share, share.flip(0, 1), atol=0.06, rtol=0)  # no side before another


def test_colours_are_changed_as_their_formulas_say() -> None:
    x = torch.rand(5, 3, 4, 4)
    v = torch.rand(5)
    luma = x.mean(1, keepdim=True)
    torch.testing.assert_close(saturation(x, 0 * v), luma.expand_as(x))
    torch.testing.assert_close(saturation(x, v).mean(1, keepdim=True), luma)
    torch.testing.assert_close(contrast(x, v).std((1, 2, 3)), v * x.std((1, 2, 3)))
    torch.testing.assert_close(contrast(x, v).mean((1, 2, 3)), x.mean((1, 2, 3)))
    third = torch.full((5,), 2 * math.pi / 3)  # a third of a turn passes the channels on
    torch.testing.assert_close(hue(x, third), x.roll(1, 1))
    axis = torch.full((3,), 1 / math.sqrt(3))
    generator = torch.tensor([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    context = torch.linalg.matrix_exp(generator * v[:, None, None])
    torch.testing.assert_close(hue(x, v), torch.einsum("nij,njhw->nihw", context, x))


def test_luma_is_mirrored_and_hue_is_nothing_to_a_grey_image() -> None:
    torch.manual_seed(7)
    flip = adaptive.Color(brightness=0, contrast=0, luma_flip=True, hue=0, saturation=0)
    x = torch.rand(64, 3, 4, 4)
    found = flip(x, ALWAYS)
    mirrored = (found - x).abs().amax((1, 2, 3)) > 1e-6
    assert 16 < int(mirrored.sum()) < 48
    torch.testing.assert_close(found[mirrored].mean(1), -x[mirrored].mean(1))
    grey = torch.rand(4, 1, 4, 4)
    torch.testing.assert_close(hue(grey, torch.rand(4)), grey)
    torch.testing.assert_close(saturation(grey, torch.rand(4)), grey)


def test_what_is_drawn_is_as_wide_as_it_says() -> None:
    torch.manual_seed(8)
    x, n = torch.full((20000, 1, 1, 1), 0.3), 20000
    b = diff_augment.Color(brightness=0.5, saturation=0, contrast=0)(x, ALWAYS).flatten() - 0.3
    assert -0.5 <= b.min() and b.max() <= 0.5 and b.std().item() == pytest.approx(1 / math.sqrt(12), rel=0.03)
    b = adaptive.Color(brightness=0.2, contrast=0)(x, ALWAYS).flatten() - 0.3
    assert b.std().item() == pytest.approx(0.2, rel=0.03) and abs(b.mean().item()) < 4 * 0.2 / math.sqrt(n)
    c = adaptive.Color(brightness=0, contrast=0.5)(x, ALWAYS).flatten() / 0.3
    assert c.log2().std().item() == pytest.approx(0.5, rel=0.03)
    row = torch.arange(64.0).view(1, 1, 64, 1).expand(2000, 1, 64, 64)
    by = 32 - diff_augment.Translation(0.125)(row, ALWAYS)[:, 0, 32, 32]
    assert by.unique().tolist() == list(range(-8, 9))
