"""The limit of the machine: a product of large matrices in single precision, which no network's layers exceed."""

from collections.abc import Callable

import torch

SIDE = 1024
FLOPS = 2 * SIDE**3  # of one product


def sgemm(after: Callable[[], None]) -> None:
    """A "round" is one product of two SIDE x SIDE matrices."""
    a, b, c = (torch.randn(SIDE, SIDE) for _ in range(3))
    while True:
        torch.mm(a, b, out=c)
        after()
