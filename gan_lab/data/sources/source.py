"""Source of pictures: n items, and item i."""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST = 2**30  # bytes of one picture, as it is stored: more is an attack, or no picture


class Source(ABC):
    """Pictures in an order of their own, each with a name.

    Attributes:
        kind: what the whole is, for people.
        root: the file or folder that they lie in.
        names: of each picture, by which messages and lists of labels call it.
        passed_over: what else lies there, by the reason.
        classes: the names of the classes; empty where the source shows none.
        labels: the number of the class of each picture, (n,); None where there are no classes.
    """

    kind: ClassVar[str] = "data set"
    root: str
    names: Sequence[str]
    passed_over: dict[str, list[str]]
    classes: list[str]
    labels: NDArray[np.int64] | None
    given: dict[str, str] | None = None  # the labels of its dataset.json; empty: it has none

    @property
    @abstractmethod
    def digest(self) -> str:
        """Of what is read, wherever it lies."""

    @property
    @abstractmethod
    def digest_of(self) -> str:
        """What the digest is of, in words."""

    @abstractmethod
    def unhashed_files(self) -> Iterable[str]:
        """The files, if any, whose content the digest does not cover."""

    @property
    def stamp(self) -> str:
        """Of the digest, and of where the unhashed files lie and when they changed.

        By st_ctime: programs set st_mtime, and those that unpack an archive may give the same to all files.
        """
        found = hashlib.sha256(self.digest.encode())
        for file in self.unhashed_files():
            line = f"{os.path.abspath(file)}\0{os.stat(file).st_ctime_ns}\n"  # noqa: PTH100, PTH116 - several times faster
            found.update(line.encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    @abstractmethod
    def open(self, index: int) -> Image.Image:
        """Picture number `index`, perhaps not yet decoded. An exception says what is wrong with it."""

    @staticmethod
    def check_size(size: int) -> None:
        """Raise a ValueError where a picture has more bytes than any should."""
        if size > MOST:
            raise ValueError(f"{size:,} bytes are too many for a picture, which may have {MOST:,}")

    def path(self, index: int) -> str:
        """Where this picture is, for messages."""
        return f"{self.root}: {self.names[index]}"
