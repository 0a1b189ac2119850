"""Stacked MNIST: 1,000 modes that can be counted."""

from collections.abc import Iterator
from itertools import count
from typing import cast

import torch
from torch import Tensor

from gan_lab.data.identity import DataIdentity
from gan_lab.data.memory import InMemory, scale
from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.metrics.modes import stacked
from gan_lab.ranges import ImageShape, NonNegativeInt, PositiveInt
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch


class Stacked(GameData):
    """Random pictures of the grey set `base` as the C channels of one, C = shape[0] (Metz et al. 2017, section 3.3.1).

    Their classes make K^C modes, all equally likely where the classes are: 1,000 of three digits; y is the number of
    the mode, the first channel counting most, or None where `num_classes` is. Each batch is drawn anew: no epochs.

    Raises:
        UserError: the base is not grey, of another size or without labels; `num_classes` is not the number of modes.
    """

    def __init__(
        self,
        base: InMemory,
        shape: ImageShape,
        num_classes: PositiveInt | None,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
    ) -> None:
        super().__init__(shape, num_classes, batch_size, seed)
        self.base = base
        if base.shape != (1, *self.shape[1:]) or base.num_classes is None:
            raise UserError(f"data.shape={list(self.shape)}: needs grey pictures of that size with labels to stack")
        modes = base.num_classes ** self.shape[0]
        if num_classes not in (None, modes):
            raise UserError(f"data.num_classes={num_classes}: must be {modes}, the number of modes, or null")

    @property
    def identity(self) -> DataIdentity:
        return self.base.identity._replace(samples=None)

    def prepare_data(self) -> None:
        self.base.prepare_data()

    def setup(self, stage: str) -> None:
        _ = self.rank_and_world, self.base.whole  # complains before the first round rather than in it

    def batches(self, start: int) -> Iterator[Batch]:
        rank, world = self.rank_and_world
        share = self.batch_size // world
        images, labels = self.base.whole
        assert labels is not None
        numbers = self.base.numbers(len(images))
        for batch in count(start):
            rng = torch.Generator().manual_seed(derive_seed(self.seed, "stacks", batch))
            chosen = torch.randint(len(numbers), (self.batch_size, self.shape[0]), generator=rng)  # for all ranks
            chosen = numbers[chosen]
            yield self._stack(images, labels, chosen[rank * share : (rank + 1) * share])

    def _stack(self, images: Tensor, labels: Tensor, chosen: Tensor) -> Batch:
        x = images.index_select(0, chosen.flatten()).view(len(chosen), *self.shape)
        y = None if self.num_classes is None else stacked(labels[chosen], self.base.num_classes or 0)
        return Batch(scale(x), y)

    @property
    def has_labels(self) -> bool:
        return self.base.has_labels

    def halves(self) -> tuple[GameData, GameData]:
        """Of stacks of the one half of the base's pictures, and of the other."""
        first, second = self.undivided(), self.undivided()
        first.base, second.base = cast(tuple[InMemory, InMemory], self.base.halves())
        return first, second

    def labelled(self, most: int = 60_000) -> Batch:
        """The pictures of the base, one channel each, with their classes: who knows them knows the modes."""
        return self.base.labelled(most)
