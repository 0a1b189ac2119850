"""Windows of the photographs that come with other libraries: colour images that need no download."""

import hashlib
import io
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from itertools import accumulate, count
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_lab.data.identity import DataIdentity
from gan_lab.data.memory import scale
from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.ranges import ImageShape, NonNegativeInt, PositiveInt
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch

# All that scikit-image, scikit-learn and matplotlib have of the world in colour; not what a microscope, an
# ophthalmoscope or a telescope saw, and of a stereo pair the left one, or both sides would show one scene.
FILES = {
    "train": (
        "skimage/data/astronaut.png",
        "skimage/data/coffee.png",
        "skimage/data/motorcycle_left.png",
        "skimage/data/rocket.jpg",
        "sklearn/datasets/images/flower.jpg",
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    ),
    "test": ("skimage/data/chelsea.png", "sklearn/datasets/images/china.jpg"),
}
TESTED = 1000


class Photographs(GameData):
    """Windows (3, H, W) cut out of photographs, without labels; those of `train` and of `test` share no photograph.

    Each is drawn anew from the H x W windows of all photographs of the split, all equally likely: so there are no
    epochs. Nothing is resized: what is fine in a window was fine in the photograph.

    Raises:
        UserError: the windows are not RGB, or larger than a photograph; a library comes without its photographs.
    """

    def __init__(
        self,
        split: Literal["train", "test"],
        shape: ImageShape,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
    ) -> None:
        super().__init__(shape, None, batch_size, seed)
        if self.shape[0] != 3:
            raise UserError(f"data.shape={list(self.shape)}: the photographs have 3 channels (RGB)")
        self.split = split

    @cached_property
    def photographs(self) -> list[Tensor]:
        """Each (3, its height, its width), uint8; read on first use."""
        found = [read(file) for file in FILES[self.split]]
        for file, photograph in zip(FILES[self.split], found, strict=True):
            if photograph.shape[1] < self.shape[1] or photograph.shape[2] < self.shape[2]:
                has = " x ".join(map(str, photograph.shape[1:]))
                raise UserError(f"data.shape={list(self.shape)}: larger than {Path(file).name}, which has {has} pixels")
        return found

    @property
    def identity(self) -> DataIdentity:
        whole = hashlib.sha256(b"".join(map(bytes_of, FILES[self.split])))
        return DataIdentity(None, None, whole.hexdigest(), "content")

    @cached_property
    def ends(self) -> list[int]:
        """How many windows there are up to the end of each photograph."""
        return list(accumulate(places(p, self.shape)[0] * places(p, self.shape)[1] for p in self.photographs))

    def window(self, number: int) -> Tensor:
        """Window `number` of all, photograph by photograph and row by row: (3, H, W) uint8."""
        which = bisect_right(self.ends, number)
        photograph = self.photographs[which]
        first = self.ends[which - 1] if which else 0
        top, left = divmod(number - first, places(photograph, self.shape)[1])
        return photograph[:, top : top + self.shape[1], left : left + self.shape[2]]

    def test(self) -> Batch:
        """1,000 windows of the other split's photographs, of which no training sees a pixel; for any seed the same."""
        other: Literal["train", "test"] = "test" if self.split == "train" else "train"
        channels, height, width = self.shape
        return Photographs(other, (channels, height, width), TESTED, seed=0).take(TESTED)

    def unseen(self, n: int) -> Batch:
        """Of the windows to be tested on."""
        return Batch(self.test().x[:n])

    def setup(self, stage: str) -> None:
        _ = self.rank_and_world, self.photographs  # complains before the first round rather than in it

    def batches(self, start: int) -> Iterator[Batch]:
        rank, world = self.rank_and_world
        share = self.batch_size // world
        for batch in count(start):
            rng = torch.Generator().manual_seed(derive_seed(self.seed, "windows", batch))
            numbers = torch.randint(
                self.ends[-1], (self.batch_size,), generator=rng
            )  # the same for any number of ranks
            mine = numbers[rank * share : (rank + 1) * share].tolist()
            yield Batch(scale(torch.stack([self.window(number) for number in mine])))


def places(photograph: Tensor, shape: tuple[int, ...]) -> tuple[int, int]:
    """At how many heights and how many widths a window fits in."""
    return photograph.shape[1] - shape[1] + 1, photograph.shape[2] - shape[2] + 1


def read(file: str) -> Tensor:
    """A picture inside an installed package, which is not imported for it: (3, H, W) uint8.

    Raises:
        UserError: it is not there.
    """
    with Image.open(io.BytesIO(bytes_of(file))) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def bytes_of(file: str) -> bytes:
    package, _, inner = file.partition("/")
    found = find_spec(package)
    path = Path(found.origin).parent / inner if found and found.origin else None
    if path is None or not path.is_file():
        raise UserError(f"data: {file} is not there; the whole package {package} must be installed")
    return path.read_bytes()
