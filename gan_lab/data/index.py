"""Index of a large folder, kept between runs."""

import json
import time
from pathlib import Path

import numpy as np

from gan_lab.data import kept
from gan_lab.data.listing import Listing, Stamp, search, stamp_of
from gan_lab.data.names import Names

SAMPLE = 1000  # files whose sizes are compared


def index(root: str, with_classes: bool = True) -> tuple[Listing, str]:
    """What `list_pictures` finds, and its digest; of a large folder from the cache while no folder in it has changed.

    A folder's time of change shows that names came or went. A file that was overwritten in its place is noticed
    only where it is one of a thousand whose sizes are compared.

    Raises UserError as `list_pictures` does.
    """
    path = kept.place(with_classes, Path(root).resolve())
    known = _read(path, root)
    if known is not None:
        return known
    started = time.time_ns()
    listing, folders = search(root, with_classes)
    digest = listing.digest
    settled = max(changed for *_, changed in folders.values()) < started - kept.SETTLED
    if len(listing.files) >= kept.LARGE and settled:
        _write(path, listing, folders, digest)
    return listing, digest


def _write(path: Path, listing: Listing, folders: dict[str, Stamp], digest: str) -> None:
    facts = json.dumps({"classes": listing.classes, "passed_over": listing.passed_over, "digest": digest})
    kept.write_arrays(
        path,
        files=np.frombuffer(listing.files.text, np.uint8),
        sizes=listing.sizes,
        labels=np.empty(0, np.int64) if listing.labels is None else listing.labels,
        folders=np.frombuffer(Names.of(folders).text, np.uint8),
        stamps=np.array([*folders.values()], np.int64),
        facts=np.frombuffer(facts.encode(), np.uint8),
    )


def _read(path: Path, root: str) -> tuple[Listing, str] | None:
    """None where there is none, it is damaged, not this user's alone, or no longer true."""
    arrays = kept.read_arrays(path)
    try:
        files, folders = (Names(arrays[name].tobytes()) for name in ("files", "folders"))
        facts = json.loads(arrays["facts"].tobytes())
        labels = arrays["labels"] if len(arrays["labels"]) else None
        listing = Listing(files, arrays["sizes"], facts["classes"], labels, facts["passed_over"])
        if b"\0/" in b"\0" + files.text or b"/../" in b"/" + files.text.replace(b"\0", b"/"):
            return None  # a path out of the folder
        pairs = zip(folders, arrays["stamps"], strict=True)
        same = all(stamp_of(Path(root, folder)) == tuple(now) for folder, now in pairs)
        return (listing, facts["digest"]) if same and _as_large(listing, root) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _as_large(listing: Listing, root: str) -> bool:
    """Whether files, evenly from first to last, have the sizes that they had."""
    numbers = np.linspace(0, len(listing.files) - 1, SAMPLE).astype(int).tolist()
    return all(Path(root, listing.files[i]).stat().st_size == listing.sizes[i] for i in numbers)
