"""Collectives over the processes that play one game. With one process they do nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from gan_lab.errors import UserError


def world() -> int:
    """How many processes play."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return dist.get_rank() if world() > 1 else 0


class _Mean(torch.autograd.Function):
    """v -> 1/w sum_r v_r, on every process.

    It is linear and symmetric, so it is its own derivative: where the objective is the mean of what the processes
    compute, the slope of v_r is the mean of the slopes that reach the processes' copies of the mean.
    """

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.div_(world())

    @staticmethod
    def backward(_: Any, slope: Tensor) -> Any:
        return _Mean.apply(slope)


def mean(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Of each tensor the mean over all processes, in one message; differentiable any number of times.

    Every process has to call it, in the same order and with the same shapes, and so the backward pass through it.
    """
    if world() == 1:
        return list(tensors)
    flat = _Mean.apply(torch.cat([tensor.reshape(-1) for tensor in tensors]))
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


def joined(record: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the processes recorded, as one would have: means of scalars; batches (N, ...) in the order of ranks."""
    if world() == 1 or not record:
        return dict(record)
    flat = torch.cat([value.float().reshape(-1) for value in record.values()])
    everybody = [torch.empty_like(flat) for _ in range(world())]
    dist.all_gather(everybody, flat)
    parts = torch.stack(everybody).split([value.numel() for value in record.values()], 1)
    return {
        name: part.reshape(-1, *value.shape[1:]) if value.ndim else part.mean()
        for (name, value), part in zip(record.items(), parts, strict=True)
    }


def most(number: int, device: torch.device) -> int:
    """The largest of the processes' numbers."""
    if world() == 1:
        return number
    largest = torch.tensor(number, device=device)
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    return int(largest)


def check_alike(what: str, number: int, device: torch.device) -> None:
    """Raises UserError, in all processes, where they do not have the same number."""
    least, largest = -most(-number, device), most(number, device)
    if least != largest:
        raise UserError(
            f"the processes have {least} to {largest} {what}: they did not find the same files; "
            "all have to see one run directory"
        )


def rows(draw: Callable[[int], Tensor], n: int) -> Tensor:
    """This process's n rows of `draw(n w)`, drawn for all w: where their generators are in one state, of one draw."""
    return draw(n * world())[rank() * n :][:n]


def _seed(seed: int, device: torch.device) -> None:
    """What `torch.manual_seed` does for the CPU and this device; it formats a stack trace for every other one."""
    torch.default_generator.manual_seed(seed)
    if device.type not in ("cpu", "meta"):  # on the latter nothing is drawn
        torch.get_device_module(device).manual_seed(seed)


def seed_round(seed: Callable[..., int], device: torch.device) -> torch.Generator | None:
    """Seed what this process draws for itself; returns the generator of what all draw alike, None: the same one.

    `seed()` is that of a single process, and of the common draws of several; `seed(1 + r)` is that of process r.
    """
    if world() == 1:
        _seed(seed(), device)
        return None
    _seed(seed(1 + rank()), device)
    return torch.Generator(device).manual_seed(seed())
