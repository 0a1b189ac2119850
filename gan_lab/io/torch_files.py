"""Weights in files of `torch.save` and in pickles of modules, read without executing a pickle.

Tensors are rebuilt from the bytes that the file holds for them; of a module its parameters, its buffers and its plain
attributes are taken, and its class is a name. The source text that StyleGAN's files carry is never looked at.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.io.pickles import PERSISTENT, Made, Name, Refused, read_pickle
from gan_lab.io.reading import check_file

LARGEST = 2**33  # bytes of a file
MOST_TIMES = 4  # the size of its file that the tensors of one network may have: they may share what it holds
MOST_NAMES = 10**5  # of modules, tensors and settings of one network
LONGEST_NAME = 1000

_DAMAGED = (ValueError, RuntimeError, TypeError, LookupError, AttributeError, zipfile.BadZipFile)
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the files that torch wrote before version 1.6
_DTYPES = {
    "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool,
}  # fmt: skip
_STORAGE = re.compile(r"torch\.(\w+)Storage")
_TENSOR, _PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
_BYTES = "torch.storage._load_from_bytes"
_PERSISTENT_MODULE = "torch_utils.persistence._reconstruct_persistent_obj"
_ALLOWED = re.compile(
    r"collections\.(OrderedDict|defaultdict) | builtins\.(dict|list|set|frozenset) | dnnlib\.util\.EasyDict"
    r"| torch\.\w+Storage | torch\._utils\._rebuild_(tensor_v2|parameter) | torch\.storage\._load_from_bytes"
    r"| torch\.(Size|device|float16|float32|float64|bfloat16|int64)"
    r"| numpy\.(ndarray|dtype) | numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)"
    r"| torch_utils\.persistence\._reconstruct_persistent_obj"
    r"| torch\.nn\.modules\.(activation|batchnorm|container|conv|linear)\.[A-Z]\w*"
    r"| training\.networks\.(Generator|Discriminator)"
    r"| R3GAN\.(Networks|FusedOperators|Resamplers)\.[A-Z]\w*",
    re.VERBOSE,
)


class Network(NamedTuple):
    """Weights and buffers of a network, and plain attributes of its modules (`mapping.z_dim`), by their names."""

    state: dict[str, Tensor]
    settings: dict[str, Any]


def read_torch(path: Path) -> dict[str, Any]:
    """What a file of `torch.save`, or a pickle, holds at its top: values by name, of which `network_in` makes networks.

    Raises:
        UserError: it is no such file, is damaged, or names a class or a function that no file of weights needs.
    """
    check_file(path)
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: is larger than {LARGEST // 2**30} GiB")
    try:
        found = _Tensors(MOST_TIMES * path.stat().st_size).plain(_read(path), levels=2)
    except Refused as error:
        raise UserError(
            f"{path}: asks for {error}, which no file of weights needs; it was refused, and nothing of it was executed"
        ) from error
    except (*_DAMAGED, OSError, EOFError, MemoryError, OverflowError) as error:
        raise UserError(f"{path}: cannot be read as weights ({error})") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no networks by their names")
    return found


def _read(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        return _read_zip(path)
    with path.open("rb") as file:
        first = read_pickle(file, _is_allowed)
        return _read_legacy(file) if first == _MAGIC else first


def _read_zip(path: Path) -> Any:
    """A file of torch since version 1.6: a pickle, and a member with the bytes of each storage."""
    with zipfile.ZipFile(path) as archive:
        names = {info.filename: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED for info in names.values()):
            raise ValueError("it is compressed, and files of torch are not")
        if sum(info.file_size for info in names.values()) > path.stat().st_size:
            raise ValueError("its members overlap")
        top = next((name for name in names if name.endswith("/data.pkl")), "")
        folder = top.removesuffix("data.pkl")
        if names.get(f"{folder}byteorder") and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("it is of a machine with another order of bytes")
        found = read_pickle(io.BytesIO(archive.read(top)), _is_allowed)
        keys = [name for name in names if name.startswith(f"{folder}data/")]
        return _Stored(found, {name.removeprefix(f"{folder}data/"): archive.read(name) for name in keys})


def _read_legacy(file: BinaryIO) -> Any:
    """The rest of a file of torch before version 1.6, which begins with a magic number: pickles, then all storages."""
    protocol, system = read_pickle(file, _is_allowed), read_pickle(file, _is_allowed)
    if protocol != _PROTOCOL or not isinstance(system, dict) or not system.get("little_endian"):
        raise ValueError("it is in another protocol of torch, or of a machine with another order of bytes")
    found, keys = read_pickle(file, _is_allowed), read_pickle(file, _is_allowed)
    sizes = dict(_storages_in(found))
    stored = {}
    for key in keys:
        size = int.from_bytes(file.read(8), "little") * sizes[key]
        if size > LARGEST:
            raise ValueError("a storage is too large")
        stored[key] = file.read(size)
    return _Stored(found, stored)


def _is_allowed(name: str) -> bool:
    return _ALLOWED.fullmatch(name) is not None


class _Stored(NamedTuple):
    """A pickle of torch, and the bytes of the storages that it refers to."""

    tree: Any
    storages: dict[str, bytes]


def _storages_in(tree: Any) -> Iterator[tuple[str, int]]:
    """Key and size of an element of each storage that a pickle refers to. By a loop: it may lead back to itself."""
    left, seen = [tree], set[int]()
    while left:
        node = left.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Made) and node.what == PERSISTENT:
            key, dtype = _storage_of(node)
            yield key, dtype.itemsize
        elif isinstance(node, Made):
            left += [node.args, node.state, node.items]
        elif isinstance(node, dict):
            left += node.values()
        elif isinstance(node, list | tuple):
            left += node


def _storage_of(node: Made) -> tuple[str, torch.dtype]:
    """Its key and the kind of its numbers, of ("storage", kind, key, place, length)."""
    (number,) = node.args
    if not (isinstance(number, tuple) and len(number) >= 5 and number[0] == "storage" and isinstance(number[1], Name)):
        raise ValueError("it refers to what is no storage")
    key, kind = number[2], _STORAGE.fullmatch(number[1].name)
    if not isinstance(key, str | int):
        raise ValueError("it refers to a storage without a name")
    if kind is None or kind[1] not in _DTYPES or any(view is not None for view in number[5:]):
        raise ValueError(f"its tensors lie in {number[1].name}, which is not read")
    return str(key), _DTYPES[kind[1]]


class _Tensors:
    """Tensors in place of what a pickle would have made them of, of no more than `most` bytes together."""

    def __init__(self, most: int, storages: Mapping[str, bytes] | None = None) -> None:
        self._left, self._storages = most, storages or {}
        self._wholes: dict[tuple[str | int, torch.dtype], Tensor] = {}

    def plain(self, node: Any, levels: int) -> Any:
        """Mappings as dicts, to so many levels, tensors as such, and the rest as it was read."""
        if isinstance(node, _Stored):
            return _Tensors(self._left, node.storages).plain(node.tree, levels)
        if isinstance(node, Made) and node.what in (_TENSOR, _PARAMETER):
            return self.tensor(node)
        if isinstance(node, Made) and node.what in ("collections.OrderedDict", "dnnlib.util.EasyDict"):
            node = node.items
        if not isinstance(node, dict) or levels == 0:
            return node
        return {key: self.plain(value, levels - 1) for key, value in node.items()}

    def tensor(self, node: Made) -> Tensor:
        if node.what == _PARAMETER:
            (inner, *_) = node.args
            if not isinstance(inner, Made) or inner.what != _TENSOR:
                raise ValueError("a parameter is of no tensor")
            node = inner
        storage, offset, size, stride, *_ = node.args
        whole = self._whole(storage)
        numbers = (offset, *size, *stride)
        if any(type(number) is not int or number < 0 for number in numbers) or len(size) != len(stride):
            raise ValueError("a tensor has no proper size")
        if torch.Size(size).numel() > len(whole):
            raise ValueError("a tensor is larger than its storage")
        self._left -= torch.Size(size).numel() * whole.itemsize
        if self._left < 0:
            raise ValueError(f"its tensors are more than {MOST_TIMES} times as large as the file")
        return whole.as_strided(size, stride, offset).clone(memory_format=torch.contiguous_format)

    def _whole(self, node: Any) -> Tensor:
        """All numbers of a storage, made once."""
        if not isinstance(node, Made):
            raise ValueError("a tensor has no storage")
        key, dtype = _storage_of(node) if node.what == PERSISTENT else (id(node), torch.uint8)
        if (key, dtype) not in self._wholes:
            content, of = (self._storages[str(key)], dtype) if node.what == PERSISTENT else self._content(node)
            whole = torch.frombuffer(bytearray(content), dtype=of) if content else torch.empty(0, dtype=of)
            self._wholes[key, dtype] = whole
        return self._wholes[key, dtype]

    def _content(self, node: Made) -> tuple[bytes, torch.dtype]:
        """Bytes of a storage in a pickle of modules, which is a whole file of torch in itself."""
        if node.what != _BYTES or not isinstance(node.args[0], bytes):
            raise ValueError("a tensor has no storage")
        file = io.BytesIO(node.args[0])
        if read_pickle(file, _is_allowed) != _MAGIC:
            raise ValueError("a storage is no file of torch")
        inner = _read_legacy(file)
        key, dtype = _storage_of(inner.tree)
        return inner.storages[key], dtype


def network_in(node: Any, path: Path) -> Network:
    """The network that a value of a file describes: a module, or a state dict.

    Raises:
        UserError: it is neither.
    """
    try:
        if isinstance(node, dict) and all(isinstance(value, Tensor) for value in node.values()):
            return Network({str(key): value for key, value in node.items()}, {})
        return _collected(node, MOST_TIMES * path.stat().st_size)
    except (*_DAMAGED, Refused) as error:
        raise UserError(f"{path}: cannot be read as weights ({error})") from error


def _collected(top: Any, most: int) -> Network:
    """Of all modules within this one. By a loop that ends: a module may be within itself."""
    found, tensors = Network({}, {}), _Tensors(most)
    left, modules = [(top, "")], 0
    while left:
        node, prefix = left.pop()
        modules += 1
        if modules + len(found.state) + len(found.settings) > MOST_NAMES or len(prefix) > LONGEST_NAME:
            raise ValueError("its modules are too many")
        attributes = _attributes(node)
        for kind in ("_parameters", "_buffers"):
            for name, value in _items(attributes.get(kind)):
                if value is not None:
                    found.state[f"{prefix}{name}"] = tensors.tensor(value)
        for name, value in attributes.items():
            if isinstance(value, int | float | str | None) and not str(name).startswith("_"):
                found.settings[f"{prefix}{name}"] = value
        inner = dict(_items(attributes.get("_modules")))
        if modules + len(left) + len(inner) > MOST_NAMES:
            raise ValueError("its modules are too many")
        left += [(value, f"{prefix}{name}.") for name, value in inner.items() if value is not None]
    return found


def _attributes(node: Any) -> dict[Any, Any]:
    """The state of a module, persistent in StyleGAN's way or not."""
    if not isinstance(node, Made):
        raise ValueError("a network is no module")
    state = dict(_items(node.args[0])).get("state") if node.what == _PERSISTENT_MODULE else node.state
    attributes = dict(_items(state))
    if "_parameters" not in attributes:
        raise ValueError("a network is no module")
    return attributes


def _items(node: Any) -> Iterator[tuple[Any, Any]]:
    """Of a mapping, plain or of a class that is one."""
    found = node.items if isinstance(node, Made) else node
    yield from (found or {}).items()
