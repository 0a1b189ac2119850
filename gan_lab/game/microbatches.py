"""Microbatches: a batch cut into parts for memory, and gradients and figures put together."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.types import Batch


def rows(samples: Tensor, part: int, parts: int) -> Tensor:
    """Those of the part number `part`: (N / parts, ...) of (N, ...), in their order.

    Raises:
        UserError: `parts` does not divide them.
    """
    if len(samples) % parts:
        raise UserError(f"gan.accumulate={parts}: does not divide the {len(samples)} samples of a process's batch")
    return samples.chunk(parts)[part]


def cut(batch: Batch, part: int, parts: int) -> Batch:
    """The same rows of all that the batch holds; of the labelled samples beside it, too.

    Raises:
        UserError: `parts` does not divide them.
    """
    y = None if batch.y is None else rows(batch.y, part, parts)
    labelled = None if batch.labelled is None else cut(batch.labelled, part, parts)
    return Batch(rows(batch.x, part, parts), y, labelled)


Played = tuple[list[Sequence[Tensor]], dict[str, Tensor]]  # gradients, and what was recorded


def together(played: Iterable[Played]) -> Played:
    """What equal parts gave, as the whole batch would have: means of gradients, and of scalars that were recorded.

    Batches (N, ...) that were recorded are put together in order. The parts are asked for one after another, and
    nothing of them is kept but their gradients' sums and their records.
    """
    sums: list[Sequence[Tensor]] = []
    records: list[dict[str, Tensor]] = []
    for gradients, record in played:
        sums = [_added(*pair) for pair in zip(sums, gradients, strict=True)] if records else gradients
        records.append(record)
    if len(records) == 1:
        return sums, records[0]
    return [[slope / len(records) for slope in slopes] for slopes in sums], _joined(records)


def averaging(played: Iterable[Played], state: Sequence[Tensor]) -> Iterator[Played]:
    """`played`, part by part, after which `state` is the mean of what the parts have made of it.

    Of whole numbers it is what the last has.
    """
    after: list[list[Tensor]] = []
    for part in played:
        after.append([value.clone() for value in state])
        yield part
    for value, *made in zip(state, *after, strict=True):
        value.copy_(torch.stack(made).mean(0) if value.is_floating_point() else made[-1])


def _added(one: Sequence[Tensor], other: Sequence[Tensor]) -> list[Tensor]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _joined(records: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    lists = {name: [record[name] for record in records] for name in records[0]}
    return {name: torch.cat(values) if values[0].ndim else torch.stack(values).mean() for name, values in lists.items()}
