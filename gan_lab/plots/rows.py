"""Rows of images with labels: groups of images side by side, under headings."""

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from gan_lab.plots.canvas import INK
from gan_lab.plots.contact_sheet import LINE, font, shortened
from gan_lab.plots.images import to_bytes

SMALLEST, LARGEST = 48, 128  # pixels of an image's longer side, as it is drawn
BETWEEN, GAP, MARGIN = 2, 18, 12  # pixels between images, between groups, around all
LONGEST = 160  # pixels of a line of a label


class Row(NamedTuple):
    """A label, of a line or more, and groups of images (k, C, H, W) in [-1, 1]."""

    label: str
    groups: Sequence[Tensor]


def labelled_rows(title: str, heads: Sequence[str], rows: Sequence[Row]) -> Tensor:
    """The rows below the title and a heading for each group, as an RGB picture (3, H, W), uint8.

    Small images are enlarged by a whole factor, pixel by pixel, and large ones reduced. All rows have groups of the
    same sizes.
    """
    strips = [[_strip(group) for group in row.groups] for row in rows]
    small, large = font(11), font(14)
    labels = ["\n".join(shortened(line, LONGEST, small) for line in row.label.split("\n")) for row in rows]
    widest = max((small.getlength(line) for label in labels for line in label.split("\n")), default=0)
    start = MARGIN + (math.ceil(widest) + GAP if widest else 0)
    places = [start]
    for strip in strips[0]:
        places.append(places[-1] + strip.width + GAP)
    letter = small.getlength("n")
    wrapped = [
        textwrap.wrap(head, max(6, int((strip.width + GAP) / letter)), break_long_words=False)
        for head, strip in zip(heads, strips[0], strict=True)
    ]
    top = MARGIN + 26 + max(map(len, wrapped)) * LINE + 4
    high = max(strips[0][0].height, max(label.count("\n") + 1 for label in labels) * LINE)
    width = max(places[-1] - GAP + MARGIN, math.ceil(large.getlength(title)) + 2 * MARGIN)
    sheet = Image.new("RGB", (width, top + len(rows) * (high + BETWEEN) + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, INK, large)
    for lines, x in zip(wrapped, places, strict=False):
        for number, line in enumerate(lines):
            draw.text((x, MARGIN + 26 + number * LINE), line, INK, small)
    for number, (label, images) in enumerate(zip(labels, strips, strict=True)):
        y = top + number * (high + BETWEEN)
        lines = label.split("\n")
        for place, line in enumerate(lines):
            draw.text((MARGIN, y + (high - len(lines) * LINE) // 2 + place * LINE), line, INK, small)
        for x, strip in zip(places, images, strict=False):
            sheet.paste(strip, (x, y))
    return torch.from_numpy(np.array(sheet)).permute(2, 0, 1)


def _strip(images: Tensor) -> Image.Image:
    """Images (k, C, H, W) side by side on white."""
    drawn = [_drawn(image) for image in to_bytes(images.detach().float().cpu())]
    wide, high = drawn[0].size
    strip = Image.new("RGB", (len(drawn) * (wide + BETWEEN) - BETWEEN, high), "white")
    for number, image in enumerate(drawn):
        strip.paste(image, (number * (wide + BETWEEN), 0))
    return strip


def _drawn(image: Tensor) -> Image.Image:
    picture = Image.fromarray(image.permute(1, 2, 0).numpy())
    longer = max(picture.size)
    if longer > LARGEST:
        scale = LARGEST / longer
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        return picture.resize(size, Image.Resampling.LANCZOS)
    zoom = max(1, round(SMALLEST / longer))
    return picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
