"""Child process for a part of a command: its own state of Hydra and torch, its output in a file."""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

from gan_lab.runtime.parent import end_with


def in_child(act: Callable[[], int | None], log: Path) -> int:
    """`act()` in a fork of this process, which ends with it; the exit code. What it prints is appended to `log`.

    Modules that were imported are there at once. The caller must not have computed with torch: a fork has none of the
    threads that did.
    """
    process = multiprocessing.get_context("fork").Process(target=_play, args=(act, str(log), os.getpid()))
    process.start()
    try:
        process.join()
    except KeyboardInterrupt:  # which the child has heard, too: it saves
        process.join()
        raise
    assert process.exitcode is not None
    return process.exitcode


def program(module: str, arguments: list[str]) -> int:
    """A command of this lab as `python -m` starts it; its exit code."""
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        _end_workers()
    return 0


def _end_workers() -> None:
    """End joblib's, if there are any: they stay for five minutes, and a child process waits for its own."""
    loky = sys.modules.get("joblib.externals.loky")
    if loky is not None:
        loky.get_reusable_executor().shutdown(kill_workers=True)


def _play(act: Callable[[], int | None], log: str, parent: int) -> None:
    end_with(parent)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.stdout, sys.stderr = (open(stream, "w", buffering=1, closefd=False) for stream in (1, 2))  # noqa: SIM115
    raise SystemExit(act())
