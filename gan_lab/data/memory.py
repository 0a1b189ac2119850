"""Sets small enough to be held in memory as one tensor."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.ranges import ImageShape, NonNegativeInt, PositiveInt
from gan_lab.types import Batch


class InMemory(GameData):
    """The whole set is one tensor, and a batch one gather from it: no Python per sample, no workers.

    Bytes stay bytes in memory, at a quarter of the size, and become x / 127.5 - 1 batch by batch.
    """

    @property
    @abstractmethod
    def whole(self) -> tuple[Tensor, Tensor | None]:
        """All samples (N, *shape) and what belongs to each of them (N, ...), made on first use."""

    def prepare_data(self) -> None:
        # One process per machine gets here before the others: it downloads what is missing.
        _ = self.whole

    def setup(self, stage: str) -> None:
        self.order(len(self.whole[0]))  # complains before the first round rather than in it

    def batches(self, start: int) -> Iterator[Batch]:
        samples, ys = self.whole
        order = self.order(len(samples))
        batch = start
        while True:
            indices = order.indices(batch)
            x = samples.index_select(0, indices)  # several times faster than samples[indices]
            yield Batch(scale(x), None if ys is None else ys[indices])
            batch += 1


class ImagesInMemory(InMemory):
    """Pictures, perhaps with labels.

    A `shape` that is not the set's own resizes all pictures once. `num_classes` null drops the labels; `subset` keeps
    the first n pictures.
    """

    def __init__(
        self,
        shape: ImageShape,
        num_classes: PositiveInt | None,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        subset: PositiveInt | None = None,
    ) -> None:
        super().__init__(shape, num_classes, batch_size, seed)
        self.subset = subset

    @abstractmethod
    def load(self) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W), either uint8 or float32 in [-1, 1], and labels (N,) int64."""

    @cached_property
    def whole(self) -> tuple[Tensor, Tensor | None]:
        """All images (N, *shape) and labels (N,), read on first use.

        Raises UserError where the set does not fit `shape` or `num_classes`.
        """
        images, labels = (part[: self.subset] for part in self.load())
        if images.shape[1] != self.shape[0]:
            raise UserError(f"data.shape={list(self.shape)}: the pictures have channels={images.shape[1]}")
        images = resize(images, self.shape[1:])
        if self.num_classes is None:
            return images, None
        if labels.max() >= self.num_classes:
            raise UserError(f"data.num_classes={self.num_classes}: the labels go from 0 to {int(labels.max())}")
        return images, labels

    def held_out(self, n: int) -> Tensor:
        """The first n pictures that `subset` leaves out, (n, *shape), float32.

        Raises UserError where it leaves out fewer.
        """
        images = self.load()[0][len(self.whole[0]) :][:n]
        if len(images) < n:
            raise UserError(f"data.subset={self.subset}: leaves out {len(images)} pictures, and {n} are to be held out")
        return scale(resize(images, self.shape[1:]))


def scale(images: Tensor) -> Tensor:
    """Bytes to float32 in [-1, 1]; floats are left alone."""
    return images.float().div_(127.5).sub_(1.0) if images.dtype == torch.uint8 else images


def resize(images: Tensor, size: tuple[int, ...]) -> Tensor:
    """(N, C, h, w) to (N, C, *size), bilinear with antialiasing, in the same dtype."""
    if tuple(images.shape[2:]) == size:
        return images
    parts = []
    for part in torch.split(images, 1000):  # so that no float copy of the whole set is made
        resized = F.interpolate(part.float(), size, mode="bilinear", antialias=True)
        parts.append(resized.round_().to(torch.uint8) if images.dtype == torch.uint8 else resized)
    return torch.cat(parts)
