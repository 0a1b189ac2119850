"""Base of all data sets, and the stream of batches that the game draws from."""

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import islice
from typing import Any, Self

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from gan_lab.data.ahead import delivered
from gan_lab.data.identity import DataIdentity
from gan_lab.data.order import Order
from gan_lab.errors import UserError
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch

FAR = 10**9  # batches from this number on are out of the reach of any training


class Stream:
    """Both the loader that Lightning iterates over and the "batch" that it hands to each round: always itself.

    A round then draws as many batches as it wants, and only what is drawn is counted. It has no length: a run
    ends after a number of rounds, not of epochs.
    """

    def __init__(self, data: "GameData") -> None:
        self._data = data
        self._device = torch.device("cpu")
        self._batches: Iterator[Batch] = iter(())
        self._position = -1  # the number of the batch that `_batches` yields next

    def __iter__(self) -> Iterator[Self]:
        return itertools.repeat(self)

    def to(self, device: torch.device | str) -> Self:
        """Deliver on this device from now on. Lightning calls it as it would move an ordinary batch."""
        if self._device != torch.device(device):
            self._device, self._position = torch.device(device), -1
        return self

    @property
    def batch_size(self) -> int:
        """Samples in this process's part of a batch."""
        return self._data.batch_size // self._data.rank_and_world[1]

    def draw(self) -> Batch:
        """The next batch, batch number `data.drawn`, on the device; counts it."""
        if self._position != self._data.drawn:  # the first draw, or a checkpoint has moved the position
            self._position = self._data.drawn
            self._batches = delivered(self._data.batches(self._position), self._device)
        batch = next(self._batches)
        self._position += 1
        self._data.drawn = self._position
        return batch

    def close(self) -> None:
        """End the loading processes. Left to the garbage collector, each would be waited for, five seconds long."""
        self._batches, self._position = iter(()), -1


class GameData(LightningDataModule, ABC):
    """An endless, replayable sequence of batches, and how many of them the game has drawn.

    Attributes:
        shape: of one sample, (C, H, W) for images and (d,) for points.
        num_classes: how many labels there are; where this is not None, and they are not hidden, batches carry `y`, (B,)
            int64.
        condition_dim: c of vectors `y`, (B, c) float32, where those are what samples go with; else None.
        condition_shape: of images `y`, (B, C, H, W) float32, where those are what samples go with; else None.
        batch_size: B of the *global* batch; each of w processes gets its own B/w of it.
        seed: the batches depend on it and on nothing else.
        drawn: batches drawn so far. It is the whole state: what is saved, and all that a resumed run needs.
    """

    condition_dim: int | None = None
    condition_shape: tuple[int, ...] | None = None
    half: int | None = None  # which of its `halves` this is; None: it is whole

    def __init__(self, shape: Sequence[int], num_classes: int | None, batch_size: int, seed: int) -> None:
        super().__init__()
        self.shape: tuple[int, ...] = tuple(shape)
        self.num_classes = num_classes
        self.batch_size = batch_size
        self.seed = seed
        self.drawn = 0
        self._stream: Stream | None = None  # that of the run

    @abstractmethod
    def batches(self, start: int) -> Iterator[Batch]:
        """This rank's part of the batches number `start`, `start + 1`, ... without end, on the CPU.

        x is (B/w, *shape) float32, images in [-1, 1]. The same batches whenever they are asked for.
        """

    def take(self, n: int, start: int = 0) -> Batch:
        """n samples from batch number `start` on, and what belongs to them; on the CPU. The position does not move.

        They are the same for every process.
        """
        batches = list(islice(self.undivided().batches(start), math.ceil(n / self.batch_size)))
        ys = [batch.y for batch in batches if batch.y is not None]
        labelled = next((batch.labelled for batch in batches if batch.labelled is not None), None)
        return Batch(torch.cat([batch.x for batch in batches])[:n], torch.cat(ys)[:n] if ys else None, labelled)

    def undivided(self) -> Self:
        """The same data as a single process has them: each batch is the whole one."""
        twin = copy(self)
        twin.trainer = None
        return twin

    @property
    def size(self) -> int | None:
        """How many different samples the whole set has; None where they never end."""
        return None

    @property
    def class_names(self) -> list[str] | None:
        """Of each class, in the order of their numbers; None where there are none."""
        return None if self.num_classes is None else [str(number) for number in range(self.num_classes)]

    @property
    def identity(self) -> DataIdentity:
        """What tells these data from others. What is computed rather than read is known by its configuration alone."""
        return DataIdentity(self.size)

    @property
    def found(self) -> list[str]:
        """What the data are, in a line or a few, for people."""
        return [self.identity.description()]

    @property
    def available(self) -> int | None:
        """How many of them there are in this one: all, or those of a half."""
        size = self.size
        return size if size is None or self.half is None else len(self.numbers(size))

    def halves(self) -> "tuple[GameData, GameData]":
        """Two sets that share no sample, the same two for all runs; data that never end have fresh samples anyway."""
        _ = self.size  # it reads what both are to share
        first, second = self.undivided(), self.undivided()
        first.half, second.half = 0, 1
        return first, second

    def numbers(self, samples: int) -> Tensor:
        """Which of so many samples are in this one: all, or those of a half; int64."""
        if self.half is None:
            return torch.arange(samples)
        order = torch.randperm(samples, generator=torch.Generator().manual_seed(derive_seed(0, "halves")))
        return order.tensor_split(2)[self.half]

    def reordered(self, seed: int, batch_size: int = 500) -> Self:
        """The same samples in an order that follows from `seed` alone: for figures that runs are to be compared by.

        Undivided: every process sees all of them. Of a set with an end, neither the samples nor their order depend on
        `batch_size`.
        """
        size, other = self.available, self.undivided()  # size first: it reads what both are to share
        other.seed, other.batch_size = seed, batch_size if size is None else min(batch_size, size)
        return other

    @property
    def has_labels(self) -> bool:
        """Whether `labelled` has something to show."""
        return self.size is not None and self.num_classes is not None

    @property
    def levels(self) -> int | None:
        """How many grey levels, evenly from -1 to 1, real images can have; None for points, which have no grid."""
        return 256 if len(self.shape) == 3 else None

    def unseen(self, n: int) -> Batch | None:
        """At most n samples that no batch of the game shows, the same for all runs; None where the data have none."""
        return None

    def labelled(self, most: int = 60_000) -> Batch:
        """All samples, or `most` of them, with their classes, in one order for all runs.

        Raises UserError where they show no classes.
        """
        found = self.reordered(0).take(min(self.available or 0, most)) if self.has_labels else None
        if found is None or found.y is None:
            raise UserError("needs class labels, and the data show none")
        return found

    @property
    def rank_and_world(self) -> tuple[int, int]:
        """(r, w) of this process; (0, 1) away from a trainer.

        Raises UserError where w does not divide the global batch.
        """
        if self.trainer is None:
            return 0, 1
        world = self.trainer.world_size
        if self.batch_size % world:
            raise UserError(f"data.batch_size={self.batch_size}: must be a multiple of the {world} processes")
        return self.trainer.global_rank, world

    def order(self, samples: int) -> Order:
        """The order in which this rank sees a set of so many samples.

        Raises UserError where one batch is larger than the set.
        """
        numbers = None if self.half is None else self.numbers(samples)
        samples = samples if numbers is None else len(numbers)
        if self.batch_size > samples:
            raise UserError(f"data.batch_size={self.batch_size}: larger than the data set, which has {samples} samples")
        return Order(samples, self.batch_size, self.seed, *self.rank_and_world, numbers=numbers)

    def train_dataloader(self) -> Stream:
        self._stream = Stream(self)
        return self._stream

    def teardown(self, stage: str) -> None:
        if self._stream is not None:
            self._stream.close()

    def on_exception(self, exception: BaseException) -> None:
        self.teardown("fit")

    def state_dict(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.drawn = state_dict["drawn"]
