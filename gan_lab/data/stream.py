"""What the game draws its batches from."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import torch

from gan_lab.types import Batch

if TYPE_CHECKING:
    from gan_lab.data.module import GameData


class Stream:
    """Both the loader that Lightning iterates over and the "batch" that it hands to each round: always itself.

    A round then draws as many batches as it wants, and only what is drawn is counted. It has no length: a run
    ends after a number of rounds, not of epochs.
    """

    def __init__(self, data: GameData) -> None:
        self._data = data
        self._device = torch.device("cpu")
        self._batches: Iterator[Batch] = iter(())
        self._position = -1  # the number of the batch that `_batches` yields next

    def __iter__(self) -> Iterator[Self]:
        return itertools.repeat(self)

    def to(self, device: torch.device | str) -> Self:
        """Deliver on this device from now on. Lightning calls it as it would move an ordinary batch."""
        self._device = torch.device(device)
        return self

    @property
    def batch_size(self) -> int:
        """Samples in this process's part of a batch."""
        return self._data.batch_size // self._data.rank_and_world[1]

    def draw(self) -> Batch:
        """The next batch, batch number `data.drawn`, on the device; counts it."""
        if self._position != self._data.drawn:  # the first draw, or a checkpoint has moved the position
            self._position = self._data.drawn
            self._batches = self._data.batches(self._position)
        batch = next(self._batches)
        self._position += 1
        self._data.drawn = self._position
        return batch.to(self._device)
