"""Image folder of any formats and sizes."""

import itertools
import warnings
from collections.abc import Iterator
from copy import copy
from typing import Literal, Self

import torch
from torch.utils.data import DataLoader

from gan_lab.data.identity import DataIdentity
from gan_lab.data.listing import class_of, list_pictures, told
from gan_lab.data.memory import scale
from gan_lab.data.module import GameData
from gan_lab.data.order import Order
from gan_lab.data.pictures import Pictures, collate
from gan_lab.data.workers import leaving_signals_to_us
from gan_lab.errors import UserError
from gan_lab.ranges import ImageShape, NonNegativeInt, PositiveInt
from gan_lab.types import Batch


class ImageFolder(GameData):
    """Pictures of any size under `root`, in all formats that Pillow reads, loaded by `workers` processes (0: this one).

    Each is resized so that it just covers H x W, cropped to it in the `center` or at a `random` place, and with
    `flip` mirrored half the time. The label is the number of the sub-folder, in sorted order (see `list_pictures`).
    Which batch holds what does not depend on `workers`.

    A file that cannot be read ends the run with its name, when its turn comes; `skip_corrupt` shows the next
    readable one in its place and warns once.

    Raises UserError where there are no pictures, or not `num_classes` sub-folders (null: as many as there are).
    """

    def __init__(
        self,
        root: str,
        shape: ImageShape,
        num_classes: PositiveInt | None,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        crop: Literal["center", "random"] = "center",
        flip: bool = False,
        workers: NonNegativeInt = 2,
        skip_corrupt: bool = False,
    ) -> None:
        self.listing = list_pictures(root)
        files, classes = self.listing.files, self.listing.classes
        if num_classes not in (None, len(classes)):
            raise UserError(f"data.num_classes={num_classes}: {root} has its pictures in {len(classes)} sub-folders")
        super().__init__(shape, len(classes) or None, batch_size, seed)
        if self.shape[0] not in (1, 3):
            raise UserError(f"data.shape={list(self.shape)}: pictures have 1 channel (grey) or 3 (RGB)")
        numbers = {name: number for number, name in enumerate(classes)}
        self.labels = torch.tensor([numbers[class_of(file)] for file in files]) if classes else None
        self.pictures = Pictures(root, files, self.shape, crop, flip, seed, skip_corrupt)
        self.workers = workers
        self._warned: set[str] = set()

    @property
    def class_names(self) -> list[str] | None:
        return None if self.num_classes is None else self.listing.classes

    @property
    def identity(self) -> DataIdentity:
        counts = None if self.num_classes is None else self.listing.counts
        return DataIdentity(self.size, counts, self.listing.digest)

    @property
    def found(self) -> list[str]:
        passed_over = ", ".join(told(self.listing.passed_over))
        return [*super().found, *([f"passed over: {passed_over}"] if passed_over else [])]

    @property
    def size(self) -> int:
        return len(self.pictures.files)

    def reordered(self, seed: int, batch_size: int = 500) -> Self:
        other = super().reordered(seed, batch_size)
        other.pictures = copy(self.pictures)
        other.pictures.seed = seed  # of the crops
        return other

    def setup(self, stage: str) -> None:
        self.order(len(self.pictures.files))  # complains before the first round rather than in it

    def batches(self, start: int) -> Iterator[Batch]:
        order = self.order(len(self.pictures.files))
        loader = DataLoader(
            self.pictures,
            batch_sampler=Keys(order, start),
            collate_fn=collate,
            num_workers=self.workers,
            generator=torch.Generator(),  # or the loader would draw from the global one
        )
        with leaving_signals_to_us():
            loaded = iter(loader)
        for pixels, indices, failures in loaded:
            self._report(failures, fatal=pixels is None)
            yield Batch(scale(pixels), None if self.labels is None else self.labels[indices])

    def _report(self, failures: list[str], fatal: bool) -> None:
        if fatal:
            advice = "no picture is readable" if self.pictures.skip_corrupt else "data.skip_corrupt=true passes over it"
            raise UserError(f"{failures[0]}; {advice}")
        for failure in failures:
            if failure not in self._warned:
                self._warned.add(failure)
                warnings.warn(f"{failure}; another takes its place", stacklevel=3)


class Keys:
    """What to load for the batches from number `start` on: (sample, position) pairs, batch by batch."""

    def __init__(self, order: Order, start: int) -> None:
        self.order, self.start = order, start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for batch in itertools.count(self.start):
            yield list(zip(self.order.indices(batch).tolist(), self.order.positions(batch), strict=True))
