"""LMDB of encoded image files."""

import hashlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from gan_lab.data.listing import readable
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError


class Lmdb(Source):
    """The values of an LMDB that are encoded image files (PNG, JPEG, WebP ...), as LSUN has them, by their keys.

    Values that do not begin like a picture are passed over. There are no classes, but for those of `data.labels`.

    Raises UserError where it cannot be opened, or holds no pictures.
    """

    kind = "LMDB"

    def __init__(self, root: str) -> None:
        self.root, self.classes, self.labels, self.given = root, [], None, None
        self.keys: list[bytes] = []
        others: list[str] = []
        found = hashlib.sha256()
        with environment(root).begin() as transaction:
            for key, value in transaction.cursor():
                if looks_like_picture(value):
                    self.keys.append(key)
                    found.update(key + b"\0" + str(len(value)).encode() + b"\0" + value[-64:] + b"\n")
                else:
                    others.append(key.decode(errors="replace"))
        if not self.keys:
            raise UserError(f"data.root={root}: an LMDB without encoded pictures ({len(others)} other values)")
        self.names = [key.decode(errors="replace") for key in self.keys]
        self.passed_over = {"that are no encoded pictures": others} if others else {}
        self._digest = found.hexdigest()

    @property
    def digest(self) -> str:
        """Of the keys, sizes and last bytes of all pictures."""
        return self._digest

    @property
    def digest_of(self) -> str:
        return "keys, sizes and last bytes"

    def unhashed_files(self) -> Iterable[str]:
        return (str(data_file(self.root)),)

    def open(self, index: int) -> Image.Image:
        with environment(self.root).begin() as transaction:
            content = transaction.get(self.keys[index])
        self.check_size(len(content))
        return Image.open(BytesIO(content), formats=readable())


def looks_like_picture(start: bytes) -> bool:
    """Whether bytes begin as a PNG, JPEG, WebP, GIF, BMP or TIFF does."""
    return start.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*"))


def data_file(root: str) -> Path:
    """The file that holds the values."""
    return Path(root, "data.mdb" if Path(root).is_dir() else "")


def environment(root: str) -> Any:
    """The database at `root`, opened once: the library refuses a second time in one process.

    It is opened without locks, for reading alone, which is looking at a map of the file: forked workers go on with it.

    Raises UserError where it cannot be opened.
    """
    try:
        import lmdb
    except ImportError as error:
        raise UserError("LMDB needs lmdb: pip install 'gan_lab[lmdb]'") from error
    folder = Path(root).is_dir()
    try:
        found = data_file(root).stat()
        stamp, known = (found.st_dev, found.st_ino, found.st_mtime_ns), _opened.get(root)
        if known is None or known[0] != stamp:
            if known is not None:
                known[1].close()
            _opened[root] = stamp, lmdb.open(root, readonly=True, lock=False, subdir=folder, readahead=False)
        return _opened[root][1]
    except (lmdb.Error, OSError) as error:
        raise UserError(f"data.root={root}: not a readable LMDB ({error})") from error


_opened: dict[str, tuple[tuple[int, int, int], Any]] = {}  # by the path, with what tells whether it is another file now
