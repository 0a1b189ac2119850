"""Pictures of a run as data URIs: sample grids along the rounds, thumbnails."""

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gan_lab.errors import UserError
from gan_lab.io.reading import read_bytes
from gan_lab.io.sample_grids import grids, spread

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_FILE = 64 * 2**20  # bytes
MOST_PIXELS = 64 * 2**20  # of a picture that is decoded
SIDE = 800  # pixels of the longer side in a page; what is larger is reduced
ENOUGH = 48 * 2**10  # bytes: up to here a picture is kept without loss
THUMBNAIL, SMALL = 160, 4 * 2**10  # the same two of one of many pictures
_DAMAGED = (OSError, ValueError, SyntaxError, struct.error, zlib.error)


class Frame(NamedTuple):
    """The sample grid of a round, as the address of an image: `data:image/webp;base64,...`."""

    round: int
    source: str


def frames(directory: Path, most: int = 24) -> list[Frame]:
    """The sample grids of the run in `directory`, evenly spread over its rounds: the first, the last, at most `most`.

    Those that cannot be read are left out.
    """
    shown = ((at, _shown(path, SIDE)) for at, path in spread(grids(directory), most))
    return [Frame(at, source) for at, source in shown if source is not None]


def thumbnail(directory: Path) -> str | None:
    """The last sample grid of the run, small; None where there is none."""
    found = grids(directory)
    return _shown(found[-1][1], THUMBNAIL, SMALL) if found else None


def sheet(path: Path) -> str | None:
    """A picture of the run directory, where it is there."""
    return _shown(path, SIDE) if path.is_file() else None


def _shown(path: Path, side: int, enough: int = ENOUGH) -> str | None:
    """The picture as WebP: decoded and encoded again, so that nothing of the file itself is in the page."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(read_bytes(path, LARGEST_FILE)), formats=("PNG",)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                return None
            picture = opened.convert("RGB")
    except (UserError, Image.DecompressionBombError, *_DAMAGED):
        return None
    if max(picture.size) > side:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return f"data:image/webp;base64,{base64.b64encode(_encoded(picture, enough)).decode()}"


def _encoded(picture: "Image", enough: int) -> bytes:
    whole, lossy = io.BytesIO(), io.BytesIO()
    picture.save(whole, format="WEBP", lossless=True, method=1)
    if whole.tell() <= enough:
        return whole.getvalue()
    picture.save(lossy, format="WEBP", quality=80, method=3)
    return lossy.getvalue()
