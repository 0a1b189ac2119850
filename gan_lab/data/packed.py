"""Files that packed pictures go into: a ZIP with dataset.json, and a NumPy array with a list of labels."""

import csv
import json
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO, StringIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_lab.data.names import Names, encoded
from gan_lab.data.sources.archive import leads_out
from gan_lab.data.sources.labels import DATASET_JSON, numbers_of
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError


class Piece(NamedTuple):
    """What became of a picture, by its number: so many bytes with this checksum (CRC-32)."""

    number: int
    size: int
    checksum: int


class Pieces:
    """Pieces in their order, in 24 bytes each."""

    def __init__(self) -> None:
        self._numbers = array("q")

    def append(self, piece: Piece) -> None:
        self._numbers.extend(piece)

    def __len__(self) -> int:
        return len(self._numbers) // len(Piece._fields)

    def __iter__(self) -> Iterator[Piece]:
        return map(Piece._make, zip(*[iter(self._numbers)] * len(Piece._fields), strict=True))


class Packed(ABC):
    """A file of pictures that is written piece by piece, from first to last, and then closed.

    Attributes:
        beside: a second file that belongs to it; None where there is none.
    """

    beside: Path | None = None

    def __init__(self, out: Path, source: Source, shape: tuple[int, ...]) -> None:
        self.out, self.source, self.shape = out, source, shape

    @abstractmethod
    def encoded(self, pixels: NDArray[np.uint8]) -> bytes:
        """A picture (H, W, C) as it is kept; as many bytes for each."""

    @abstractmethod
    def opening(self) -> bytes:
        """What stands before the first picture."""

    @abstractmethod
    def header(self, piece: Piece) -> bytes:
        """What stands before this picture."""

    @abstractmethod
    def close(self, file: BinaryIO, pieces: Pieces) -> None:
        """Complete the file, which is open at its end, after the last of its pieces."""

    def listed(self, pieces: Pieces) -> bytes:
        """What the file `beside` holds."""
        return b""

    @property
    def bytes_needed(self) -> int:
        """For all pictures."""
        height, width, channels = *self.shape[1:], self.shape[0]
        entries = 256  # in the directory and in the list of labels
        return len(self.source.names) * (len(self.encoded(np.zeros((height, width, channels), np.uint8))) + entries)


class PackedZip(Packed):
    """PNGs, not compressed, and dataset.json: the data sets of StyleGAN2-ADA and StyleGAN3.

    The names are kept, with the ending .png; where that would change the order or make two alike, or a name is unfit
    for a ZIP, they are numbered. Beside "labels", dataset.json has the names of the "classes".
    """

    def __init__(self, out: Path, source: Source, shape: tuple[int, ...]) -> None:
        super().__init__(out, source, shape)
        self.names = png_names(source.names)

    def encoded(self, pixels: NDArray[np.uint8]) -> bytes:
        out = BytesIO()
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(out, "PNG", compress_level=0)
        return out.getvalue()

    def opening(self) -> bytes:
        return b""

    def header(self, piece: Piece) -> bytes:
        return self._entry(piece, 0).FileHeader()

    def _entry(self, piece: Piece, start: int) -> ZipInfo:
        entry = ZipInfo(self.names[piece.number])  # of 1980, whenever it is made
        entry.external_attr = 0o644 << 16
        entry.create_system = 3  # Unix, whatever it is made on
        entry.CRC, entry.header_offset = piece.checksum, start
        entry.file_size = entry.compress_size = piece.size
        return entry

    def close(self, file: BinaryIO, pieces: Pieces) -> None:
        with ZipFile(file, "w") as archive:  # from here on: only its last part is to be written
            last = ZipInfo(DATASET_JSON)
            last.external_attr, last.create_system = 0o644 << 16, 3
            with archive.open(last, "w") as listed:
                for part in self._labels(pieces):
                    listed.write(part.encode())
            archive.filelist = Directory(len(pieces), self._entries(pieces), archive.filelist)

    def _entries(self, pieces: Pieces) -> Iterator[ZipInfo]:
        start = len(self.opening())
        for piece in pieces:
            yield self._entry(piece, start)
            start += len(self.header(piece)) + piece.size

    def _labels(self, pieces: Pieces) -> Iterator[str]:
        """dataset.json, piece by piece."""
        labels = labels_of(self.source, pieces)
        if labels is None:
            yield json.dumps({"labels": None})
            return
        separator = '{"labels": ['
        for piece, label in zip(pieces, labels, strict=True):
            yield separator + json.dumps([self.names[piece.number], label])
            separator = ", "
        classes = self.source.classes
        yield f'], "classes": {json.dumps(classes)}}}' if named(classes, labels) else "]}"


class Directory(list[ZipInfo]):
    """The entries of a ZIP, as `zipfile` writes them last of all: these, each made only then, and further ones.

    A list of a million takes half a gigabyte.
    """

    def __init__(self, number: int, made: Iterable[ZipInfo], further: Iterable[ZipInfo]) -> None:
        super().__init__(further)
        self._number, self._made = number, made

    def __len__(self) -> int:
        return self._number + super().__len__()

    def __iter__(self) -> Iterator[ZipInfo]:
        yield from self._made
        yield from super().__iter__()


class PackedArray(Packed):
    """An array N x H x W x C of bytes, which readers map into memory, and with classes a list of them, OUT.csv."""

    def __init__(self, out: Path, source: Source, shape: tuple[int, ...]) -> None:
        super().__init__(out, source, shape)
        self.beside = None if source.labels is None else out.with_suffix(".csv")

    def encoded(self, pixels: NDArray[np.uint8]) -> bytes:
        return pixels.tobytes()

    def opening(self) -> bytes:
        return self._opening(len(self.source.names))

    def _opening(self, count: int) -> bytes:
        """NumPy's header, which is as long for any count."""
        out = BytesIO()
        shape = (count, *self.shape[1:], self.shape[0])
        np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return out.getvalue()

    def header(self, piece: Piece) -> bytes:
        return b""

    def close(self, file: BinaryIO, pieces: Pieces) -> None:
        file.seek(0)
        file.write(self._opening(len(pieces)))

    def listed(self, pieces: Pieces) -> bytes:
        labels = labels_of(self.source, pieces)
        assert labels is not None
        classes = self.source.classes if named(self.source.classes, labels) else [*map(str, range(max(labels) + 1))]
        out = StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["file", "label"])
        rows.writerows((row, classes[label]) for row, label in enumerate(labels))
        return out.getvalue().encode()


KINDS: dict[str, type[Packed]] = {".zip": PackedZip, ".npy": PackedArray}


def packed_as(out: Path, source: Source, shape: tuple[int, ...]) -> Packed:
    """Raises UserError where the ending of `out` is that of no kind."""
    kind = KINDS.get(out.suffix.lower())
    if kind is None:
        raise UserError(f"{out}: must end in {' or '.join(KINDS)}")
    return kind(out, source, shape)


def png_names(names: Sequence[str]) -> Names:
    """A name of a PNG in a ZIP for each of them, in the same order."""
    for change in (lambda name: str(PurePosixPath(name).with_suffix(".png")), lambda name: f"{name}.png"):
        found = fit_in_order(map(change, names))
        if found is not None:
            return found
    return Names.of(f"{number // 1000:05}/img{number:08}.png" for number in range(len(names)))


def fit_in_order(names: Iterable[str]) -> Names | None:
    """These; None where one is unfit for a ZIP, or they are not in ascending order."""
    text, before = bytearray(), ""
    for name in names:
        if not (before < name and fit_for_zip(name)):
            return None
        text += encoded(name)
        before = name
    return Names(bytes(text))


def fit_for_zip(name: str) -> bool:
    """Whether the reader of ZIPs finds a picture of this name in one, and a dataset.json can have it."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
    return name.isprintable() and "\\" not in name and not hidden and not leads_out(name) and len(name) < 1000


def labels_of(source: Source, pieces: Pieces) -> list[int] | None:
    """The label of each piece; None where there are none."""
    return None if source.labels is None else source.labels[[piece.number for piece in pieces]].tolist()


def named(classes: list[str], labels: list[int]) -> bool:
    """Whether these are the classes, in this order, that the reader makes of their names."""
    shown = {*labels}
    if not labels or not "".join(classes).isprintable():
        return False
    found, numbers = numbers_of({classes[label] for label in shown}, len(labels), "")
    return found == classes and all(numbers[classes[label]] == label for label in shown)
