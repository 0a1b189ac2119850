"""Atomic writes of files, and patience with servers."""

import os
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gan_lab.errors import UserError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one line, as a UserError, that the disk is full or the folder may not be written to."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write(temporary path)`, then put the file in place: readers see the old one or the new one, whole.

    For one writer at a time; what a killed one left behind is removed by the next. The temporary file is new: a link
    that lies in its place is removed, and never written through.

    Raises:
        UserError: the disk is full, or the folder may not be written to.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part")
        try:
            temporary.unlink(missing_ok=True)
            file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            mode = stat.S_IMODE(os.fstat(file).st_mode)
            os.close(file)
            write(temporary)
            temporary.chmod(mode)  # a library may have put a file that only its owner may read in its place
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def keep_as(path: Path, other: Path) -> None:
    """Give the file at `path` the second name `other`, so that it survives there when `path` is written anew."""
    link = other.with_name(f".{other.name}.part")
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, link)
    link.replace(other)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Give up on servers that stay silent for so long; libraries that download would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
