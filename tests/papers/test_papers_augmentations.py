"""Augmentations, and the callback that steers them beside their authors' own code (docs/papers.md)."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from helpers.authors import numbers, sums
from torch import nn

from gan_lab.augment import Augmented, adaptive, diff_augment
from gan_lab.augment.images import contrast, each, hue, saturation
from gan_lab.callbacks.adaptive_augment import AdaptiveAugment
from gan_lab.losses import NonSaturating


def ada_controller() -> list[float]:
    """p after every fourth of 24 rounds of eight images."""
    augmented = Augmented(nn.Identity(), {}, p=0.0)
    gan: Any = SimpleNamespace(
        d=SimpleNamespace(network=augmented), loss=NonSaturating(), record={}, update=None, device="cpu"
    )
    trainer: Any = SimpleNamespace(datamodule=SimpleNamespace(batch_size=8), should_stop=False)
    controller, ps = AdaptiveAugment(target=0.2, interval=4, kimg=0.2, every=1000), []
    for gan.round, logits in enumerate(numbers(138, 24, 8) + 0.35, 1):
        gan.record["logits/real"] = logits
        controller.after_round(trainer, gan)
        ps.append(augmented.p.item())
    return ps[3::4]


def diff_augment_colours() -> list[float]:
    x, (b, s, c) = numbers(35, 5, 3, 4, 4), (torch.from_numpy(np.random.RandomState(k).rand(5)) for k in (36, 37, 38))
    return sums(contrast(saturation(x + each(b - 0.5), 2 * s), c + 0.5))


def ada_colours() -> list[float]:
    """Of the draws at the 70th percentile, as their code counts it: brightness, contrast, luma, hue, saturation."""
    x, q = numbers(35, 5, 3, 4, 4), torch.erfinv(torch.tensor(0.4, dtype=torch.float64)).item()
    x = (x + 0.2 * q) * 2 ** (0.5 * q)
    x = x - 2 * x.mean(1, keepdim=True)
    angle, gain = (torch.full((5,), value, dtype=torch.float64) for value in (0.4 * torch.pi, 2.0**q))
    return sums(saturation(hue(x, angle), gain))


def ada_pipeline(channels: int, corrupted: bool) -> list[float]:
    """Blits and geometry, and with `corrupted` all that follows, where each group happens to each image."""
    draws, x = np.random.RandomState(71), numbers(70, 4, channels, 24, 24)
    scripted = {
        "chosen": lambda drawn, neutral, p: drawn,
        "uniform": lambda x, low, high: low + (high - low) * torch.from_numpy(draws.rand(len(x))),
        "normal": lambda x, sigma: sigma * torch.from_numpy(draws.randn(len(x))),
    }
    groups: list[Any] = [adaptive.FilteredGeometry(adaptive.PixelBlitting(flip=True, quarter_turns=True))]
    if corrupted:
        groups += [adaptive.Color(luma_flip=True), adaptive.Filtering(), adaptive.Noise(), adaptive.Cutout()]
    noise = patch.object(torch, "randn_like", lambda x: numbers(72, *x.shape))
    torch.set_default_dtype(torch.float64)
    try:
        with patch.multiple(adaptive, **scripted), noise:
            for group in groups:
                x = group(x, torch.ones(()))
    finally:
        torch.set_default_dtype(torch.float32)
    return sums(x)


SIDES = (4, 5, 8, 9, 16, 20, 28, 32, 33, 36, 52, 64, 68)


def furthest_shifts() -> list[float]:
    found = []
    for side in SIDES:
        torch.manual_seed(0)
        rows = torch.arange(1.0, side + 1).view(1, 1, side, 1).expand(1000, 1, side, side)
        moved = diff_augment.Translation()(rows, torch.tensor(1.0))
        found.append((side // 2 + 1 - moved[:, 0, side // 2, side // 2]).max().item())
    return found


def largest_boxes() -> list[float]:
    images = (torch.ones(500, 1, side, side) for side in SIDES)
    cut = (diff_augment.Cutout()(x, torch.tensor(1.0)) == 0 for x in images)
    return [box.any(3).flatten(1).sum(1).max().item() for box in cut]


def shares_of_shifts() -> list[float]:
    """How often each whole shift of 32 pixels by up to .125 of them comes, from -4 to 4."""
    torch.manual_seed(0)
    rows = torch.arange(32.0).view(1, 1, 32, 1).expand(20000, 1, 32, 4)
    by = 16 - adaptive.PixelBlitting()(rows, torch.tensor(1.0))[:, 0, 16, 0]
    return [(by == k).double().mean().item() for k in range(-4, 5)]


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
    "diff_augment_shifts": (furthest_shifts, [1, 1, 1, 1, 2, 3, 4, 4, 4, 5, 7, 8, 9], 0),
    "diff_augment_boxes": (largest_boxes, [2, 3, 4, 5, 8, 10, 14, 16, 17, 18, 26, 32, 34], 0),
    "ada_shifts": (shares_of_shifts, [0.0625, *[0.125] * 7, 0.0625], 0.01),
    "ada_controller": (ada_controller, [0.0, 0.16, 0.0, 0.16, 0.32, 0.16], 1e-7),  # p is a number of single precision
    "diff_augment_colours": (
        diff_augment_colours,
        [10.622673142649628, -14.426963492100167, 30.024426390433334],
        1e-12,
    ),
    "ada_geometry": (
        partial(ada_pipeline, 3, False),
        [-2.9135898252213934, 15.133093368635588, 62.756833171368214],
        1e-5,
    ),
    "ada_pipeline": (
        partial(ada_pipeline, 3, True),
        [86.94564440333329, 25.953349043194805, -103.50417241954163],
        1e-5,
    ),
    "ada_pipeline_grey": (
        partial(ada_pipeline, 1, True),
        [26.75478212806067, -13.38803365728613, -98.83903254967632],
        1e-5,
    ),
    "ada_colours": (ada_colours, [-30.292767386378216, -8.08158412127241, 39.12432409677588], 1e-5),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)


def test_geometric_augmentation_blurs_as_much_as_its_docstring_says() -> None:
    torch.manual_seed(0)
    noise, filtered = torch.randn(200, 1, 32, 32), adaptive.FilteredGeometry(pixel_blitting=None)
    assert adaptive.Geometric()(noise, torch.tensor(1.0)).var().item() == pytest.approx(0.44, abs=0.015)
    assert filtered(noise, torch.tensor(1.0)).var().item() == pytest.approx(0.61, abs=0.015)
