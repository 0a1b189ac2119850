"""List of the images in a folder: files, classes, and what was skipped and why."""

import hashlib
import os
import stat
from array import array
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_lab.data.names import Names, encoded
from gan_lab.errors import UserError

# Formats that Pillow knows by name and cannot read by itself, or only by starting another program.
UNREADABLE = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
COMMON = ("JPEG", "PNG", "WEBP")  # tried first: to ask others takes as long as to read a small picture
SPLITS = frozenset({"dev", "eval", "test", "testing", "train", "training", "val", "valid", "validation"})
TRAINING = ("train", "training")
Numbers = NDArray[np.int64]
Stamp = tuple[int, int, int]  # of a folder: its device, its number there, and when it changed, in nanoseconds


class Listing(NamedTuple):
    """What a folder holds.

    Attributes:
        files: the path of each picture relative to the folder, in sorted order.
        sizes: of each picture in bytes, (n,).
        classes: the sorted names of the sub-folders that are classes; empty where there are none.
        labels: the number of the class of each picture, (n,); None where there are no classes.
        passed_over: the relative paths of what else lies there, by the reason.
    """

    files: Names
    sizes: Numbers
    classes: list[str]
    labels: Numbers | None
    passed_over: dict[str, list[str]]

    @property
    def counts(self) -> dict[str, int]:
        """The number of pictures of each class."""
        found = [] if self.labels is None else np.bincount(self.labels, minlength=len(self.classes)).tolist()
        return dict(zip(self.classes, found, strict=True))

    @property
    def digest(self) -> str:
        """Of the names and sizes of all pictures, wherever their folder lies."""
        found = hashlib.sha256()
        for file, size in zip(self.files, self.sizes.tolist(), strict=True):
            found.update(encoded(file) + str(size).encode() + b"\n")
        return found.hexdigest()


def list_pictures(root: str, with_classes: bool = True) -> Listing:
    """All pictures under `root`, at any depth: the files whose ending says so, but for hidden ones.

    The class of a picture is the sub-folder of `root` that it lies in. Pictures in `root` itself are passed over where
    two sub-folders or more hold more of them; else they all count, and there are no classes. Links are followed, but
    no folder is searched twice.

    Raises UserError where there is no such folder, no picture in it, or its sub-folders are the parts of a data set
    (train, test, ...).
    """
    return search(root, with_classes)[0]


def search(root: str, with_classes: bool) -> tuple[Listing, dict[str, Stamp]]:
    """The same, and each folder that was searched, by its relative path, with what tells whether it has changed."""
    if not Path(root).is_dir():
        why = "is a file, and must be a folder" if Path(root).exists() else "no such folder"
        raise UserError(f"data.root={root}: {why}")
    walk = _Walk(root)
    walk.all()
    found = arrange(root, *walk.sorted(), walk.passed_over, with_classes)
    known = {path for paths in found.passed_over.values() for path in paths}
    empty = sorted(_folders(root) - {*found.classes} - known)
    if found.classes and empty:
        found.passed_over["folders without pictures"] = empty
    return found, walk.folders


def arrange(root: str, files: Names, sizes: Numbers, passed_over: dict[str, list[str]], with_classes: bool) -> Listing:
    """Pictures by their sorted relative paths, and with `with_classes` the folders that are their classes.

    What is beside the classes goes over to `passed_over`. Raises UserError; see `list_pictures`.
    """
    if not len(files):
        found = [*description(passed_over)]
        others = f", but {', '.join(found[:5])}{', ...' if len(found) > 5 else ''}" if found else ""
        by_itself = "give its own path" if Path(root).is_dir() else "unpack it first, since a ZIP in a ZIP is not read"
        advice = f"; a ZIP is read by itself: {by_itself}" if "ending in .zip" in passed_over else ""
        raise UserError(f"data.root={root}: holds no pictures (.jpg and .png are two kinds){others}{advice}")
    if not with_classes:
        return Listing(files, sizes, [], None, passed_over)
    met: dict[str, int] = {}
    labels = np.fromiter((met.setdefault(class_of(file), len(met)) for file in files), np.int64, len(files))
    classes = sorted(met.keys() - {""})
    if classes and all(name.lower() in SPLITS for name in classes):
        part = next((name for name in classes if name.lower() in TRAINING), classes[0])
        raise UserError(
            f"data.root={root}: {', '.join(classes)}: parts of a data set and no classes; "
            f"take one of them, data.root={os.path.join(root, part)}"
        )
    inside = labels != met.get("", -1)
    strays = len(files) - int(inside.sum())
    if strays and not (len(classes) > 1 and strays < len(files) - strays):
        classes = []
    elif strays:
        beside, kept = np.flatnonzero(~inside).tolist(), np.flatnonzero(inside).tolist()
        passed_over["beside the folders of classes"] = [files[i] for i in beside]
        files, sizes, labels = Names.of(files[i] for i in kept), sizes[kept], labels[kept]
    if not classes:
        return Listing(files, sizes, [], None, passed_over)
    numbers = {name: number for number, name in enumerate(classes)}
    return Listing(files, sizes, classes, np.array([numbers.get(name, -1) for name in met])[labels], passed_over)


def class_of(file: str) -> str:
    """The first folder of a relative path; empty where there is none."""
    return file.partition(os.sep)[0] if os.sep in file else ""


def _folders(root: str) -> set[str]:
    return {entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")}


class _Walk:
    """A search for the pictures below `root`, which keeps little for each."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.passed_over: dict[str, list[str]] = {}
        self.folders: dict[str, Stamp] = {}
        self._text, self._sizes = bytearray(), array("q")
        self._links: list[str] = []
        self._in_order = True
        self._seen = {stamp_of(folder)[:2] for folder in Path(root).resolve().parents}

    def all(self) -> None:
        self._search("")
        while self._links:  # last: a folder counts by its own name, if it is here
            self._in_order = False
            self._search(self._links.pop(0))

    def sorted(self) -> tuple[Names, Numbers]:
        """The relative paths of the pictures, sorted, and their sizes."""
        files, sizes = Names(bytes(self._text)), np.array(self._sizes, np.int64)
        self._text.clear()
        if self._in_order:
            return files, sizes
        order = sorted(range(len(files)), key=files.__getitem__)
        return Names.of(files[i] for i in order), sizes[order]

    def _search(self, start: str) -> None:
        """All of a folder in the order of its paths. By a stack: folders may lie deep in each other."""
        stack = [(start, self._entries(start))]
        while stack:
            folder, names = stack[-1]
            name = next(names, None)
            if name is None:
                stack.pop()
            elif name.endswith(os.sep):
                inner = folder + name
                stack.append((inner, self._entries(inner)))
            else:
                self._judge(folder, name)

    def _entries(self, folder: str) -> Iterator[str]:
        """The sorted names of what is in a folder, those of folders, as `folder`, end with a separator."""
        links, names = [], []
        try:
            stamp = stamp_of(Path(self.root, folder))
            if stamp[:2] in self._seen:
                self._pass_over("links to folders that are searched anyway, or lie around it", folder)
                return
            self._seen.add(stamp[:2])
            self.folders[folder] = stamp
            with os.scandir(os.path.join(self.root, folder)) as entries:
                for entry in entries:
                    is_folder = not entry.name.startswith(".") and _is_folder(entry)
                    if is_folder and entry.is_symlink():
                        links.append(f"{folder}{entry.name}{os.sep}")
                    else:
                        names.append(entry.name + os.sep if is_folder else entry.name)
        except OSError as error:
            self._pass_over(_why(error), folder)
            return
        self._links += sorted(links)
        names.sort()
        yield from names

    def _judge(self, folder: str, name: str) -> None:
        """Count a file among the pictures or among what is passed over."""
        reason = "hidden" if name.startswith(".") else why_not(name)
        if reason is None:
            try:
                found = os.stat(f"{self.root}{os.sep}{folder}{name}")  # noqa: PTH116 - several times faster
                if stat.S_ISREG(found.st_mode):
                    self._text += encoded(folder + name)
                    self._sizes.append(found.st_size)
                    return
                reason = "no ordinary files"
            except OSError as error:
                reason = _why(error)
        self._pass_over(reason, folder + name)

    def _pass_over(self, reason: str, path: str) -> None:
        self.passed_over.setdefault(reason, []).append(path.removesuffix(os.sep))


def why_not(name: str) -> str | None:
    """Why a file of this name is not taken for a picture; None where it is."""
    _, dot, last = name.rpartition(".")
    if dot and f".{last}".lower() in endings():
        return None
    return f"ending in .{last.lower()}" if dot and last else "without an ending"


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # of a link to itself: what it is, is found out when it is looked at as a file
        return False


def stamp_of(folder: Path) -> Stamp:
    found = folder.stat()
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _why(error: OSError) -> str:
    return "links that lead nowhere" if isinstance(error, FileNotFoundError) else f"{error.strerror or error}".lower()


@cache
def endings() -> frozenset[str]:
    """Those of the files that Pillow reads, in small letters."""
    known = Image.registered_extensions()
    return frozenset({".mpo", *(ending for ending, kind in known.items() if kind in readable())})


@cache
def readable() -> tuple[str, ...]:
    """The formats that Pillow reads by itself: what a file may be, whatever its ending says. Tried in this order."""
    Image.init()
    found = Image.OPEN.keys() - UNREADABLE
    return tuple(sorted(found, key=lambda kind: (kind not in COMMON, kind)))


def description(passed_over: dict[str, list[str]]) -> Iterable[str]:
    """`3 ending in .txt (a/x.txt, ...)` for each reason."""
    for reason, paths in sorted(passed_over.items(), key=lambda item: -len(item[1])):
        more = ", ..." if len(paths) > 1 else ""
        yield f"{len(paths)} {reason} ({paths[0]}{more})"
