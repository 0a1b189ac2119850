"""Reading of image files, as the data workers do it."""

import os
import random
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from gan_lab.data.listing import readable
from gan_lab.seeding import derive_seed


class Picture(NamedTuple):
    """What became of one file: pixels (C, H, W) uint8, or None; its number; what went wrong on the way."""

    pixels: Tensor | None
    number: int
    failures: tuple[str, ...]


class Pictures(Dataset[Picture]):
    """Decodes, crops and flips. Crop and flip depend on (seed, position in the sequence of batches) alone.

    A failure is returned as a value, since an exception would leave a worker process only wrapped in a traceback.
    """

    def __init__(
        self,
        root: str,
        files: list[str],
        shape: tuple[int, ...],
        crop: Literal["center", "random"],
        flip: bool,
        seed: int,
        skip_corrupt: bool,
    ) -> None:
        self.root, self.files, self.shape = root, files, shape
        self.crop, self.flip, self.seed = crop, flip, seed
        self.skip_corrupt = skip_corrupt

    def __getitem__(self, key: tuple[int, int]) -> Picture:
        """The picture number `key[0]`, or the next one that is readable, as shown at position `key[1]`."""
        first, position = key
        failures: list[str] = []
        for step in range(len(self.files) if self.skip_corrupt else 1):
            index = (first + step) % len(self.files)
            path = os.path.join(self.root, self.files[index])
            try:
                return Picture(self._show(path, position), index, tuple(failures))
            except Exception as why:
                failures.append(f"{path}: not a readable picture ({' '.join(str(why).split()) or type(why).__name__})")
        return Picture(None, first, tuple(failures))

    def _show(self, path: str, position: int) -> Tensor:
        """The file's pixels (C, H, W), uint8, as they are shown at this position; an exception says what is wrong."""
        channels, height, width = self.shape
        with Image.open(path, formats=readable()) as file:
            image = to_bytes(ImageOps.exif_transpose(file), channels)
        u, v, mirrored = self._augmentation(position)
        # The largest window of the wanted proportions, cut out and resized (with antialiasing) in one go. It starts at
        # a whole pixel, so that a picture of the right size is not blurred.
        scale = min(image.width / width, image.height / height)
        left = int(u * (int(image.width - scale * width) + 1))
        top = int(v * (int(image.height - scale * height) + 1))
        window = (left, top, left + scale * width, top + scale * height)
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=window)
        if mirrored:
            image = ImageOps.mirror(image)
        return torch.from_numpy(np.array(image)).view(height, width, channels).permute(2, 0, 1)

    def _augmentation(self, position: int) -> tuple[float, float, bool]:
        """Where the window lies, from left to right and top to bottom (in [0, 1)), and whether to mirror."""
        if self.crop == "center" and not self.flip:
            return 0.5, 0.5, False
        rng = random.Random(derive_seed(self.seed, "augment", position))
        u, v, mirrored = rng.random(), rng.random(), rng.random() < 0.5
        return (u, v, mirrored and self.flip) if self.crop == "random" else (0.5, 0.5, mirrored)


def to_bytes(image: Image.Image, channels: int) -> Image.Image:
    """Grey (1 channel) or RGB (3), 8 bits a channel; transparency is dropped. Raises ValueError."""
    if image.mode.startswith("I;16"):  # PIL would clip 16 bits to 255 and leave the picture white
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode} have no known range")
    return image.convert("L" if channels == 1 else "RGB")


def collate(pictures: list[Picture]) -> tuple[Tensor | None, list[int], list[str]]:
    """Pixels (N, C, H, W) uint8, or None where some picture has none; the pictures' numbers; all failures."""
    pixels = [picture.pixels for picture in pictures if picture.pixels is not None]
    failures = [failure for picture in pictures for failure in picture.failures]
    complete = len(pixels) == len(pictures)
    return torch.stack(pixels) if complete else None, [picture.number for picture in pictures], failures
