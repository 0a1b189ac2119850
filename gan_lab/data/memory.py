"""Data sets that are held in memory as one tensor."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from itertools import count

import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.data.identity import DataIdentity
from gan_lab.data.module import GameData
from gan_lab.data.order import Order
from gan_lab.errors import UserError
from gan_lab.features.classifier import digest
from gan_lab.ranges import ImageShape, NonNegativeInt, PositiveInt
from gan_lab.seeding import derive_seed
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

    @property
    def size(self) -> int:
        return len(self.whole[0])

    @property
    def identity(self) -> DataIdentity:
        samples, ys = self.whole
        counts = None
        if ys is not None and self.class_names is not None:
            counts = dict(zip(self.class_names, ys.bincount(minlength=len(self.class_names)).tolist(), strict=True))
        return DataIdentity(len(samples), counts, digest(self._read()), "content")

    def _read(self) -> list[Tensor]:
        """What was read, before anything was computed of it: to the bit the same on all machines."""
        return [part for part in self.whole if part is not None]

    def setup(self, stage: str) -> None:
        self.order(len(self.whole[0]))  # complains before the first round rather than in it

    def batches(self, start: int) -> Iterator[Batch]:
        order = self.order(len(self.whole[0]))
        return (self.pick(order.indices(batch)) for batch in count(start))

    def pick(self, indices: Tensor) -> Batch:
        """The samples with these numbers, and what belongs to them."""
        samples, ys = self.whole
        x = samples.index_select(0, indices)  # several times faster than samples[indices]
        return Batch(scale(x), None if ys is None else ys[indices])


class Held(InMemory):
    """The test set of `train`."""

    def __init__(self, batch: Batch, train: GameData) -> None:
        super().__init__(batch.x.shape[1:], train.num_classes, train.batch_size, train.seed)
        self.condition_dim, self.condition_shape = train.condition_dim, train.condition_shape
        self._batch, self._train = batch, train

    @property
    def whole(self) -> tuple[Tensor, Tensor | None]:
        shown = (self.num_classes, self.condition_dim, self.condition_shape) != (None, None, None)
        return self._batch.x, self._batch.y if shown else None

    def unseen(self, n: int) -> Batch | None:
        """The first n of them: no training sees any."""
        samples, ys = self.whole
        return Batch(samples[:n], None if ys is None else ys[:n])

    def halves(self) -> tuple[GameData, GameData]:
        """The training set, and this one whole."""
        return self._train, self


class ImagesInMemory(InMemory):
    """Pictures, perhaps with labels.

    A `shape` that is not the set's own resizes all pictures once. `num_classes` null drops the labels; `subset` keeps
    the first n pictures.

    With `labels` only so many are shown, as many of each class, of pictures that `labels_seed` picks: batches come
    without y, and beside each comes a batch of the `labelled`, at most as large, from an order of their own.
    """

    def __init__(
        self,
        shape: ImageShape,
        num_classes: PositiveInt | None,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        subset: PositiveInt | None = None,
        labels: PositiveInt | None = None,
        labels_seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__(shape, num_classes, batch_size, seed)
        self.subset = subset
        self.labels, self.labels_seed = labels, labels_seed

    @abstractmethod
    def load(self) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W), either uint8 or float32 in [-1, 1], and labels (N,) int64."""

    @cached_property
    def whole(self) -> tuple[Tensor, Tensor | None]:
        """All images (N, *shape) and labels (N,), read on first use.

        Raises UserError where the set does not fit `shape`, `num_classes` or `subset`, or has not one label an image.
        """
        images, labels = self._all
        if self.subset is not None and self.subset > len(images):
            raise UserError(f"data.subset={self.subset}: larger than the data set, which has {len(images)} pictures")
        classes = int(labels.max()) + 1
        images, labels = images[: self.subset], labels[: self.subset]
        if images.shape[1] != self.shape[0]:
            raise UserError(f"data.shape={list(self.shape)}: the pictures have channels={images.shape[1]}")
        images = resize(images, self.shape[1:])
        if self.num_classes is None:
            return images, None
        if self.num_classes != classes:
            raise UserError(f"data.num_classes={self.num_classes}: the data have {classes} classes")
        return images, labels

    @property
    def _all(self) -> tuple[Tensor, Tensor]:
        images, labels = self.load()
        if len(images) != len(labels):
            raise UserError(f"data: {len(images)} pictures, but {len(labels)} labels; one of its files is damaged")
        return images, labels

    def _read(self) -> list[Tensor]:
        return [part[: self.subset] for part in self.load()]

    @property
    def has_labels(self) -> bool:
        return self.labels is None and super().has_labels

    @cached_property
    def shown(self) -> Tensor | None:
        """Which pictures' labels are shown, (labels,) int64; None where all are, or there are none."""
        if self.labels is None:
            return None
        seed = derive_seed(self.labels_seed, "labels")
        return balanced(self.whole[1], self.num_classes, self.labels, seed)

    def test(self) -> Batch:
        """Labelled pictures to be tested on, no training sees them: those that `subset` leaves out.

        Raises UserError where there are none.
        """
        images, labels = (part[len(self.whole[0]) :] for part in self._all)
        if not len(images):
            most = len(self.whole[0]) - 1
            raise UserError(f"data.subset: leaves out no pictures to be tested on; take data.subset=N, N up to {most}")
        return Batch(scale(resize(images, self.shape[1:])), labels)

    def held_out(self, n: int) -> Batch:
        """The first n pictures that `subset` leaves out, with their labels where the data have some.

        Raises UserError where it leaves out fewer.
        """
        images, labels = (part[len(self.whole[0]) :][:n] for part in self._all)
        if len(images) < n:
            left_out = f"leaves out {len(images)} pictures, and {n} are to be held out"
            raise UserError(f"data.subset={'null' if self.subset is None else self.subset}: {left_out}")
        return self._like_batches(images, labels)

    def unseen(self, n: int) -> Batch | None:
        """Pictures that `subset` leaves out."""
        images, labels = (part[len(self.whole[0]) :][:n] for part in self.load())
        return self._like_batches(images, labels) if len(images) else None

    def _like_batches(self, images: Tensor, labels: Tensor) -> Batch:
        return Batch(scale(resize(images, self.shape[1:])), None if self.num_classes is None else labels)

    def setup(self, stage: str) -> None:
        super().setup(stage)
        _ = self.shown  # complains before the first round, too

    def batches(self, start: int) -> Iterator[Batch]:
        if self.shown is None:
            return super().batches(start)
        return self._with_labelled(start, self.shown)

    def _with_labelled(self, start: int, shown: Tensor) -> Iterator[Batch]:
        order = self.order(len(self.whole[0]))
        size, (_, world) = min(self.batch_size, len(shown)), self.rank_and_world
        if size % world:
            raise UserError(f"data.labels={self.labels}: must be a multiple of the {world} processes")
        few = Order(len(shown), size, derive_seed(self.seed, "labelled"), *self.rank_and_world)
        for batch in count(start):
            yield Batch(self.pick(order.indices(batch)).x, labelled=self.pick(shown[few.indices(batch)]))


def balanced(labels: Tensor | None, num_classes: int | None, n: int, seed: int) -> Tensor:
    """The numbers of n samples, n / num_classes of each class, drawn by the seed: (n,) int64.

    Raises UserError where there are no labels, too few of a class, or n is no multiple of the classes.
    """
    if labels is None or num_classes is None:
        raise UserError(f"data.labels={n}: the data have no labels (data.num_classes=null)")
    if n % num_classes:
        raise UserError(f"data.labels={n}: must be a multiple of the {num_classes} classes")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    each = [order[labels[order] == label][: n // num_classes] for label in range(num_classes)]
    if min(map(len, each)) < n // num_classes:
        raise UserError(f"data.labels={n}: a class has {min(map(len, each))} pictures, not {n // num_classes}")
    return torch.cat(each)


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
