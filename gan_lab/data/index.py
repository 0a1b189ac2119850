"""Index of a large folder, kept between runs."""

import hashlib
import json
import os
import stat
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from gan_lab.data.listing import Listing, Stamp, search, stamp_of
from gan_lab.data.names import Names
from gan_lab.errors import UserError
from gan_lab.features.classifier import default_cache_dir
from gan_lab.io.files import write_atomically

LARGE = 20_000  # files from which on an index is kept: fewer are listed in less than a second
SETTLED = 2 * 10**9  # nanoseconds: a folder that changed so shortly before may change again and look the same
SAMPLE = 1000  # files whose sizes are compared
VERSION = 1


def index(root: str, with_classes: bool = True) -> tuple[Listing, str]:
    """What `list_pictures` finds, and its digest; of a large folder from the cache while no folder in it has changed.

    A folder's time of change shows that names came or went. A file that was overwritten in its place is noticed
    only where it is one of a thousand whose sizes are compared.

    Raises UserError as `list_pictures` does.
    """
    path = _place(root, with_classes)
    kept = _read(path, root)
    if kept is not None:
        return kept
    started = time.time_ns()
    listing, folders = search(root, with_classes)
    digest = listing.digest
    settled = max(changed for *_, changed in folders.values()) < started - SETTLED
    if len(listing.files) >= LARGE and settled:
        _write(path, listing, folders, digest)
    return listing, digest


def _place(root: str, with_classes: bool) -> Path:
    key = hashlib.sha256(f"{VERSION}\0{with_classes}\0{Path(root).resolve()}".encode("utf-8", "surrogateescape"))
    return default_cache_dir() / f"index-{key.hexdigest()[:32]}.npz"


def _write(path: Path, listing: Listing, folders: dict[str, Stamp], digest: str) -> None:
    """Where nothing can be written, the next run lists the folder again."""
    facts = json.dumps({"classes": listing.classes, "passed_over": listing.passed_over, "digest": digest})
    arrays: dict[str, Any] = {
        "files": np.frombuffer(listing.files.text, np.uint8),
        "sizes": listing.sizes,
        "labels": np.empty(0, np.int64) if listing.labels is None else listing.labels,
        "folders": np.frombuffer(Names.of(folders).text, np.uint8),
        "stamps": np.array([*folders.values()], np.int64),
        "facts": np.frombuffer(facts.encode(), np.uint8),
    }

    def save(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    with suppress(UserError, OSError):
        write_atomically(path, save)
        path.chmod(0o600)


def _read(path: Path, root: str) -> tuple[Listing, str] | None:
    """None where there is none, it is damaged, not this user's alone, or no longer true."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return None
        with np.load(path, allow_pickle=False) as arrays:
            files, folders = (Names(arrays[name].tobytes()) for name in ("files", "folders"))
            facts = json.loads(arrays["facts"].tobytes())
            labels = arrays["labels"] if len(arrays["labels"]) else None
            listing = Listing(files, arrays["sizes"], facts["classes"], labels, facts["passed_over"])
            stamps = arrays["stamps"]
        if b"\0/" in b"\0" + files.text or b"/../" in b"/" + files.text.replace(b"\0", b"/"):
            return None  # a path out of the folder
        same = all(stamp_of(Path(root, folder)) == tuple(now) for folder, now in zip(folders, stamps, strict=True))
        return (listing, facts["digest"]) if same and _as_large(listing, root) else None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def _as_large(listing: Listing, root: str) -> bool:
    """Whether files, evenly from first to last, have the sizes that they had."""
    numbers = np.linspace(0, len(listing.files) - 1, SAMPLE).astype(int).tolist()
    return all(Path(root, listing.files[i]).stat().st_size == listing.sizes[i] for i in numbers)
