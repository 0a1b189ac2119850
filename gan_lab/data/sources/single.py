"""One image file, whatever its ending."""

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from gan_lab.data.listing import readable
from gan_lab.data.sources.source import Source


class Single(Source):
    """The picture in this file."""

    def __init__(self, picture: Path) -> None:
        self.root, self.names, self.passed_over = str(picture.parent), [picture.name], {}
        self.classes, self.labels = [], None

    @property
    def digest(self) -> str:
        return self.names[0]

    @property
    def digest_of(self) -> str:
        return "name"

    def unhashed_files(self) -> Iterable[str]:
        return (self.path(0),)

    def open(self, index: int) -> Image.Image:
        return Image.open(self.path(index), formats=readable())

    def path(self, index: int) -> str:
        return str(Path(self.root, self.names[index]))
