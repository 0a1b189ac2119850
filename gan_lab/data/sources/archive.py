"""ZIP archive of image files."""

import hashlib
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from PIL import Image

from gan_lab.data.listing import arrange, readable, why_not
from gan_lab.data.names import Names
from gan_lab.data.sources.handle import PerProcess
from gan_lab.data.sources.labels import DATASET_JSON, read_dataset_json
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError


class Archive(Source):
    """The image files of a ZIP, which is read where it lies; nothing is unpacked to the disk.

    The labels are those of its dataset.json, as StyleGAN2-ADA, StyleGAN3 and R3GAN write it; else the classes are its
    folders.

    Raises UserError where it is no ZIP, or holds no pictures.
    """

    kind = "ZIP"

    def __init__(self, root: str, with_classes: bool = True, with_json: bool = True) -> None:
        self.root = root
        self._zip = PerProcess(lambda: ZipFile(root))
        try:
            entries = {entry.filename: entry for entry in self._zip().infolist() if not entry.is_dir()}
            text = self._read(entries[DATASET_JSON]) if with_json and DATASET_JSON in entries else None
        except (BadZipFile, NotImplementedError, RuntimeError, ValueError, OSError, EOFError, zlib.error) as error:
            raise UserError(f"data.root={root}: not a readable ZIP ({error}); copy it again") from error
        outside = next(filter(leads_out, entries), None)
        if outside is not None:
            raise UserError(f"data.root={root}: holds {outside}, a name that leads out of the ZIP; make it anew")
        self.given = None if text is None else read_dataset_json(text, f"{root}: {DATASET_JSON}")
        sizes: dict[str, int] = {}
        passed_over: dict[str, list[str]] = {}
        for name, entry in entries.items():
            parts = PurePosixPath(name).parts
            hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
            reason = "hidden" if hidden else why_not(parts[-1])
            if reason is None:
                sizes[name] = entry.file_size
            elif name != DATASET_JSON:
                passed_over.setdefault(reason, []).append(name)
        files = sorted(sizes)
        numbers = np.array([sizes[file] for file in files], np.int64)
        listing = arrange(root, Names.of(files), numbers, passed_over, with_classes and self.given is None)
        self.names, self.passed_over = listing.files, passed_over
        self.classes, self.labels = listing.classes, listing.labels
        self._entries = [entries[name] for name in self.names]

    @property
    def digest(self) -> str:
        """Of the names, sizes and checksums of all pictures."""
        found = hashlib.sha256()
        for entry in self._entries:
            line = f"{entry.filename}\0{entry.file_size}\0{entry.CRC}\n"
            found.update(line.encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    @property
    def digest_of(self) -> str:
        return "names, sizes and checksums"

    def unhashed_files(self) -> Iterable[str]:
        return ()

    def open(self, index: int) -> Image.Image:
        return Image.open(BytesIO(self._read(self._entries[index])), formats=readable())

    def _read(self, entry: ZipInfo) -> bytes:
        self.check_size(entry.file_size)
        return self._zip().read(entry)


def leads_out(name: str) -> bool:
    """Whether a path would be outside the folder that it is taken from."""
    return name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts
