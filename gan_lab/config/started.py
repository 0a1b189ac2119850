"""Command line that starts a program again as it was started."""

import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

TRAIN = "gan_lab.cli.train"  # which `gan-lab train` runs
PLACES = ("--config-dir", "--config-path")  # Hydra's flags that are followed by a folder
WORDS = ("--config-name", "--cfg", "--package")  # and by a word
SHORT = {"-cd": "--config-dir", "-cp": "--config-path", "-cn": "--config-name", "-c": "--cfg", "-p": "--package"}
START = "GAN_LAB_START"  # environment variable: how a sweep was started, as JSON, for its jobs that submitit starts
SUBMITIT = "submitit.core._submit"

_flags_from_python: ContextVar[Sequence[str] | None] = ContextVar("flags_from_python", default=None)


@contextmanager
def started_from_python(flags: Sequence[str]) -> Iterator[None]:
    """No command started what runs in here: `gan-lab train` goes on with it, with these flags of Hydra."""
    token = _flags_from_python.set(flags)
    try:
        yield
    finally:
        _flags_from_python.reset(token)


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags of Hydra, each as one argument, and overrides."""
    flags: list[str] = []
    overrides: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, is_given, value = argument.partition("=")
        name = SHORT.get(name, name)
        if name in (*PLACES, *WORDS):
            flags.append(f"{name}={value if is_given else next(rest, '')}")
        else:
            (flags if argument.startswith("-") else overrides).append(argument)
    return flags, overrides


def how_started(arguments: Sequence[str]) -> dict[str, Any]:
    """The program, as words of a command line, and the folders of configurations that it was given: plain data."""
    if (start := _start_of_sweep()) is not None:
        return start
    kept, from_python = [], _flags_from_python.get()
    for flag in split(arguments if from_python is None else from_python)[0]:
        name, _, value = flag.partition("=")
        if name in (*PLACES, "--config-name"):
            kept.append(f"{name}={Path(value).resolve() if name in PLACES else value}")
    return {"program": program(), "flags": kept}


def tell_jobs(arguments: Sequence[str]) -> None:
    """Let the jobs of a sweep that a cluster starts know what started the sweep: they have its environment."""
    os.environ[START] = json.dumps(how_started(arguments))


def _start_of_sweep() -> dict[str, Any] | None:
    """In a job that submitit has started: how its sweep was. Not where a script of one's own calls the lab."""
    if _flags_from_python.get() is not None:
        return None
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None or spec.name != SUBMITIT:
        return None
    start: dict[str, Any] = json.loads(os.environ.get(START, '{"program": ["gan-lab", "train"], "flags": []}'))
    return start


def program() -> list[str]:
    """`gan-lab train`, `python train.py`, `python -m own.train` or the name of a command."""
    if (start := _start_of_sweep()) is not None:
        return list(start["program"])
    if _flags_from_python.get() is not None:
        return ["gan-lab", "train"]
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name == TRAIN:
        return ["gan-lab", "train"]
    if spec is not None and spec.name != "__main__":
        return ["python", "-m", spec.name.removesuffix(".__main__")]
    return ["python", sys.argv[0]] if sys.argv[0].endswith(".py") else [Path(sys.argv[0]).name]


def command(*arguments: str) -> str:
    """The line that starts this program with these arguments, for a shell.

    Where configurations are found need not be said of a run that remembers it.
    """
    return shlex.join([*program(), *arguments])
