"""Pixels of a picture: from any mode and size to bytes of one shape."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps

from gan_lab.errors import UserError

Fit = Literal["cover", "contain", "stretch"]
Resample = Literal["lanczos", "bicubic", "bilinear", "nearest"]
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
FULL = 65535.0  # 16 bits
DEEP_SAMPLE = 100  # pictures that a range is measured on
Extremes = tuple[float, float, bool]  # the least and the greatest value of more than 8 bits, and whether it has 16


class Look(NamedTuple):
    """How a picture becomes bytes of the shape (channels, height, width).

    Attributes:
        fit: cover (the largest window of the wanted proportions), contain (all of it, with a margin of the background)
            or stretch.
        resample: the filter of the resizing, with antialiasing; nearest keeps the values of label maps.
        background: under transparent pixels, where 4 channels do not keep them: a colour by its name or as #rrggbb.
        range: what becomes 0 and 255 of pictures with more than 8 bits; None: 0 and 65535 of 16 bits.
    """

    shape: tuple[int, ...]
    fit: Fit = "cover"
    resample: Resample = "lanczos"
    background: str = "white"
    range: tuple[float, float] | None = None

    def bytes_of(self, image: Image.Image, u: float, v: float) -> Image.Image:
        """The picture in these channels and this size; (u, v) in [0, 1) place the window. Raises ValueError."""
        channels, height, width = self.shape
        ImageOps.exif_transpose(image, in_place=True)
        image = self._in_mode(image, MODES[channels])
        size, method = (width, height), Image.Resampling[self.resample.upper()]
        if self.fit == "stretch":
            return image.resize(size, method)
        if self.fit == "contain":
            return self._with_margin(image, method)
        # The largest window of the wanted proportions, cut out and resized (with antialiasing) in one go. It starts at
        # a whole pixel, so that a picture of the right size is not blurred.
        scale = min(image.width / width, image.height / height)
        left = int(u * (int(image.width - scale * width) + 1))
        top = int(v * (int(image.height - scale * height) + 1))
        return image.resize(size, method, box=(left, top, left + scale * width, top + scale * height))

    def _with_margin(self, image: Image.Image, method: Image.Resampling) -> Image.Image:
        _, height, width = self.shape
        scale = min(width / image.width, height / image.height)
        w, h = max(1, round(scale * image.width)), max(1, round(scale * image.height))
        whole = Image.new("RGBA", (width, height), colour(self.background)).convert(image.mode)
        if image.mode == "RGBA":
            whole.putalpha(0)
        whole.paste(image.resize((w, h), method), ((width - w) // 2, (height - h) // 2))
        return whole

    def _in_mode(self, image: Image.Image, mode: str) -> Image.Image:
        if deep(image):
            image = self._of_range(image)
        if mode == "RGBA" or not image.has_transparency_data:
            return image if image.mode == mode else image.convert(mode)
        image = image.convert("RGBA")
        under = Image.new("RGBA", image.size, colour(self.background))
        return Image.alpha_composite(under, image).convert(mode)

    def _of_range(self, image: Image.Image) -> Image.Image:
        if self.range is None and not sixteen_bits(image):
            raise ValueError(f"pixels of mode {image.mode} have no known range; state it, data.range=[low,high]")
        low, high = self.range or (0.0, FULL)
        pixels = (np.asarray(image, dtype=np.float64) - low) * (255 / (high - low))
        return Image.fromarray(np.nan_to_num(pixels).clip(0, 255).round().astype(np.uint8))


def deep(image: Image.Image) -> bool:
    """Whether it has more than 8 bits a channel."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def sixteen_bits(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))


def colour(name: str) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha, 0 to 255. Raises UserError where it is no colour."""
    try:
        red, green, blue = ImageColor.getcolor(name, "RGB")  # type: ignore[misc]
    except ValueError as error:
        raise UserError(f"data.background={name}: must be a colour by its name (white) or as #rrggbb") from error
    return red, green, blue, 255


def extremes(image: Image.Image) -> Extremes | None:
    """Those of a picture that was loaded; None: it has 8 bits, or no finite value."""
    values = np.asarray(image) if deep(image) else np.empty(0)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max()), sixteen_bits(image)) if values.size else None


def united(found: Iterable[Extremes | None]) -> Extremes | None:
    """Those of several pictures together, all of which have 16 bits, or not all; None: of no picture."""
    known = [one for one in found if one is not None]
    if not known:
        return None
    lows, highs, sixteen = zip(*known, strict=True)
    return min(lows), max(highs), all(sixteen)


def usual_white(high: float) -> float:
    """What becomes white of pictures of 16 bits whose values end here: of 8 to 14 bits their end, else that of 16."""
    return FULL if high >= FULL / 4 else 2.0 ** max(8, int(high).bit_length()) - 1
