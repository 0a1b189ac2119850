"""Arrays in the user's cache, kept between runs."""

import hashlib
import os
import stat
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_lab.errors import UserError
from gan_lab.features.classifier import default_cache_dir
from gan_lab.io.files import write_atomically

VERSION = 1
LARGE = 20_000  # pictures from which on an index is kept: fewer are listed in less than a second
SETTLED = 2 * 10**9  # nanoseconds: what changed so shortly before may change again and look the same


def place(*key: object) -> Path:
    """The file of the arrays that belong to this key."""
    found = hashlib.sha256("\0".join(map(str, (VERSION, *key))).encode("utf-8", "surrogateescape"))
    return default_cache_dir() / f"index-{found.hexdigest()[:32]}.npz"


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """For this user alone. Where nothing can be written, the next run finds them again."""

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    with suppress(UserError, OSError):
        write_atomically(path, save)
        path.chmod(0o600)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What was written; empty where there is none, it is damaged, or others than this user may have written it."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return {}
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile):
        return {}
