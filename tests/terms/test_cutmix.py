"""Laws of CutMix consistency."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.terms.cutmix import CutMix, boxes
from gan_lab.types import DiscriminatorOutput


def judged(x: Tensor, power: int) -> DiscriminatorOutput:
    """Logits of 2 x 2 pixels, and of each pixel: its value to a power."""
    return DiscriminatorOutput(x.sum((1, 2, 3)), scales=(x[:, 0, :2, :2], x[:, 0] ** power))


def context(power: int) -> Any:
    real, fake = torch.full((64, 1, 6, 9), 2.0), torch.full((64, 1, 6, 9), -1.0)
    return SimpleNamespace(
        real=real, fake=fake, real_output=judged(real, power), fake_output=judged(fake, power),
        discriminate=lambda x: judged(x, power),
    )  # fmt: skip


def test_a_d_that_judges_each_pixel_by_itself_is_consistent() -> None:
    assert CutMix().value(context(1)).item() == 0
    assert CutMix().value(context(3)).item() == 0


def test_an_inconsistent_one_pays_the_mean_squared_difference() -> None:
    one = context(1)
    one.discriminate = lambda x: judged(x + 0.5, 1)
    torch.testing.assert_close(CutMix().value(one), torch.tensor(0.25))


def test_a_d_without_logits_for_pixels_is_refused() -> None:
    one = context(1)
    one.discriminate = lambda x: DiscriminatorOutput(x.sum((1, 2, 3)))
    with pytest.raises(UserError, match="no logits for pixels"):
        CutMix().value(one)


def test_masks_are_boxes_of_the_images_proportions_with_either_side_kept() -> None:
    """Half of them are 1 in the box, half outside it."""
    torch.manual_seed(0)
    masks = boxes(4000, 30, 60, torch.device("cpu"))
    assert masks.shape == (4000, 30, 60) and set(masks.unique().tolist()) == {0.0, 1.0}
    assert masks.mean().item() == pytest.approx(0.5, abs=0.02)
    ones, zeros = masks > 0.5, masks < 0.5
    assert (rectangles(ones) | rectangles(zeros)).all()
    corner = masks[:, 0, 0]
    inside = masks != corner[:, None, None]  # but for the boxes that hold the corner
    heights, widths = (inside.any(axis).sum(1).float().mean().item() for axis in (2, 1))
    assert widths / heights == pytest.approx(2, rel=0.05)
    assert corner.mean().item() == pytest.approx(0.5, abs=0.03)


def test_the_box_has_the_share_of_the_area_about_its_centre_that_is_drawn() -> None:
    """Rows from c - h to below c + h, c the centre and h half the height, both rounded down; columns likewise."""
    torch.manual_seed(1)
    area, flip, row, column = torch.rand(4, 50, 1)[..., 0].tolist()
    torch.manual_seed(1)
    masks = boxes(50, 8, 12, torch.device("cpu"))
    for i, mask in enumerate(masks):
        h, w = (math.floor(math.sqrt(area[i]) * side) // 2 for side in (8, 12))
        r, c = math.floor(row[i] * 8), math.floor(column[i] * 12)
        box = [[r - h <= y < r + h and c - w <= x < c + w for x in range(12)] for y in range(8)]
        assert torch.equal(mask > 0.5, torch.tensor(box) ^ (flip[i] < 0.5))


def test_images_and_logits_are_mixed_by_the_same_masks() -> None:
    """Of a D that squares each pixel and adds the image's mean, which mixing does not preserve."""
    one, size = context(1), (64, 1, 6, 9)
    one.real, one.fake = torch.randn(size), torch.randn(size)

    def judge(x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.sum((1, 2, 3)), scales=(x[:, 0].square() + x.mean((1, 2, 3))[:, None, None],))

    one.discriminate, one.real_output, one.fake_output = judge, judge(one.real), judge(one.fake)
    torch.manual_seed(2)
    value = CutMix().value(one)
    torch.manual_seed(2)
    masks = boxes(64, 6, 9, torch.device("cpu"))
    mixed = judge(torch.where(masks[:, None] > 0.5, one.real, one.fake)).scales[0]
    apart = torch.where(masks > 0.5, one.real_output.scales[0], one.fake_output.scales[0])
    torch.testing.assert_close(value, (mixed - apart).square().mean())


def rectangles(masks: Tensor) -> Tensor:
    return masks.sum((1, 2)) == masks.any(2).sum(1) * masks.any(1).sum(1)
