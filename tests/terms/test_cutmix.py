"""Laws of CutMix consistency."""

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


def rectangles(masks: Tensor) -> Tensor:
    return masks.sum((1, 2)) == masks.any(2).sum(1) * masks.any(1).sum(1)
