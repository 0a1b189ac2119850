"""Folder of paired images: a condition and a target."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from gan_lab.data.identity import DataIdentity
from gan_lab.data.images import Images
from gan_lab.data.index import index
from gan_lab.data.listing import readable
from gan_lab.data.names import Names
from gan_lab.data.pictures import Pictures
from gan_lab.errors import UserError
from gan_lab.features.classifier import digest
from gan_lab.ranges import NonNegativeInt, PositiveInt, Rectangle
from gan_lab.types import Batch

GIVEN, TARGET = "given", "target"


class Pairs(Pictures):
    """Both pictures of a pair, cut and mirrored alike, one upon the other: (2 C, H, W), the target first."""

    def _show(self, index: int, position: int) -> Tensor:
        given = os.path.join(Path(self.source.root).parent, GIVEN, self.source.names[index])
        with self.source.open(index) as a, Image.open(given, formats=readable()) as b:
            if a.size != b.size:
                sizes = " and ".join(f"{image.width} x {image.height}" for image in (a, b))
                raise ValueError(f"it and its pair in {GIVEN}/ differ in size, {sizes}")
            window = self._augmentation(position)
            return torch.cat([self._bytes(a, *window), self._bytes(b, *window)])


class PairedFolder(Images):
    """The pairs (x, y) of root/target/NAME and root/given/NAME: image to image, as pix2pix (Isola et al. 2017) has it.

    The two pictures of a pair have one name and one size, and are cropped and mirrored alike; else as `Images`.

    Raises UserError where a picture has no pair.
    """

    def __init__(
        self,
        root: str,
        shape: Rectangle,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        crop: Literal["center", "random"] = "center",
        flip: bool = False,
        workers: NonNegativeInt = 2,
        skip_corrupt: bool = False,
        subset: PositiveInt | None = None,
    ) -> None:
        for part, other in ((GIVEN, TARGET), (TARGET, GIVEN)):
            alone = sorted(set(names(root, part)) - set(names(root, other)))
            if alone:
                raise UserError(f"data.root={root}: {part}/{alone[0]} has no pair in {other}/ ({len(alone)} have none)")
        target = os.path.join(root, TARGET)
        super().__init__(
            target, shape, None, batch_size, seed, crop, flip, workers, skip_corrupt, "none", memory=0, subset=subset
        )
        self.condition_shape = self.shape
        p = self.pictures
        self.pictures = Pairs(p.source, p.look, crop, flip, seed, skip_corrupt)

    @property
    def identity(self) -> DataIdentity:
        target, (_, given) = super().identity, index(os.path.join(self.source.root, os.pardir, GIVEN), False)
        return target._replace(digest=digest([], target.digest or "", given))

    def batches(self, start: int) -> Iterator[Batch]:
        for both, *_ in super().batches(start):
            x, y = both.chunk(2, 1)
            yield Batch(x, y)


def names(root: str, part: str) -> Names:
    return index(os.path.join(root, part), with_classes=False)[0].files
