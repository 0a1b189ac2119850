"""Lock of a run directory: one process at a time. A killed process leaves none behind."""

import errno
import fcntl
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from gan_lab.errors import UserError

NAME = ".lock"


class Busy(UserError):
    """Another live process has the directory: no failure of the run in it."""


def hold(directory: Path, wait: float = 0.0, name: str = NAME) -> int | None:
    """Lock the directory until this process ends, or closes the file descriptor that is returned.

    A POSIX record lock: the kernel (on network file systems the server, for all nodes) drops it with the process that
    took it, and neither workers nor loggers that the process started inherit it. What the file says is for people. A
    folder that may not be written to, or a file system without locks, is not locked: None.

    Args:
        wait: seconds that another process has to end.
        name: of the file, where the directory has several locks.

    Raises:
        Busy: another live process has the lock.
        UserError: what lies in the lock's place is a link, a pipe or the like.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(f"{directory / name}: is a link; remove it") from error
        return None  # whoever writes there will say so
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:  # it is written into as it is
        os.close(file)
        raise UserError(f"{directory / name}: is not an ordinary file of its own; remove it")
    deadline = time.monotonic() + wait
    held = _locked(file)
    busy = f"{directory}: {(held and _holder(file)) or 'another process'} is at work there"
    if held and wait:
        print(f"{busy}; waiting for it", file=sys.stderr, flush=True)
    while held and time.monotonic() < deadline:
        time.sleep(0.2)
        held = _locked(file)
    if held:
        os.close(file)
        raise Busy(f"{busy}; wait for it, or stop it")
    with suppress(OSError):  # a full disk
        os.truncate(file, 0)
        os.write(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
    return file


def _holder(file: int) -> str:
    return os.pread(file, 200, 0).decode(errors="replace").strip()


def _locked(file: int) -> bool:
    """Lock the file, unless another process has."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EAGAIN)  # else the file system has no locks
    return False


@contextmanager
def exclusive(directory: Path, wait: float = 0.0) -> Iterator[None]:
    """`hold` for as long as the block lasts; of several processes of one run (see `leads`) the first holds for all."""
    file = hold(directory, wait) if leads(os.environ) else None
    try:
        yield
    finally:
        if file is not None:
            os.close(file)


@contextmanager
def locked(directory: Path, name: str, wait: float = 600.0) -> Iterator[None]:
    """Another lock of the directory, for a moment's work in one of its files; others' are waited for."""
    file = hold(directory, wait, name)
    try:
        yield
    finally:
        if file is not None:
            os.close(file)


def leads(environment: Mapping[str, str]) -> bool:
    """Whether this is the first process of its run, as far as srun, torchrun or Lightning say before it begins."""
    ranks = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")
    return all(environment.get(name, "0") in ("", "0") for name in ranks)
