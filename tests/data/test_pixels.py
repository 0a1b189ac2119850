"""Pixels of pictures of every mode: what comes out is what a person would expect."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.made_up_sets import Make, take
from PIL import Image

from gan_lab.errors import UserError

RAMP = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (16, 1))
RGB = Image.fromarray(np.dstack([RAMP] * 3))
DEEP = RAMP.astype(np.uint16) * 257
ALPHA = np.where(np.arange(16)[:, None] < 8, 0, 255).astype(np.uint8) * np.ones_like(RAMP)
HIDDEN = Image.fromarray(np.dstack([RAMP, 255 - RAMP, RAMP, ALPHA]), "RGBA")
PALETTE = RGB.quantize(16)
TURNED = Image.Exif()
TURNED[0x0112] = 6
UNDER = np.where(ALPHA == 0, 0, RAMP)  # on black
FORMS: dict[str, tuple[str, Image.Image, dict[str, Any], dict[str, Any], np.ndarray, int]] = {
    "grey": ("a.png", Image.fromarray(RAMP), {}, {}, RAMP, 0),
    "one bit": ("a.png", Image.fromarray(RAMP > 127), {}, {}, np.where(RAMP > 127, 255, 0), 0),
    "rgb": ("a.bmp", RGB, {}, {}, RAMP, 0),
    "palette": ("a.png", PALETTE, {}, {}, RAMP, 0),
    "cmyk": ("a.tif", RGB.convert("CMYK"), {}, {}, RAMP, 1),
    "jpeg by another name": ("a.png", RGB, {"format": "JPEG", "quality": 100}, {}, RAMP, 2),
    "turned": ("a.png", Image.fromarray(RAMP), {"exif": TURNED}, {}, RAMP.T, 0),
    "16 bits": ("a.png", Image.fromarray(DEEP), {}, {}, RAMP, 0),
    "12 bits in 16": ("a.png", Image.fromarray(DEEP >> 4), {}, {"range": [0, 4095]}, RAMP, 1),
    "12 bits, measured": ("a.tif", Image.fromarray(DEEP >> 4), {}, {"range": "auto"}, RAMP / RAMP.max() * 255, 1),
    "float": ("a.tif", Image.fromarray(RAMP / np.float32(255)), {}, {"range": [0, 1]}, RAMP, 0),
    "transparent": ("a.png", Image.fromarray(np.dstack([RAMP, ALPHA])), {}, {"background": "black"}, UNDER, 0),
    "animated": ("a.gif", Image.fromarray(RAMP), {"save_all": True, "append_images": [PALETTE]}, {}, RAMP, 0),
}


def shown(make: Make, folder: Path, **knobs: Any) -> np.ndarray:
    """The bytes (C, H, W) of the one picture there."""
    (batch,) = take(make("images", **{"root": str(folder), "batch_size": 1, "image_size": 16} | knobs), 1)
    return ((batch.x[0] + 1) * 127.5).round().numpy()


@pytest.mark.parametrize("form", FORMS)
def test_every_mode(make: Make, tmp_path: Path, form: str) -> None:
    name, image, options, knobs, expected, error = FORMS[form]
    folder = tmp_path / "one"
    folder.mkdir()
    image.save(folder / name, **options)
    for channels in (1, 3):
        pixels = shown(make, folder, channels=channels, **knobs)
        np.testing.assert_allclose(pixels, np.stack([expected] * channels), atol=error)


def one(tmp_path: Path, image: Image.Image) -> Path:
    (tmp_path / "one").mkdir()
    image.save(tmp_path / "one" / "a.png")
    return tmp_path / "one"


def test_hidden_colours_stay_hidden(make: Make, tmp_path: Path) -> None:
    folder = one(tmp_path, HIDDEN)
    pixels = shown(make, folder, channels=3, background="#ff0010")
    assert pixels[:, 0, 5].tolist() == [255, 0, 16]
    assert pixels[:, 12, 5].tolist() == [80, 175, 80]
    np.testing.assert_array_equal(shown(make, folder, channels=4), np.asarray(HIDDEN).transpose(2, 0, 1))
    with pytest.raises(UserError, match=r"data.background=nocolour: must be a colour"):
        shown(make, folder, background="nocolour")


def test_twelve_bits_are_asked_about(make: Make, tmp_path: Path) -> None:
    folder = one(tmp_path, Image.fromarray(DEEP >> 4))
    with pytest.raises(UserError, match=r"end at 3855 would be nearly black; data.range=\[0,4095\] stretches"):
        shown(make, folder)
    assert shown(make, folder, range=[0, 65535]).max() == 15


def test_fit_and_rectangles(make: Make, tmp_path: Path) -> None:
    folder = one(tmp_path, Image.fromarray(np.full((8, 16), 100, np.uint8)))
    assert shown(make, folder, image_size=[8, 16], fit="stretch").shape == (1, 8, 16)
    contained = shown(make, folder, fit="contain", background="black")
    assert contained[0, :, 8].tolist() == [0] * 4 + [100] * 8 + [0] * 4
    assert (shown(make, folder) == 100).all() and (shown(make, folder, fit="stretch") == 100).all()
    with pytest.raises(UserError, match="data.crop=random: has nothing to cut off"):
        shown(make, folder, fit="contain", crop="random")


def test_nearest_keeps_the_values_of_label_maps(make: Make, tmp_path: Path) -> None:
    folder = one(tmp_path, Image.fromarray((np.add.outer(np.arange(64), np.arange(64)) // 22 * 40).astype(np.uint8)))
    assert set(np.unique(shown(make, folder, resample="nearest"))) <= set(range(0, 240, 40))
    assert len(np.unique(shown(make, folder))) > 6
