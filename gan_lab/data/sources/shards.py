"""Shards of WebDataset: tar files of pictures with their labels beside them."""

import hashlib
import json
import os
import re
import tarfile
from array import array
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_lab.data.listing import readable, why_not
from gan_lab.data.names import Names, encoded
from gan_lab.data.sources.contents import Contents, contents
from gan_lab.data.sources.labels import classes_of
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError

LABELS = ("label", "cls", "class")  # the keys of a .json that are read
LONGEST = 2**20  # bytes of a label's file
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


class Shards(Source):
    """The image files in the tar files at `root`: one, all of a folder, or those that a pattern names.

    A pattern is WebDataset's, `shard-{000000..000009}.tar`. Files of one name up to its first dot are a sample: its
    first picture counts, and its label is the text of its .cls, or `label` (or `cls`, `class`) in its .json. The shards
    are gone through once, at the start, and the list of many pictures is kept between runs; then each is read from its
    place, so that any order can be replayed.

    Raises UserError where a shard is missing, compressed or damaged, or there are no pictures.
    """

    kind = "WebDataset"

    def __init__(self, root: str, with_labels: bool = True) -> None:
        self.root = root
        self._shards = shards_at(root)
        found = contents(self._shards, (with_labels,), lambda: _search(root, self._shards, with_labels))
        self.names, self._places, self.classes, self.labels, self.passed_over, self._digest = found

    @property
    def digest(self) -> str:
        """Of the names and sizes of all pictures."""
        return self._digest

    @property
    def digest_of(self) -> str:
        return "names and sizes"

    def unhashed_files(self) -> Iterable[str]:
        return map(str, self._shards)

    def open(self, index: int) -> Image.Image:
        number, start, size = self._places[index].tolist()
        self.check_size(size)
        with self._shards[number].open("rb") as file:
            file.seek(start)
            return Image.open(BytesIO(file.read(size)), formats=readable())


class _Sample:
    """A picture in a tar file: its name, where it lies, and its label, once that has been met."""

    def __init__(self, name: str, start: int, size: int) -> None:
        self.name, self.start, self.size = name, start, size
        self.label: str | None = None


def is_pattern(root: str) -> bool:
    return _RANGE.search(root) is not None


def shards_at(root: str) -> list[Path]:
    """The tar files that `root` means. Raises UserError where one is missing."""
    if Path(root).is_dir():
        return sorted(path for path in Path(root).glob("*.tar") if not path.name.startswith("."))
    paths = [root]
    while found := _RANGE.search(paths[0]):
        first, last = found.groups()
        numbers = range(int(first), int(last) + 1)
        if not 0 < len(numbers) * len(paths) <= 100_000:
            raise UserError(f"data.root={root}: {found[0]} must go from a number to a greater one")
        paths = [_RANGE.sub(f"{number:0{len(first)}}", path, count=1) for path in paths for number in numbers]
    missing = next((path for path in paths if not Path(path).is_file()), None)
    if missing is not None:
        raise UserError(f"data.root={root}: no such file: {missing}")
    return [Path(path) for path in paths]


def _search(root: str, shards: list[Path], with_labels: bool) -> Contents:
    """What shards hold; of each picture the number of its shard, its start and its size. Raises UserError."""
    names, given, places, passed_over = bytearray(), dict[str, str](), array("q"), dict[str, list[str]]()
    digest = hashlib.sha256()
    for number, shard in enumerate(tqdm(shards, "listing", unit=" shards", disable=None)):
        for sample in _samples(shard, with_labels, passed_over):
            name = f"{shard.name}/{sample.name}"
            names += encoded(name)
            places.extend((number, sample.start, sample.size))
            digest.update(encoded(name) + f"{sample.size}\n".encode())
            if sample.label is not None:
                given[name] = sample.label
    if not names:
        others = sum(map(len, passed_over.values()))
        raise UserError(f"data.root={root}: its tar files hold no pictures ({others} other files)")
    found, classes, labels = Names(bytes(names)), list[str](), None
    if given:
        classes, labels = classes_of(given, found, f"{root}: its labels")
    where = np.frombuffer(places, np.int64).reshape(-1, 3)
    return Contents(found, where, classes, labels, passed_over, digest.hexdigest())


def _samples(shard: Path, with_labels: bool, passed_over: dict[str, list[str]]) -> Iterator[_Sample]:
    """The pictures of one tar file with their labels, in its order. Raises UserError."""
    met: dict[str, _Sample] = {}
    labels: dict[str, str] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined] # it would keep them all
                key, ending = _parts(member.name)
                reason = None if member.isreg() and not member.issparse() else "no ordinary files"
                if reason is None and ending in (".cls", ".json"):
                    if with_labels and (label := _label(tar, member, ending, shard)) is not None:
                        labels[key] = label if ending == ".cls" else labels.get(key, label)
                    continue
                reason = reason or ("further pictures of a sample" if key in met else why_not(member.name))
                if reason is None:
                    met[key] = _Sample(member.name, member.offset_data, member.size)
                elif not member.isdir():
                    passed_over.setdefault(reason, []).append(f"{shard.name}/{member.name}")
    except (tarfile.TarError, OSError) as error:
        packed = "; a compressed one cannot be read at any place: unpack it (gunzip)" if _packed(shard) else ""
        raise UserError(f"{shard}: not a readable tar file ({error}){packed}") from error
    for key, sample in met.items():
        sample.label = labels.get(key)
        yield sample


def _parts(name: str) -> tuple[str, str]:
    """What names a sample, its path up to the first dot of the file's name, and the last ending."""
    folder, name = os.path.split(name)
    return f"{folder}/{name.partition('.')[0]}", PurePosixPath(name).suffix.lower()


def _label(tar: tarfile.TarFile, member: tarfile.TarInfo, ending: str, shard: Path) -> str | None:
    file = tar.extractfile(member)
    try:
        if file is None or member.size > LONGEST:
            raise ValueError(f"{member.size} bytes")
        text = file.read().decode()
        if ending == ".cls":
            return text.strip()
        found = json.loads(text)
        label = next((found[key] for key in LABELS if key in found), None) if isinstance(found, dict) else None
        if isinstance(label, float | list | dict):
            raise ValueError(f"a label is {str(label)[:40]}, and must be the number or name of a class")
    except (ValueError, RecursionError) as error:
        where = f"{shard}: {member.name}"
        raise UserError(f"{where}: not a readable label ({error}); data.labels=none ignores it") from error
    return None if label is None else str(label)


def _packed(shard: Path) -> bool:
    with shard.open("rb") as file:
        return file.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"))
