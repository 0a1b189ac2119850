"""Contents of archives: where each picture lies in them, kept between runs."""

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_lab.data import kept
from gan_lab.data.names import Names


class Contents(NamedTuple):
    """What archives hold.

    Attributes:
        names: of each picture.
        places: where each lies, (n, k), as the format has it.
        classes: the names of the classes; empty where there are none.
        labels: the number of the class of each picture, (n,); None where there are no classes.
        passed_over: what else lies there, by the reason.
        digest: of what is read.
    """

    names: Names
    places: NDArray[np.int64]
    classes: list[str]
    labels: NDArray[np.int64] | None
    passed_over: dict[str, list[str]]
    digest: str


def contents(files: Sequence[Path], settings: tuple[bool, ...], find: Callable[[], Contents]) -> Contents:
    """What `find` finds in these files; of many pictures from the cache while no file has changed.

    A file is the same if it lies where it lay and has its size and its times of change: by st_ctime, too, which no
    program sets.
    """
    path, started, stamps = kept.place(*settings, *map(Path.resolve, files)), time.time_ns(), _stamps(files)
    known = _read(path, stamps)
    if known is not None:
        return known
    found = find()
    if len(found.names) >= kept.LARGE and stamps[:, -1].max() < started - kept.SETTLED:
        facts = json.dumps({"classes": found.classes, "passed_over": found.passed_over, "digest": found.digest})
        kept.write_arrays(
            path,
            names=np.frombuffer(found.names.text, np.uint8),
            places=found.places,
            labels=np.empty(0, np.int64) if found.labels is None else found.labels,
            stamps=stamps,
            facts=np.frombuffer(facts.encode(), np.uint8),
        )
    return found


def _stamps(files: Sequence[Path]) -> NDArray[np.int64]:
    found = map(os.stat, files)
    return np.array([(s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for s in found], np.int64)


def _read(path: Path, stamps: NDArray[np.int64]) -> Contents | None:
    """None where there is none, it is damaged, not this user's alone, or no longer true."""
    arrays = kept.read_arrays(path)
    try:
        if not np.array_equal(arrays["stamps"], stamps):
            return None
        names, places, labels = Names(arrays["names"].tobytes()), arrays["places"], arrays["labels"]
        facts = json.loads(arrays["facts"].tobytes())
        if len(places) != len(names) or len(labels) not in (0, len(names)):
            return None
        known = labels if len(labels) else None
        return Contents(names, places, facts["classes"], known, facts["passed_over"], facts["digest"])
    except (ValueError, KeyError, TypeError):
        return None
