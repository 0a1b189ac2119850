"""List of the images in a folder: files, classes, and what was skipped and why."""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gan_lab.errors import UserError

# Formats that Pillow knows by name and cannot read by itself, or only by starting another program.
UNREADABLE = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
SPLITS = frozenset({"dev", "eval", "test", "testing", "train", "training", "val", "valid", "validation"})
TRAINING = ("train", "training")


class Listing(NamedTuple):
    """What a folder holds.

    Attributes:
        sizes: of each picture in bytes, by its path relative to the folder, in sorted order.
        classes: the sorted names of the sub-folders that are classes; empty where there are none.
        passed_over: the relative paths of what else lies there, by the reason.
    """

    sizes: dict[str, int]
    classes: list[str]
    passed_over: dict[str, list[str]]

    @property
    def files(self) -> list[str]:
        return list(self.sizes)

    @property
    def counts(self) -> dict[str, int]:
        """The number of pictures of each class."""
        found = Counter(map(class_of, self.sizes))
        return {name: found[name] for name in self.classes}

    @property
    def digest(self) -> str:
        """Of the names and sizes of all pictures, wherever their folder lies."""
        found = hashlib.sha256()
        for file, size in self.sizes.items():
            found.update(os.fsencode(file) + b"\0" + str(size).encode() + b"\n")
        return found.hexdigest()


def list_pictures(root: str, with_classes: bool = True) -> Listing:
    """All pictures under `root`, at any depth: the files whose ending says so, but for hidden ones.

    The class of a picture is the sub-folder of `root` that it lies in. Pictures in `root` itself are passed over where
    two sub-folders or more hold more of them; else they all count, and there are no classes. Links are followed, but
    no folder is searched twice.

    Raises UserError where there is no such folder, no picture in it, or its sub-folders are the parts of a data set
    (train, test, ...).
    """
    if not Path(root).is_dir():
        why = "is a file, and must be a folder" if Path(root).exists() else "no such folder"
        raise UserError(f"data.root={root}: {why}")
    sizes, passed_over = _search(root)
    found = arrange(root, sizes, passed_over, with_classes)
    known = {path for paths in passed_over.values() for path in paths}
    empty = sorted(_folders(root) - {class_of(file) for file in sizes} - known) if found.classes else []
    if empty:
        passed_over["folders without pictures"] = empty
    return found


def arrange(root: str, sizes: dict[str, int], passed_over: dict[str, list[str]], with_classes: bool) -> Listing:
    """Pictures by their relative path, and with `with_classes` the folders that are their classes; see `list_pictures`.

    What is beside the classes goes over to `passed_over`. Raises UserError.
    """
    if not sizes:
        others = sum(map(len, passed_over.values()))
        raise UserError(f"data.root={root}: holds no pictures, of which .jpg and .png are two kinds ({others} others)")
    if not with_classes:
        return Listing(dict(sorted(sizes.items())), [], passed_over)
    classes = sorted({class_of(file) for file in sizes} - {""})
    if classes and all(name.lower() in SPLITS for name in classes):
        part = next((name for name in classes if name.lower() in TRAINING), classes[0])
        raise UserError(
            f"data.root={root}: {', '.join(classes)}: parts of a data set and no classes; "
            f"take one of them, data.root={os.path.join(root, part)}"
        )
    stray = [file for file in sizes if not class_of(file)]
    if stray and len(classes) > 1 and len(stray) < len(sizes) - len(stray):
        for file in stray:
            del sizes[file]
        passed_over["beside the folders of classes"] = stray
    elif stray:
        classes = []
    return Listing(dict(sorted(sizes.items())), classes, passed_over)


def class_of(file: str) -> str:
    """The first folder of a relative path; empty where there is none."""
    return file.split(os.sep)[0] if os.sep in file else ""


def _folders(root: str) -> set[str]:
    return {entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith(".")}


def _search(root: str) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The sizes of the pictures below `root`, by relative path, and what was passed over, by reason."""
    sizes: dict[str, int] = {}
    passed_over: dict[str, list[str]] = {}
    seen = {_identity(folder) for folder in Path(root).resolve().parents}
    folders, links = [""], list[str]()
    while folders or links:
        folder = (
            folders.pop() if folders else links.pop(0)
        )  # links last: a folder counts by its own name, if it is here
        identity = _identity(Path(root, folder))
        if identity in seen:
            passed_over.setdefault("links to folders that are searched anyway, or lie around it", []).append(folder)
            continue
        seen.add(identity)
        for entry in _entries(root, folder, passed_over):
            path = os.path.join(folder, entry.name)
            try:
                if entry.name.startswith("."):
                    passed_over.setdefault("hidden", []).append(path)
                elif entry.is_dir():
                    (links if entry.is_symlink() else folders).append(path)
                else:
                    _judge(path, entry, sizes, passed_over)
            except OSError as error:
                passed_over.setdefault(_why(error), []).append(path)
    return sizes, passed_over


def _entries(root: str, folder: str, passed_over: dict[str, list[str]]) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(os.path.join(root, folder)) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        passed_over.setdefault(_why(error), []).append(folder)


def _judge(path: str, entry: "os.DirEntry[str]", sizes: dict[str, int], passed_over: dict[str, list[str]]) -> None:
    """Count a file among the pictures or among what is passed over."""
    found, reason = entry.stat(), why_not(entry.name)
    if reason is None and not stat.S_ISREG(found.st_mode):
        reason = "no ordinary files"
    if reason is None:
        sizes[path] = found.st_size
    else:
        passed_over.setdefault(reason, []).append(path)


def why_not(name: str) -> str | None:
    """Why a file of this name is not taken for a picture; None where it is."""
    ending = Path(name).suffix.lower()
    if ending in endings():
        return None
    return f"ending in {ending}" if ending else "without an ending"


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _why(error: OSError) -> str:
    return "links that lead nowhere" if isinstance(error, FileNotFoundError) else f"{error.strerror or error}".lower()


@cache
def endings() -> frozenset[str]:
    """Those of the files that Pillow reads, in small letters."""
    known = Image.registered_extensions()
    return frozenset({".mpo", *(ending for ending, kind in known.items() if kind in readable())})


@cache
def readable() -> tuple[str, ...]:
    """The formats that Pillow reads by itself: what a file may be, whatever its ending says."""
    Image.init()
    return tuple(sorted(Image.OPEN.keys() - UNREADABLE))


def description(passed_over: dict[str, list[str]]) -> Iterable[str]:
    """`3 ending in .txt (a/x.txt, ...)` for each reason."""
    for reason, paths in sorted(passed_over.items(), key=lambda item: -len(item[1])):
        more = ", ..." if len(paths) > 1 else ""
        yield f"{len(paths)} {reason} ({paths[0]}{more})"
