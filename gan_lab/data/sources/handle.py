"""File handles that are not shared between processes."""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """What `open` gives, opened once in each process.

    A forked worker that went on with its parent's handle would share the position in the file with all others.
    """

    def __init__(self, open_: Callable[[], T]) -> None:
        self._open = open_
        self._opened: tuple[int, T] | None = None

    def __call__(self) -> T:
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), self._open()
        return self._opened[1]
