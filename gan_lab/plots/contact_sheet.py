"""Contact sheet: many pictures in one, each with a caption."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SMALLEST, LARGEST = 128, 320  # pixels of the longer side, as it is drawn
GAP, LINE, WIDTH = 10, 15, 1200  # pixels between pictures, of a line of text, of the sheet
PAPER, INK, FAINT, BOARD = "white", "black", "#777777", ("#ffffff", "#cccccc")


class Tile(NamedTuple):
    """A picture, None where there is none to show, and the lines below it."""

    picture: "Image | None"
    caption: Sequence[str]


def contact_sheet(title: Sequence[str], tiles: Sequence[Tile]) -> "Image":
    """The tiles in rows below the lines of the title, on white.

    Small pictures are enlarged by a whole factor, pixel by pixel, and large ones reduced. Transparent ones lie on a
    checkerboard.
    """
    from PIL import Image, ImageDraw

    shown = [None if tile.picture is None else _drawn(tile.picture) for tile in tiles]
    sizes = [picture.size for picture in shown if picture is not None] or [(SMALLEST, SMALLEST)]
    box, high = max(size[0] for size in sizes), max(size[1] for size in sizes)
    wide = max(SMALLEST, box)
    lines = max(len(tile.caption) for tile in tiles)
    columns = max(1, min(len(tiles), (WIDTH - GAP) // (wide + GAP)))
    rows = math.ceil(len(tiles) / columns)
    cell, row = wide + GAP, high + lines * LINE + 2 * GAP
    head = len(title) * (LINE + 3) + 2 * GAP
    small, large = font(11), font(14)
    width = max(columns * cell + GAP, *(math.ceil(large.getlength(line)) + 2 * GAP for line in title))
    sheet = Image.new("RGB", (width, head + rows * row), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(title):
        draw.text((GAP, GAP + number * (LINE + 3)), line, INK, large)
    for number, (tile, picture) in enumerate(zip(tiles, shown, strict=True)):
        x, y = GAP + number % columns * cell, head + number // columns * row
        if picture is None:
            draw.rectangle((x - 1, y - 1, x + box, y + high), outline=FAINT)
            draw.line((x, y, x + box - 1, y + high - 1), FAINT)
            draw.line((x, y + high - 1, x + box - 1, y), FAINT)
        else:
            sheet.paste(picture, (x, y))
            draw.rectangle((x - 1, y - 1, x + picture.width, y + picture.height), outline=FAINT)
        for place, line in enumerate(tile.caption):
            draw.text((x, y + high + 3 + place * LINE), shortened(line, wide, small), FAINT if place else INK, small)
    return sheet


def shortened(text: str, width: int, letters: "FreeTypeFont") -> str:
    """The text with its middle left out where it would be wider than so many pixels."""
    kept = text
    for left_out in range(1, len(text)):
        if letters.getlength(kept) <= width:
            break
        half = (len(text) - left_out) / 2
        kept = f"{text[: math.ceil(half)]}...{text[len(text) - math.floor(half) :]}"
    return kept


def _drawn(picture: "Image") -> "Image":
    """It in RGB and at a size that a person can see."""
    from PIL import Image

    longer = max(picture.size)
    if longer > LARGEST:
        picture = picture.resize(
            (max(1, picture.width * LARGEST // longer), max(1, picture.height * LARGEST // longer)),
            Image.Resampling.LANCZOS,
        )
    zoom = max(1, SMALLEST // longer)
    picture = picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    return Image.alpha_composite(_checkerboard(picture.size), picture).convert("RGB")


def _checkerboard(size: tuple[int, int]) -> "Image":
    from PIL import Image, ImageDraw

    board = Image.new("RGBA", size, BOARD[0])
    draw = ImageDraw.Draw(board)
    for y in range(0, size[1], 8):
        for x in range(y % 16, size[0], 16):
            draw.rectangle((x, y, x + 7, y + 7), fill=BOARD[1])
    return board


def font(size: int) -> "FreeTypeFont":
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic and more."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
