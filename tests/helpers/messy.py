"""A folder such as people have: pictures of every mode, size, orientation and ending, and files that are none."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TURNED = range(2, 9)  # EXIF's orientations
UNREADABLE = ("bomb.png", "noise.png", "text.gif", "truncated.jpg", "zero.jpg")


def picture(width: int = 32, height: int = 24) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.dstack([255 * x / width, 255 * y / height, 128 + 0 * x]).astype(np.uint8))


def bomb() -> bytes:
    """A PNG that claims 100,000 x 100,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def write_messy(root: Path) -> None:
    """Three classes: whole has every mode, odd every shape, bad what cannot be read."""

    def put(name: str, image: Image.Image, **options: Any) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / name, **options)

    plain = picture()
    grey = np.asarray(plain.convert("L")).astype(np.uint16)
    alpha = plain.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(plain.size))
    put("whole/rgb.png", plain)
    put("whole/again.bmp", plain)
    put("whole/jpeg.jpg", plain)
    put("whole/webp.webp", plain)
    put("whole/grey.png", Image.fromarray(grey.astype(np.uint8)))
    put("whole/bit.png", plain.convert("1"))
    put("whole/palette.gif", plain.quantize(16))
    put("whole/cmyk.tif", plain.convert("CMYK"))
    put("whole/alpha.png", alpha)
    put("whole/sixteen.png", Image.fromarray(grey * 257))
    put("whole/ünïcödé имя.png", plain.convert("L").convert("RGB"))
    put("whole/deep/er/still.png", picture(31))
    for orientation in TURNED:
        exif = Image.Exif()
        exif[0x0112] = orientation
        put(f"odd/turned{orientation}.jpg", plain, exif=exif)
    put("odd/tall.png", picture(6, 40))
    put("odd/wide.png", picture(90, 5))
    put("odd/one.png", picture(1, 1))
    put("odd/animated.gif", plain, save_all=True, append_images=[plain.rotate(90)])
    put("odd/named.png", picture(33), format="JPEG")
    put("odd/UPPER.JPG", picture(34), format="JPEG")
    put("bad/good.png", picture(35))
    bad = root / "bad"
    (bad / "bomb.png").write_bytes(bomb())
    (bad / "noise.png").write_bytes(np.random.default_rng(0).bytes(500))
    (bad / "text.gif").write_text("no picture")
    (bad / "truncated.jpg").write_bytes((root / "whole" / "jpeg.jpg").read_bytes()[:700])
    (bad / "zero.jpg").touch()
    (bad / "dead.jpg").symlink_to("nowhere.jpg")
    (root / "notes.txt").touch()
