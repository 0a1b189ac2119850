"""Environment variables in a configuration: stored by name, never by value.

`${oc.env:NAME}` is how a secret, or a place that differs from machine to machine, is kept out of files.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from omegaconf import Container, ListConfig, Node, OmegaConf
from omegaconf.resolvers import oc

_NAMED = re.compile(r"\$\\?\{oc\.env\\?:\s*([^\s,}\\]+)")  # to the jobs of a sweep Hydra gives it with backslashes
_SHORTEST = 4  # characters of a value that is looked for in messages: shorter ones are in many words
_ABSENT: Any = object()


def unspelt(config: Any) -> dict[str, Any]:
    """The configuration as plain data, with all resolved but the environment."""
    with _naming():
        return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def raw(overrides: Sequence[str]) -> list[str]:
    """Overrides as they were typed; Hydra's own list of them resolves each that is looked at."""
    if isinstance(overrides, ListConfig):
        return [str(override) for override in cast(list[str], OmegaConf.to_container(overrides, resolve=False))]
    return list(overrides)


def without_values(text: str, overrides: Sequence[str]) -> str:
    """The text with `${oc.env:NAME}` for the value of each variable that the overrides name."""
    for name in {name for override in overrides for name in _NAMED.findall(override)}:
        value = os.environ.get(name, "")
        text = text.replace(value, f"${{oc.env:{name}}}") if len(value) >= _SHORTEST else text
    return text


@contextmanager
def _naming() -> Iterator[None]:
    OmegaConf.register_new_resolver("oc.env", _named, replace=True)
    OmegaConf.register_new_resolver("oc.decode", _decoded, replace=True)
    try:
        yield
    finally:
        OmegaConf.register_new_resolver("oc.env", oc.env, replace=True)
        OmegaConf.register_new_resolver("oc.decode", oc.decode, replace=True)


def _named(name: str, default: Any = _ABSENT) -> str:
    if default is _ABSENT:
        return f"${{oc.env:{name}}}"
    return f"${{oc.env:{name},{'null' if default is None else repr(str(default))}}}"


def _decoded(text: str | None, _parent_: Container, _node_: Node) -> Any:
    if isinstance(text, str) and "${oc.env:" in text:
        return f"${{oc.decode:{text}}}"
    return oc.decode(text, _parent_, _node_)
