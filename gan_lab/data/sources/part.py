"""Some of the pictures of a source."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_lab.data.names import Names
from gan_lab.data.sources.source import Source


class Part(Source):
    """The pictures with these numbers, in this order."""

    def __init__(self, whole: Source, numbers: NDArray[np.int64]) -> None:
        self.whole, self.numbers = whole, numbers
        self.root, self.passed_over, self.classes = whole.root, whole.passed_over, whole.classes
        names = (whole.names[number] for number in numbers.tolist())
        self.names = Names.of(names) if isinstance(whole.names, Names) else [*names]
        self.labels = None if whole.labels is None else whole.labels[numbers]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.whole.digest.encode() + self.numbers.tobytes()).hexdigest()

    @property
    def digest_of(self) -> str:
        return self.whole.digest_of

    def unhashed_files(self) -> Iterable[str]:
        return self.whole.unhashed_files()

    def open(self, index: int) -> Image.Image:
        return self.whole.open(int(self.numbers[index]))

    def path(self, index: int) -> str:
        return self.whole.path(int(self.numbers[index]))


def parted(whole: Source, n: int) -> tuple[Part, Part]:
    """n pictures, drawn at random and the same for all runs, and all others; both in the order of the whole."""
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(whole.names))
    return Part(whole, np.sort(order[:n])), Part(whole, np.sort(order[n:]))
