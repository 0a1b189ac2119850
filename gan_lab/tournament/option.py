"""Options of the group `experiment`, written of overrides: a job of many settings is one name in a sweep."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException

from gan_lab.config.conf import CONF
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically

GROUP = "experiment"


def write_option(folder: Path, name: str, overrides: Sequence[str], **more: Any) -> None:
    """`folder/experiment/NAME.yaml`, which sets what the overrides do, and then `more` by dotted key."""
    text = f"# @package _global_\n{yaml.safe_dump(option_of(overrides, **more), sort_keys=False)}"
    write_atomically(folder / GROUP / f"{name}.yaml", lambda path: path.write_text(text))


def option_of(overrides: Sequence[str], **more: Any) -> dict[str, Any]:
    """A page of the group `experiment` as plain data: of two overrides of one thing the later counts.

    Raises:
        UserError: an override cannot be read, or is of several values.
    """
    bases: dict[str, Any] = {}
    choices: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for override in _parsed(overrides):
        key, value = override.key_or_group, override.value()
        if override.is_sweep_override():
            raise UserError(f"{override.input_line}: is several values; a search has a space for them")
        if key == GROUP:
            bases = {str(value): None}
        elif (CONF / key).is_dir():
            package = "" if override.package is None else f"@{override.package}"
            choices[f"override /{key}{package}"] = value
        else:
            _set(values, key, value)
    for key, value in more.items():
        _set(values, key, value)
    return {"defaults": [*bases, *({key: value} for key, value in choices.items()), "_self_"], **values}


def _parsed(overrides: Sequence[str]) -> list[Any]:
    try:
        return list(OverridesParser.create().parse_overrides(list(overrides)))
    except OverrideParseException as error:
        raise UserError(f"{error.override}: cannot be read as key=value") from error


def _set(tree: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    for part in path:
        inner = tree.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = tree[part] = {}
        tree = inner
    tree[last] = value
