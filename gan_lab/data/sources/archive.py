"""ZIP archive of image files."""

import hashlib
import os
import struct
import zlib
from array import array
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_lab.data.listing import arrange, readable, why_not
from gan_lab.data.names import Names
from gan_lab.data.sources.contents import Contents, contents
from gan_lab.data.sources.handle import PerProcess
from gan_lab.data.sources.labels import DATASET_JSON, classes_of, read_dataset_json
from gan_lab.data.sources.source import Source
from gan_lab.data.sources.zip_directory import Place, entries
from gan_lab.errors import UserError

SIZE, CHECKSUM = map(Place._fields.index, ("size", "checksum"))
HEADER = struct.Struct("<26x2H")  # before each entry: its end is the lengths of the name and of the extra field


class Archive(Source):
    """The image files of a ZIP, which is read where it lies; nothing is unpacked to the disk.

    The labels are those of its dataset.json, as StyleGAN2-ADA, StyleGAN3 and R3GAN write it; else the classes are its
    folders. The list of what is in a large one is kept between runs; each picture is then read from its place.

    Raises UserError where it is no ZIP, or holds no pictures, or some that are encrypted or packed in a rare way.
    """

    kind = "ZIP"

    def __init__(self, root: str, with_classes: bool = True, with_json: bool = True) -> None:
        self.root = root
        self._file = PerProcess(lambda: Path(root).open("rb"))  # noqa: SIM115 - open as long as this is
        found = contents([Path(root)], (with_classes, with_json), lambda: _search(root, with_classes, with_json))
        self.names, self._places, self.classes, self.labels, self.passed_over, self._digest = found

    @property
    def digest(self) -> str:
        """Of the names, sizes and checksums of all pictures."""
        return self._digest

    @property
    def digest_of(self) -> str:
        return "names, sizes and checksums"

    def unhashed_files(self) -> Iterable[str]:
        return ()

    def open(self, index: int) -> Image.Image:
        return Image.open(BytesIO(_content(self._file(), Place(*self._places[index].tolist()))), formats=readable())


def _content(file: BinaryIO, place: Place) -> bytes:
    """The content of an entry. Raises ValueError or zlib.error where it is damaged."""
    Source.check_size(max(place.packed, place.size))
    header = os.pread(file.fileno(), HEADER.size, place.start)
    if len(header) < HEADER.size or not header.startswith(b"PK\3\4"):
        raise ValueError("it is not where the ZIP says")
    content = os.pread(file.fileno(), place.packed, place.start + HEADER.size + sum(HEADER.unpack(header)))
    if place.method == ZIP_DEFLATED:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, place.size + 1)
    if len(content) != place.size or zlib.crc32(content) != place.checksum:
        raise ValueError("its size or checksum is not what the ZIP says")
    return content


def _search(root: str, with_classes: bool, with_json: bool) -> Contents:
    """What a ZIP holds, with the `Place` of each picture. Raises UserError."""
    passed_over: dict[str, list[str]] = {}
    try:
        with Path(root).open("rb") as file:
            numbers, places = _listed(root, file, with_json, passed_over)
            listed = numbers.pop(DATASET_JSON, None)
            text = None if listed is None else _content(file, Place(*places[listed].tolist()))
    except (BadZipFile, ValueError, OSError, zlib.error) as error:
        raise UserError(f"data.root={root}: not a readable ZIP ({error}); copy it again") from error
    files = sorted(numbers)
    places, names = places[[numbers[file] for file in files]], Names.of(files)
    del numbers, files  # before a dataset.json is taken apart: of a million pictures each takes 200 MB and more
    rows = np.arange(len(names))  # in place of sizes, of which nothing is asked here: whose place is kept
    names, rows, classes, labels, _ = arrange(root, names, rows, passed_over, with_classes and text is None)
    if text is not None:
        given = read_dataset_json(text, f"{root}: {DATASET_JSON}")
        classes, labels = classes_of(given, names, f"{root}: its labels") if given else ([], None)
    found = places[rows]
    digest = hashlib.sha256()
    for name, size, checksum in zip(names, found[:, SIZE], found[:, CHECKSUM], strict=True):
        digest.update(f"{name}\0{size}\0{checksum}\n".encode("utf-8", "surrogateescape"))
    return Contents(names, found, classes, labels, passed_over, digest.hexdigest())


def _listed(
    root: str, file: BinaryIO, with_json: bool, passed_over: dict[str, list[str]]
) -> tuple[dict[str, int], NDArray[np.int64]]:
    """The number of each picture (and of dataset.json) by its name, and by its number the place; the other files go
    over to `passed_over`.

    Raises UserError where a name leads out, or a picture cannot be read; BadZipFile.
    """
    numbers, places = dict[str, int](), array("q")
    for entry in entries(file):
        if entry.name.endswith("/"):  # a folder, of which nothing is read
            continue
        if leads_out(entry.name):
            raise UserError(f"data.root={root}: holds {entry.name}, a name that leads out of the ZIP; make it anew")
        taken = entry.name == DATASET_JSON and with_json
        if taken or _is_picture(entry.name, passed_over):
            if not entry.is_plain:
                faults = "encrypted, neither stored nor deflated, or of an impossible size"
                raise UserError(f"data.root={root}: {entry.name} is {faults}; make the ZIP anew")
            numbers[entry.name] = len(places) // len(entry.place)  # of two of one name the last counts
            places.extend(entry.place)
    return numbers, np.array(places, np.int64).reshape(-1, len(Place._fields))


def _is_picture(name: str, passed_over: dict[str, list[str]]) -> bool:
    """Whether this is a picture's name; others, but for dataset.json, go over to `passed_over`."""
    path = PurePosixPath(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    reason = "hidden" if hidden else why_not(path.name)
    if reason is not None and name != DATASET_JSON:
        passed_over.setdefault(reason, []).append(name)
    return reason is None


def leads_out(name: str) -> bool:
    """Whether a path would be outside the folder that it is taken from."""
    return name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts
