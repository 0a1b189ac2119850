"""Pairs of an image and its degradation."""

from collections.abc import Callable, Iterator
from typing import Self

import torch
from torch import Tensor

from gan_lab.data.identity import DataIdentity
from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.types import Batch


class Paired(GameData):
    """The batches (x, A x) of any image set: y is what is given of x, in place of the set's labels.

    `data` says which images a batch holds, `degradation` is A (see `gan_lab.data.degradation`).

    Raises UserError where the data are no images, or A does not fit their size, or they have conditions of their own.
    """

    def __init__(self, data: GameData, degradation: Callable[[Tensor], Tensor]) -> None:
        super().__init__(data.shape, None, data.batch_size, data.seed)
        if len(data.shape) != 3:
            raise UserError(f"degradation: takes parts of images, and data.shape={list(data.shape)} is none")
        if data.condition_shape is not None:
            raise UserError("degradation: these data come with what is given of each image; take degradation=none")
        # Complains before the first round rather than in it.
        self.condition_shape = tuple(degradation(torch.zeros(1, *data.shape)).shape[1:])
        self.data, self.degradation = data, degradation

    def prepare_data(self) -> None:
        self.data.prepare_data()

    def setup(self, stage: str) -> None:
        self.data.trainer = self.trainer  # it asks for its rank
        self.data.setup(stage)

    @property
    def size(self) -> int | None:
        return self.data.size

    @property
    def identity(self) -> DataIdentity:
        return self.data.identity

    @property
    def found(self) -> list[str]:
        return self.data.found

    @property
    def available(self) -> int | None:
        return self.data.available

    def halves(self) -> "tuple[Paired, Paired]":
        first, second = self.data.halves()
        return Paired(first, self.degradation), Paired(second, self.degradation)

    def reordered(self, seed: int, batch_size: int = 500) -> "Paired":
        return Paired(self.data.reordered(seed, batch_size), self.degradation)

    @property
    def has_labels(self) -> bool:
        return self.data.has_labels

    @property
    def levels(self) -> int | None:
        return self.data.levels

    def unseen(self, n: int) -> Batch | None:
        found = self.data.unseen(n)
        return None if found is None else Batch(found.x, self.degradation(found.x))

    def labelled(self, most: int = 60_000) -> Batch:
        return self.data.labelled(most)

    def undivided(self) -> Self:
        twin = super().undivided()
        twin.data = self.data.undivided()
        return twin

    def batches(self, start: int) -> Iterator[Batch]:
        for batch in self.data.batches(start):
            yield Batch(batch.x, self.degradation(batch.x))
