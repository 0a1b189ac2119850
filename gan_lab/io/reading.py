"""Reading of files that another person may have made: bounded, not through links, plain data only."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import yaml

from gan_lab.errors import UserError

LONGEST = 16 * 2**20  # bytes of a text file
DEEPEST = 64  # levels of lists and mappings within each other
LONGEST_NUMBER = 400  # characters: what could be a number is converted at a cost that grows with its square

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def check_file(path: Path) -> None:
    """Raise UserError unless an ordinary file is at `path`: libraries would follow a link, and wait for a pipe."""
    os.close(_opened(path))


def _opened(path: Path) -> int:
    try:
        # Without O_NONBLOCK, opening a pipe waits for someone who writes to it.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        why = "is a link, which is not followed" if path.is_symlink() else f"cannot be read ({error.strerror})"
        raise UserError(f"{path}: {why}") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UserError(f"{path}: is not an ordinary file")
    return file


def read_bytes(path: Path, most: int = LONGEST) -> bytes:
    """What is in the file.

    Raises:
        UserError: it is not there, is no ordinary file, or has more than `most` bytes.
    """
    with os.fdopen(_opened(path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UserError(f"{path}: is larger than {most // 2**20} MiB, and no such file of a run is")
    return content


def read_text(path: Path, most: int = LONGEST) -> str:
    """The same, as UTF-8."""
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file, which must be one.

    Raises:
        UserError: as for `read_bytes`; or it is not that.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> dict[str, Any]:
    """The object in JSON text. `where` begins the message of the UserError that is raised where there is none."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise UserError(f"{where}: is nested too deeply") from error
    except ValueError as error:
        raise UserError(f"{where}: is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise UserError(f"{where}: must be a mapping, not {_kind(found)}")
    _check_shallow(found, where)
    return found


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file: plain data, without aliases, which can make gigabytes of a few lines.

    Raises:
        UserError: as for `read_bytes`; or it is not that.
    """
    found = _read_yaml(path)
    if not isinstance(found, dict):
        raise UserError(f"{path}: must be a mapping, not {_kind(found)}")
    return found


def read_yaml_list(path: Path) -> list[Any]:
    """The list in a YAML file; an empty file is an empty list. Raises UserError as `read_yaml` does."""
    found = _read_yaml(path)
    if not isinstance(found, list | None):
        raise UserError(f"{path}: must be a list, not {_kind(found)}")
    return found or []


def _read_yaml(path: Path) -> Any:
    text = read_text(path)
    try:
        _check_plain(text, path)
        found = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: is not YAML ({error.problem})") from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise UserError(f"{path}: is not YAML ({error})") from error
    for _, leaf in _leaves(found):
        if not isinstance(leaf, str | int | float | bool | None):
            raise UserError(f"{path}: must hold plain data, not a {type(leaf).__name__}")
    return found


def _check_plain(text: str, path: Path) -> None:
    """Raise UserError for what a small file can be large by, before anything is made of it, and for what would be lost:
    of a key that is there twice YAML takes the last value."""
    within: list[_Open] = []
    event: Any
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"{path}: must not hold aliases (*{event.anchor})")
        if getattr(event, "tag", None) is not None:
            raise UserError(f"{path}: must not hold tags ({event.tag})")
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _is_long_number(event.value):
            raise UserError(f"{path}: holds a number of {len(event.value)} characters")
        if isinstance(event, yaml.NodeEvent) and within:
            within[-1].take(event, path)
        if isinstance(event, yaml.CollectionStartEvent):
            within.append(_Open(isinstance(event, yaml.MappingStartEvent)))
            if len(within) > DEEPEST:
                raise UserError(f"{path}: is nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            within.pop()


class _Open:
    """A list or a mapping that has not ended yet."""

    def __init__(self, is_mapping: bool) -> None:
        self.is_mapping, self.nodes = is_mapping, 0
        self.keys: set[str] = set()

    def take(self, event: Any, path: Path) -> None:
        """The next node, in a mapping a key or a value by turns. Raises UserError for a key that was there before."""
        if self.is_mapping and self.nodes % 2 == 0 and hasattr(event, "value"):
            if event.value in self.keys:
                raise UserError(f"{path}, line {event.start_mark.line + 1}: has the key {event.value} a second time")
            self.keys.add(event.value)
        self.nodes += 1


def _is_long_number(text: str) -> bool:
    return len(text) > LONGEST_NUMBER and text[0] in "+-.0123456789"


def _check_shallow(node: Any, where: str) -> None:
    for depth, _ in _leaves(node):
        if depth > DEEPEST:
            raise UserError(f"{where}: is nested too deeply")


def _leaves(node: Any) -> list[tuple[int, Any]]:
    """Depth and value of all that is neither a mapping nor a list. By a loop: the nesting may be deep."""
    found, left = [], [(0, node)]
    while left:
        depth, node = left.pop()
        if isinstance(node, dict | list):
            left += [(depth + 1, child) for child in (node.values() if isinstance(node, dict) else node)]
            if not node:
                found.append((depth + 1, None))
        else:
            found.append((depth, node))
    return found


def _kind(node: Any) -> str:
    kinds = {dict: "a mapping", list: "a list", str: "text", type(None): "empty"}
    return kinds.get(type(node), f"{node!r:.40}")
