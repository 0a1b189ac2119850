"""Arrays of pictures: NumPy's .npy and .npz, and HDF5."""

import hashlib
import math
from abc import abstractmethod
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gan_lab.data.sources.handle import PerProcess
from gan_lab.data.sources.labels import numbered
from gan_lab.data.sources.source import MOST, Source
from gan_lab.errors import UserError

PICTURES = ("images", "samples", "x", "data", "arr_0")
READ = 2**30  # bytes that the start of a run reads, to know its data
LABELS = ("labels", "label", "y", "arr_1")


class Arrays(Source):
    """N pictures in one array, N x H x W, N x H x W x C or N x C x H x W (C: 1, 3 or 4), and perhaps N labels.

    The array may be uint8; uint16 and floats, which need `data.range`, where they have one channel.

    Raises UserError where the array is none of these.
    """

    def __init__(self, root: str, with_classes: bool) -> None:
        self.root, self.passed_over, self.given = root, {}, None
        self._array = PerProcess(self.pictures)
        try:
            array = self._array()
            self.check_size(math.prod(array.shape[1:]) * array.dtype.itemsize)
            labels = self.numbers() if with_classes else None
        except (ValueError, OSError, EOFError, KeyError, BadZipFile) as error:
            raise UserError(f"data.root={root}: not readable ({' '.join(str(error).split())})") from error
        shape, kind = tuple(array.shape), np.dtype(array.dtype)
        self.first = len(shape) == 4 and shape[1] in (1, 3, 4) and shape[3] not in (1, 3, 4)
        channels = 1 if len(shape) == 3 else shape[1 if self.first else -1]
        if len(shape) not in (3, 4) or channels not in (1, 3, 4) or not len(array):
            raise UserError(f"data.root={root}: its array is {list(shape)}, and must be N x H x W x C (C: 1, 3 or 4)")
        if kind != np.uint8 and not (channels == 1 and (kind == np.uint16 or kind.kind == "f")):
            allowed = "uint8, or with one channel uint16 or float"
            raise UserError(f"data.root={root}: its array is of {kind} with {channels} channels, and must be {allowed}")
        self.names = [str(index) for index in range(shape[0])]
        self.classes, self.labels = [], None
        if labels is not None:
            if labels.shape != shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
                raise UserError(f"data.root={root}: its labels must be {shape[0]} numbers from 0 on; data.labels=none")
            self.labels = labels.astype(np.int64)
            self.classes = numbered(int(labels.max()), len(labels), f"data.root={root}: its labels")

    @abstractmethod
    def pictures(self) -> Any:
        """The array of pictures, opened and not read."""

    @abstractmethod
    def numbers(self) -> NDArray[Any] | None:
        """The labels, where there are some."""

    @cached_property
    def digest(self) -> str:
        """Of all numbers; of so many pictures, evenly from first on, as have a GiB together, where all have more."""
        array = self._array()
        found = hashlib.sha256(f"{array.dtype} {tuple(array.shape)}".encode())
        for start in range(0, len(array), 256 * self._step):
            part = array[start : start + 256 * self._step : self._step]
            found.update(np.ascontiguousarray(part).tobytes())
        return found.hexdigest()

    @property
    def digest_of(self) -> str:
        return "content" if self._step == 1 else f"content of 1 in {self._step} pictures"

    def unhashed_files(self) -> Iterable[str]:
        return () if self._step == 1 else (self.root,)

    @property
    def _step(self) -> int:
        array = self._array()
        return math.ceil(math.prod(array.shape) * array.dtype.itemsize / READ)

    def open(self, index: int) -> Image.Image:
        pixels = np.asarray(self._array()[index])
        if self.first:
            pixels = pixels.transpose(1, 2, 0)
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        if pixels.dtype.kind == "f":
            pixels = pixels.astype(np.float32)
        return Image.fromarray(np.ascontiguousarray(pixels))

    def path(self, index: int) -> str:
        return f"{self.root}[{index}]"


class Numpy(Arrays):
    """A .npy, memory-mapped, or an .npz, read whole; its arrays are called images (or x, samples) and labels (or y)."""

    kind = "NumPy array"

    def pictures(self) -> Any:
        if Path(self.root).suffix.lower() == ".npy":
            return np.load(self.root, mmap_mode="r", allow_pickle=False)
        check_unpacked(self.root)
        with np.load(self.root, allow_pickle=False) as arrays:
            return arrays[chosen(self.root, list(arrays), PICTURES)]

    def numbers(self) -> NDArray[Any] | None:
        if Path(self.root).suffix.lower() == ".npy":
            return None
        with np.load(self.root, allow_pickle=False) as arrays:
            name = next((name for name in LABELS if name in arrays), None)
            return None if name is None else arrays[name].astype(np.int64, casting="safe")


class Hdf5(Arrays):
    """An HDF5 file, read picture by picture; its data sets are called images (or x, data) and labels (or y)."""

    kind = "HDF5 file"

    def pictures(self) -> Any:
        file = _h5py().File(self.root, "r")
        found = self._inside(file, chosen(self.root, list(file), PICTURES))
        if found.shape and found.id.get_storage_size() < len(found):  # the rest would be made up, without end
            raise ValueError(f"its array is {list(found.shape)}, and most of that was never written")
        return found

    def numbers(self) -> NDArray[Any] | None:
        with _h5py().File(self.root, "r") as file:
            name = next((name for name in LABELS if name in file), None)
            if name is None:
                return None
            found = self._inside(file, name)
            if found.nbytes > MOST:
                raise ValueError(f"its {name} have {found.nbytes:,} bytes, and may have {MOST:,}")
            return np.asarray(found)

    def _inside(self, file: Any, name: str) -> Any:
        """The data set of this name. Raises UserError where its numbers lie in another file, of whoever's choice."""
        link = file.get(name, getlink=True)
        found = file[name] if isinstance(link, _h5py().HardLink) else None
        if not isinstance(found, _h5py().Dataset) or found.external or found.is_virtual:
            raise UserError(f"data.root={self.root}: its {name} must be a data set with its numbers in this file")
        unpacked_at_once = math.prod(found.chunks or ()) * found.dtype.itemsize
        if unpacked_at_once > MOST:
            raise ValueError(f"its {name} lie in chunks of {unpacked_at_once:,} bytes, which may have {MOST:,}")
        return found


def check_unpacked(root: str) -> None:
    """Raise a UserError where an .npz has more than a GiB packed: some kilobytes may be packed zeros without end."""
    with ZipFile(root) as file:
        size = sum(entry.file_size for entry in file.infolist() if entry.compress_type != ZIP_STORED)
    if size > MOST:
        raise UserError(f"data.root={root}: has {size:,} bytes packed, and may have {MOST:,}; save it by numpy.savez")


def chosen(root: str, there: list[str], names: tuple[str, ...]) -> str:
    """The array that holds the pictures. Raises UserError where none has one of the names."""
    name = there[0] if len(there) == 1 else next((name for name in names if name in there), None)
    if name is None:
        raise UserError(f"data.root={root}: holds {', '.join(there[:5]) or 'nothing'}; call the pictures {names[0]}")
    return name


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise UserError("HDF5 needs h5py: pip install 'gan_lab[hdf5]'") from error
    return h5py
