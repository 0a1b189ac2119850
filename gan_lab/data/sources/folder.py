"""Folder of image files."""

import os
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from gan_lab.data.index import index
from gan_lab.data.listing import readable
from gan_lab.data.sources.labels import DATASET_JSON, read_dataset_json
from gan_lab.data.sources.source import Source


class Folder(Source):
    """The image files under `root`, at any depth; classes by sub-folder, or from root/dataset.json (`listing.py`)."""

    kind = "folder"

    def __init__(self, root: str, with_classes: bool = True, with_json: bool = True) -> None:
        self.root = root
        listed = Path(root, DATASET_JSON)
        self.given = read_dataset_json(listed.read_bytes(), str(listed)) if with_json and listed.is_file() else None
        listing, self._digest = index(root, with_classes and self.given is None)
        self.names, self.passed_over = listing.files, listing.passed_over
        self.classes, self.labels = listing.classes, listing.labels

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def digest_of(self) -> str:
        return "names and sizes"

    def unhashed_files(self) -> Iterable[str]:
        return map(self.path, range(len(self.names)))

    def open(self, index: int) -> Image.Image:
        return Image.open(self.path(index), formats=readable())

    def path(self, index: int) -> str:
        return os.path.join(self.root, self.names[index])
