"""Source of pictures: n items, and item i."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image


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
    def open(self, index: int) -> Image.Image:
        """Picture number `index`, perhaps not yet decoded. An exception says what is wrong with it."""

    def path(self, index: int) -> str:
        """Where this picture is, for messages."""
        return f"{self.root}: {self.names[index]}"
