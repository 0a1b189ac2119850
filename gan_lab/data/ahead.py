"""Copies of batches to a GPU, one batch ahead of the game."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gan_lab.types import Batch


def delivered(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """The endless batches on the device, in their order; on a GPU the copy of each begins a batch early (`ahead`)."""
    return ahead(batches, device) if device.type == "cuda" else (batch.to(device) for batch in batches)


def ahead(batches: Iterator[Batch], device: torch.device) -> Iterator[Batch]:
    """Each batch's copy begins as the one before it is handed out.

    It is from page-locked memory and in a stream of its own, so that it runs beside the round's work. The device waits
    for it, and the host does not.
    """
    copies = torch.cuda.Stream(device)

    def begun() -> Batch:
        with torch.cuda.stream(copies):
            return next(batches).each(Tensor.pin_memory).to(device)

    coming = begun()
    while True:
        user = torch.cuda.current_stream(device)
        user.wait_stream(copies)  # before the next copy is in it
        for tensor in coming.tensors:
            tensor.record_stream(user)  # its memory is not given to a later copy while the round reads it
        try:
            now, coming = coming, begun()
        except Exception:
            yield coming  # its round is played before the run ends
            raise
        yield now
