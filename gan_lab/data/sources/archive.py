"""ZIP archive of image files."""

import hashlib
from io import BytesIO
from pathlib import PurePosixPath
from zipfile import BadZipFile, ZipFile

from PIL import Image

from gan_lab.data.listing import arrange, readable, why_not
from gan_lab.data.sources.folder import by_folder
from gan_lab.data.sources.handle import PerProcess
from gan_lab.data.sources.labels import DATASET_JSON, read_dataset_json
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError

MOST = 2**30  # bytes of one unpacked file: more is an attack, or no picture


class Archive(Source):
    """The image files of a ZIP, which is read where it lies; nothing is unpacked to the disk.

    The labels are those of its dataset.json, as StyleGAN2-ADA, StyleGAN3 and R3GAN write it; else the classes are its
    folders.

    Raises UserError where it is no ZIP, or holds no pictures.
    """

    def __init__(self, root: str, with_classes: bool = True, with_json: bool = True) -> None:
        self.root = root
        self._zip = PerProcess(lambda: ZipFile(root))
        try:
            entries = {entry.filename: entry for entry in self._zip().infolist() if not entry.is_dir()}
            text = self._zip().read(DATASET_JSON) if with_json and DATASET_JSON in entries else None
        except (BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
            raise UserError(f"data.root={root}: not a readable ZIP ({error}); copy it again") from error
        self.given = None if text is None else read_dataset_json(text, f"{root}: {DATASET_JSON}")
        sizes: dict[str, int] = {}
        passed_over: dict[str, list[str]] = {}
        for name, entry in entries.items():
            hidden = any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
            reason = "hidden" if hidden else why_not(name)
            if reason is None:
                sizes[name] = entry.file_size
            elif name != DATASET_JSON:
                passed_over.setdefault(reason, []).append(name)
        listing = arrange(root, sizes, passed_over, with_classes and self.given is None)
        self.names, self.passed_over = listing.files, passed_over
        self.classes, self.labels = by_folder(listing)
        self._checks = [entries[name].CRC for name in self.names]
        self._sizes = listing.sizes

    @property
    def digest(self) -> str:
        """Of the names, sizes and checksums of all pictures."""
        found = hashlib.sha256()
        for (name, size), check in zip(self._sizes.items(), self._checks, strict=True):
            found.update(f"{name}\0{size}\0{check}\n".encode("utf-8", "surrogateescape"))
        return found.hexdigest()

    def open(self, index: int) -> Image.Image:
        name = self.names[index]
        if self._sizes[name] > MOST:
            raise ValueError(f"{self._sizes[name]:,} bytes")
        return Image.open(BytesIO(self._zip().read(name)), formats=readable())
