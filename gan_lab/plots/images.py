"""Image grids and scatter plots of samples."""

import math
import textwrap
from pathlib import Path

import torch
from torch import Tensor

from gan_lab.io.files import write_atomically

NARROW = 480  # pixels: what is no more than half as wide is enlarged


def picture_of(samples: Tensor, columns: int | None = None) -> Tensor:
    """An RGB picture (3, H, W), uint8, of samples (N, C, H, W) in [-1, 1] or points (N, d).

    Images smaller than 32 pixels are enlarged by a whole factor, pixel by pixel, so that a person can see them.
    Points are shown in their first two coordinates.
    """
    samples = samples.detach().float().cpu()
    return _grid(samples, columns) if samples.ndim == 4 else _scatter(samples.flatten(1))


def class_by_class(z: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Noise and labels of each class with every z: one class after the other, the rows of a grid of len(z) columns."""
    return z.repeat(len(classes), 1), classes.repeat_interleave(len(z))


def captioned(picture: Tensor, caption: str) -> Tensor:
    """The picture (3, H, W), uint8, enlarged by a whole factor where it is small, with lines of text below."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    zoom = max(1, NARROW // picture.shape[-1])
    picture = picture.repeat_interleave(zoom, -1).repeat_interleave(zoom, -2)
    lines = textwrap.wrap(caption, picture.shape[-1] // 6 - 1)  # characters of the font that comes with Pillow
    strip = Image.new("RGB", (picture.shape[-1], 13 * len(lines) + 3), "white")
    font = ImageFont.load_default_imagefont()
    for number, line in enumerate(lines):
        ImageDraw.Draw(strip).text((4, 1 + 13 * number), line, "black", font)
    return torch.cat([picture, torch.from_numpy(np.array(strip)).permute(2, 0, 1)], 1)


def save_picture(picture: Tensor, path: Path) -> None:
    """Write an RGB picture (3, H, W), uint8, in the format that the path's ending names."""
    from PIL import Image

    image, formats = Image.fromarray(picture.permute(1, 2, 0).numpy()), Image.registered_extensions()
    write_atomically(path, lambda temporary: image.save(temporary, format=formats[path.suffix.lower()]))


def to_bytes(images: Tensor) -> Tensor:
    """Images in [-1, 1] to uint8, three channels: (N, C, H, W) -> (N, 3, H, W)."""
    pixels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.expand(-1, 3, -1, -1) if pixels.shape[1] == 1 else pixels[:, :3]


def _grid(images: Tensor, columns: int | None) -> Tensor:
    from torchvision.utils import make_grid

    pixels = to_bytes(images)
    zoom = max(1, round(32 / pixels.shape[-1]))
    pixels = pixels.repeat_interleave(zoom, -1).repeat_interleave(zoom, -2)
    return make_grid(pixels, columns or math.ceil(math.sqrt(len(pixels))), pad_value=64)


def _scatter(points: Tensor) -> Tensor:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), dpi=120)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.12, 0.09, 0.85, 0.88))
    if points.shape[1] > 1:
        axes.scatter(points[:, 0].numpy(), points[:, 1].numpy(), s=4, alpha=0.5, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
    else:
        axes.hist(points[:, 0].numpy(), bins=50)
    canvas.draw()
    return (
        torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8).view(480, 480, 4)[..., :3].permute(2, 0, 1)
    )
