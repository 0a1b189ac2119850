"""ZIP archive of image files."""

import hashlib
import os
import struct
import zlib
from array import array
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from PIL import Image

from gan_lab.data.listing import arrange, readable, why_not
from gan_lab.data.names import Names
from gan_lab.data.sources.contents import Contents, contents
from gan_lab.data.sources.handle import PerProcess
from gan_lab.data.sources.labels import DATASET_JSON, classes_of, read_dataset_json
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError

HEADER = struct.Struct("<26x2H")  # before each entry: its end is the lengths of the name and of the extra field
ENCRYPTED = 1  # a bit of an entry's flags


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
        return Image.open(BytesIO(self._read(*self._places[index].tolist())), formats=readable())

    def _read(self, start: int, packed: int, size: int, checksum: int, method: int) -> bytes:
        """The content of an entry. Raises ValueError or zlib.error where it is damaged."""
        self.check_size(max(packed, size))
        file = self._file().fileno()
        header = os.pread(file, HEADER.size, start)
        if len(header) < HEADER.size or not header.startswith(b"PK\3\4"):
            raise ValueError("it is not where the ZIP says")
        content = os.pread(file, packed, start + HEADER.size + sum(HEADER.unpack(header)))
        if method == ZIP_DEFLATED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, size + 1)
        if len(content) != size or zlib.crc32(content) != checksum:
            raise ValueError("its size or checksum is not what the ZIP says")
        return content


def _search(root: str, with_classes: bool, with_json: bool) -> Contents:
    """What a ZIP holds; of each picture its start, its sizes packed and unpacked, CRC-32 and method. Raises UserError.

    The file is read by the standard library here, which keeps half a kilobyte for each entry, and not again.
    """
    try:
        with ZipFile(root) as archive:
            entries = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
            listed = entries.get(DATASET_JSON) if with_json else None
            Source.check_size(0 if listed is None else listed.file_size)
            text = None if listed is None else archive.read(listed)
    except (BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"data.root={root}: not a readable ZIP ({error}); copy it again") from error
    outside = next(filter(leads_out, entries), None)
    if outside is not None:
        raise UserError(f"data.root={root}: holds {outside}, a name that leads out of the ZIP; make it anew")
    given = None if text is None else read_dataset_json(text, f"{root}: {DATASET_JSON}")
    passed_over: dict[str, list[str]] = {}
    files = sorted(name for name in entries if _is_picture(name, passed_over))
    unfit = next((name for name in files if not _is_plain(entries[name])), None)
    if unfit is not None:
        faults = "encrypted, neither stored nor deflated, or of an impossible size"
        raise UserError(f"data.root={root}: {unfit} is {faults}; make the ZIP anew")
    sizes = np.fromiter((entries[file].file_size for file in files), np.int64, len(files))
    names, _, classes, labels, _ = arrange(root, Names.of(files), sizes, passed_over, with_classes and given is None)
    if given:
        classes, labels = classes_of(given, names, f"{root}: its labels")
    places, digest = array("q"), hashlib.sha256()
    for name in names:
        entry = entries[name]
        packed = entry.header_offset, entry.compress_size
        places.extend((*packed, entry.file_size, entry.CRC, entry.compress_type))
        digest.update(f"{name}\0{entry.file_size}\0{entry.CRC}\n".encode("utf-8", "surrogateescape"))
    found = np.frombuffer(places, np.int64).reshape(-1, 5)
    return Contents(names, found, classes, labels, passed_over, digest.hexdigest())


def _is_picture(name: str, passed_over: dict[str, list[str]]) -> bool:
    """Whether this is a picture's name; others, but for dataset.json, go over to `passed_over`."""
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
    reason = "hidden" if hidden else why_not(parts[-1])
    if reason is not None and name != DATASET_JSON:
        passed_over.setdefault(reason, []).append(name)
    return reason is None


def _is_plain(entry: ZipInfo) -> bool:
    """Whether the content of an entry is stored as it is, or deflated, at a place and of a size that can be."""
    possible = all(0 <= n < 2**63 for n in (entry.header_offset, entry.compress_size, entry.file_size))
    return possible and not entry.flag_bits & ENCRYPTED and entry.compress_type in (ZIP_STORED, ZIP_DEFLATED)


def leads_out(name: str) -> bool:
    """Whether a path would be outside the folder that it is taken from."""
    return name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts
