"""Decoded pictures, kept in memory or in a memory-mapped file."""

import mmap
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.io.files import writing

TITLE = b"decoded pictures of gan_lab, version 1\n"
HEADER = 4096  # bytes before the first picture: a page
MARK = 4  # bytes beside each picture


class Decoded:
    """N pictures of one shape (C, H, W), uint8, each of which is empty until it is put here.

    In front of the pictures there is a mark for each: 0, or the CRC-32 of its bytes. One that another process has not
    yet written in full, or that a kill cut off, counts as empty, so that processes share a file without locks and go
    on with what one left behind.

    Args:
        count: N.
        shape: of each picture.
        file: where they are kept; None: in memory that processes share which are forked from this one.
        digest: of what they were made of.

    Raises UserError where the file cannot be made, is another's, or the disk has no room for all of it.
    """

    def __init__(self, count: int, shape: tuple[int, ...], file: Path | None = None, digest: str = "") -> None:
        self.count, self.shape, self.file, self.digest = count, shape, file, digest
        if file is None:
            self._take(mmap.mmap(-1, self.bytes_of(count, shape)))
            return
        with writing(file):
            if not file.exists():
                self._make(file)
            with file.open("r+b") as opened:
                as_made = os.fstat(opened.fileno()).st_size == self.bytes_of(count, shape)
                if not as_made or opened.read(len(self._head)) != self._head:
                    raise UserError(f"data.cache: {file} is damaged or no cache of these pictures; remove it")
                self._take(mmap.mmap(opened.fileno(), 0))

    @staticmethod
    def bytes_of(count: int, shape: tuple[int, ...]) -> int:
        """How many bytes so many pictures take."""
        return HEADER + count * (MARK + int(np.prod(shape)))

    @property
    def _head(self) -> bytes:
        return TITLE + f"{self.count} {self.shape} {self.digest}\n".encode()

    def _make(self, file: Path) -> None:
        """The empty file, in one go: of several processes that make it, one's stays."""
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            with temporary.open("xb") as opened:
                opened.truncate(self.bytes_of(self.count, self.shape))
                if hasattr(os, "posix_fallocate"):
                    # Room for all of it now: a write through a map has no way to say later that the disk is full.
                    os.posix_fallocate(opened.fileno(), 0, self.bytes_of(self.count, self.shape))
                opened.write(self._head)
            with suppress(FileExistsError):
                os.link(temporary, file)
        finally:
            temporary.unlink(missing_ok=True)

    def _take(self, memory: mmap.mmap) -> None:
        self._marks = np.frombuffer(memory, np.uint32, self.count, HEADER)
        pixels = np.frombuffer(memory, np.uint8, offset=HEADER + MARK * self.count)
        self._pixels = pixels.reshape(self.count, *self.shape)

    def get(self, index: int) -> Tensor | None:
        """A copy of picture number `index`; None where it is empty."""
        mark = self._marks[index]
        if not mark:
            return None
        pixels = self._pixels[index].copy()
        return torch.from_numpy(pixels) if _mark_of(pixels) == mark else None

    def put(self, index: int, picture: Tensor) -> None:
        pixels = np.ascontiguousarray(picture.numpy())
        self._pixels[index] = pixels
        self._marks[index] = _mark_of(pixels)

    def __reduce__(self) -> tuple[type[Self], tuple[int, tuple[int, ...], Path | None, str]]:
        """For processes that are not forked: the same file, or a memory of their own."""
        return type(self), (self.count, self.shape, self.file, self.digest)


def _mark_of(pixels: NDArray[np.uint8]) -> int:
    return zlib.crc32(pixels.data) or 1
