"""Command-line arguments as shells, users and sweep agents write them, normalised."""

import re
from collections.abc import Iterable
from pathlib import Path

from gan_lab.errors import UserError

FLAGS = (  # of Hydra that take a value after "="
    "--cfg",
    "--config-dir",
    "--config-name",
    "--config-path",
    "--experimental-rerun",
    "--info",
    "--package",
    "--shell-completion",
)
_VALUE = re.compile(r"(?P<key>[+~]*[\w@./-]+=)(?P<value>.*)", re.DOTALL)
_SHARDS = re.compile(r"\{\d+\.\.\d+\}")


def tidied(arguments: Iterable[str]) -> list[str]:
    """`~` at the start of a value is the user's home; `--key=value`, as W&B's agents write it, is `key=value`.

    Raises:
        UserError: an argument or a value is empty, as from a shell variable that is not set.
    """
    return [_tidied(argument) for argument in arguments]


def _tidied(argument: str) -> str:
    check_text(argument, argument)
    found = _VALUE.fullmatch(argument)
    if found is None:
        return argument
    key, value = found["key"], found["value"]
    check_text(value.strip("'\""), key)
    if key.startswith("--"):
        if key[:-1] in FLAGS:
            return key + at_home(value)
        key = key[2:]
    return key + ",".join(_at_home_quoted(part) for part in value.split(","))  # several values are a sweep


def _at_home_quoted(value: str) -> str:
    """Quoted, since Hydra reads no bare `~` at the start of a value, nor a pattern of shards, `{000..009}`, in it."""
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
    plain = at_home(bare) == bare and not (bare is value and _SHARDS.search(value))
    return value if plain else quoted(at_home(bare))


def quoted(value: str) -> str:
    """A value that Hydra reads as this text, whatever is in it."""
    return "'" + value.replace("'", "\\'") + "'"


def at_home(value: str) -> str:
    """`~` and `~/...` with the user's home in its place; anything else as it is."""
    return str(Path(value).expanduser()) if value == "~" or value.startswith("~/") else value


def place(argument: str) -> Path:
    """The path that an argument names.

    Raises:
        UserError: it is empty.
    """
    check_text(argument, argument)
    return Path(at_home(argument))


def check_text(value: str, where: str) -> None:
    """Raises UserError where the value of the option `where`, or an argument of no name, is empty."""
    if not value.strip():
        what = f"{where}: is empty" if where.strip() else "an argument is empty"
        raise UserError(f"{what}; was a shell variable not set? give a value, or leave it out")
