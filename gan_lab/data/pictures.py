"""Reading of pictures, as the data workers do it."""

import random
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset

from gan_lab.data.decoded import Decoded
from gan_lab.data.pixels import Look
from gan_lab.data.sources.source import Source
from gan_lab.seeding import derive_seed


class Picture(NamedTuple):
    """What became of one file: pixels (C, H, W) uint8, or None; its number; what went wrong on the way."""

    pixels: Tensor | None
    number: int
    failures: tuple[str, ...]


class Pictures(Dataset[Picture]):
    """Decodes, crops and flips. Crop and flip depend on (seed, position in the sequence of batches) alone.

    With `decoded`, where all windows are in the center, each picture is decoded once and kept there.

    A failure is returned as a value, since an exception would leave a worker process only wrapped in a traceback.
    """

    def __init__(
        self,
        source: Source,
        look: Look,
        crop: Literal["center", "random"],
        flip: bool,
        seed: int,
        skip_corrupt: bool,
        decoded: Decoded | None = None,
    ) -> None:
        self.source, self.look = source, look
        self.crop, self.flip, self.seed = crop, flip, seed
        self.skip_corrupt = skip_corrupt
        self.decoded = decoded

    def __len__(self) -> int:
        return len(self.source.names)

    def __getitem__(self, key: tuple[int, int]) -> Picture:
        """The picture number `key[0]`, or the next one that is readable, as shown at position `key[1]`."""
        first, position = key
        failures: list[str] = []
        for step in range(len(self) if self.skip_corrupt else 1):
            index = (first + step) % len(self)
            try:
                return Picture(self._show(index, position), index, tuple(failures))
            except Exception as why:
                reason = " ".join(str(why).split()) or type(why).__name__
                failures.append(f"{self.source.path(index)}: not a readable picture ({reason})")
        return Picture(None, first, tuple(failures))

    def _show(self, index: int, position: int) -> Tensor:
        """The pixels (C, H, W), uint8, as they are shown at this position; an exception says what is wrong."""
        if self.decoded is None:
            with self.source.open(index) as image:
                return self._bytes(image, *self._augmentation(position))
        pixels = self.decoded.get(index)
        if pixels is None:
            with self.source.open(index) as image:
                pixels = self._bytes(image, 0.5, 0.5, False)
            self.decoded.put(index, pixels)
        return pixels.flip(2) if self._augmentation(position)[2] else pixels

    def _bytes(self, image: Image.Image, u: float, v: float, mirrored: bool) -> Tensor:
        shown = self.look.bytes_of(image, u, v)
        if mirrored:
            shown = ImageOps.mirror(shown)
        channels, height, width = self.look.shape
        return torch.from_numpy(np.array(shown)).view(height, width, channels).permute(2, 0, 1)

    def _augmentation(self, position: int) -> tuple[float, float, bool]:
        """Where the window lies, from left to right and top to bottom (in [0, 1)), and whether to mirror."""
        if self.crop == "center" and not self.flip:
            return 0.5, 0.5, False
        rng = random.Random(derive_seed(self.seed, "augment", position))
        u, v, mirrored = rng.random(), rng.random(), rng.random() < 0.5
        return (u, v, mirrored and self.flip) if self.crop == "random" else (0.5, 0.5, mirrored)


def collate(pictures: list[Picture]) -> tuple[Tensor | None, list[int], list[str]]:
    """Pixels (N, C, H, W) uint8, or None where some picture has none; the pictures' numbers; all failures."""
    pixels = [picture.pixels for picture in pictures if picture.pixels is not None]
    failures = [failure for picture in pictures for failure in picture.failures]
    complete = len(pixels) == len(pictures)
    return torch.stack(pixels) if complete else None, [picture.number for picture in pictures], failures
