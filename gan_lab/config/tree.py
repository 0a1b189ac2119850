"""Walks over a configuration as nested plain data: leaves, parts, interpolations."""

import re
from collections.abc import Iterator
from typing import Any

from gan_lab.config.words import Path

PLAIN_TYPES = (str, int, float, bool, type(None))

_REFERENCE = re.compile(r"(?<!\\)\$\{\s*([^{}$:]+?)\s*\}")  # a key, not a resolver's call


def is_part(node: Any) -> bool:
    """Whether `node` is built into an object."""
    return isinstance(node, dict) and "_target_" in node


def children(node: Any) -> Iterator[tuple[str | int, Any]]:
    """The entries of a dict, list or tuple; of anything else none."""
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list | tuple):
        yield from enumerate(node)


def leaves(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Everything that is neither dict, list nor tuple."""
    if not isinstance(node, dict | list | tuple):
        yield path, node
    for key, child in children(node):
        yield from leaves(child, (*path, key))


def parts(node: Any, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every node with `_target_`, however deep."""
    if is_part(node):
        yield path, node
    for key, child in children(node):
        yield from parts(child, (*path, key))


def loose(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The values that belong to no part; a list counts as one value."""
    if isinstance(node, dict):
        if not is_part(node):
            for key, child in node.items():
                yield from loose(child, (*path, key))
    elif next(parts(node), None) is None:
        yield path, node


def references(raw: Any) -> Iterator[tuple[Path, Path]]:
    """(where, what) of every interpolation that names a key."""
    for path, leaf in leaves(raw):
        for key in _REFERENCE.findall(leaf) if isinstance(leaf, str) else ():
            target = _absolute(key, path)
            if target is not None:
                yield path, target


def _absolute(key: str, path: Path) -> Path | None:
    """The path that `key` means at `path`; None where it leaves the tree.

    One leading dot means the dict or list that holds the value, each further dot the one above.
    """
    name = key.lstrip(".")
    dots = len(key) - len(name)
    steps = re.sub(r"\[([^\[\]]*)\]", r".\1", name).split(".")
    return (*path[: len(path) - dots if dots else 0], *filter(None, steps)) if dots <= len(path) else None


def origin(raw: Any, path: Path) -> Path:
    """Where the value at `path` is written: interpolations that are nothing but another key are followed."""
    for _ in range(20):  # a circle of interpolations ends here
        leaf = at(raw, path)
        key = _REFERENCE.fullmatch(leaf) if isinstance(leaf, str) else None
        target = _absolute(key[1], path) if key else None
        if target is None or reach(raw, target) is not None:
            break
        path = target
    return path


def reach(raw: Any, path: Path) -> int | None:
    """How many steps of `path` exist; None where all do, or where one leads through another interpolation."""
    for depth, step in enumerate(path):
        if isinstance(raw, str) and "${" in raw:
            return None
        entries = _by_name(raw)
        if str(step) not in entries:
            return depth
        raw = entries[str(step)]
    return None


def at(raw: Any, path: Path) -> Any:
    """The node at `path`; None where there is none."""
    for step in path:
        raw = _by_name(raw).get(str(step))
    return raw


def _by_name(node: Any) -> dict[str, Any]:
    return {str(key): child for key, child in children(node)}
