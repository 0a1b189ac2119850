"""Work on many pictures by several processes, with results in order."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from gan_lab.data.workers import alive, leaving_signals_to_us

T = TypeVar("T")
AT_ONCE = 8  # items that a process works on before it hands them over


def in_order(items: Dataset[T], indices: Sequence[int], workers: int) -> Iterator[T]:
    """`items[i]` for each of the indices, in this order, by `workers` processes (0: this one), a few at a time.

    Raises UserError where one of the processes was killed.
    """
    with warnings.catch_warnings(), leaving_signals_to_us():
        warnings.simplefilter("ignore")  # more processes than cores: as asked for
        loader: Any = DataLoader(
            items,
            AT_ONCE,
            sampler=indices,
            collate_fn=list,
            num_workers=workers,
            generator=torch.Generator(),  # or the loader would draw from the global one
        )
        loaded = alive(iter(loader), "take fewer workers, or workers=0")
    with closing(loaded):
        for several in loaded:
            yield from several
