"""Differences of a run's configuration from the defaults."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.global_hydra import GlobalHydra

from gan_lab.config.compose import compose_experiment
from gan_lab.config.environment import unspelt
from gan_lab.config.resume import flat
from gan_lab.config.words import printable
from gan_lab.loggers.wandb import SECRET

LONGEST = 300  # characters of a value
APART = ("directory", "resume", "objective", "seed", "rounds")  # where it is kept, and what the page says elsewhere
ABSENT = "(absent)"
HIDDEN = "(not shown)"
IN_ENVIRONMENT = re.compile(r"\$\{oc\.env:\w+\}")


class Difference(NamedTuple):
    """A dotted key, and what is said of it by default and in the run."""

    key: str
    default: str
    value: str


def differences(config: Mapping[str, Any], default: Mapping[str, Any]) -> list[Difference]:
    """The keys by which the two configurations differ, in alphabetical order.

    The value of a key that speaks of a password, token or secret is not shown.
    """
    before, now = (
        {key: value for key, value in flat(dict(tree)) if not _apart(key, value)} for tree in (default, config)
    )
    return [
        Difference(printable(key)[:LONGEST], _shown(key, before), _shown(key, now))
        for key in sorted(before.keys() | now.keys())
        if before.get(key, ABSENT) != now.get(key, ABSENT)
    ]


def masked(override: str) -> str:
    """An override as a page may show it: without the value of a key that speaks of a password, token or secret.

    `${oc.env:NAME}` is shown: the value stands elsewhere.
    """
    key, _, value = override.partition("=")
    is_secret = SECRET.search(override if "{" in value else key) is not None
    return f"{key}={HIDDEN}" if is_secret and not IN_ENVIRONMENT.fullmatch(value.strip("'\"")) else override


def _apart(key: str, value: Any) -> bool:
    return key in APART or value in ({}, []) or key.rpartition(".")[2] == "directory"


def _shown(key: str, values: Mapping[str, Any]) -> str:
    if key not in values:
        return ABSENT
    if SECRET.search(key):
        return HIDDEN
    value = values[key]
    plain = (
        {None: "null", True: "true", False: "false"}.get(value) if value is None or isinstance(value, bool) else None
    )
    return printable(str(value) if plain is None else plain)[:LONGEST]


@cache
def defaults() -> dict[str, Any]:
    """The configuration of `gan-lab train` without overrides."""
    hydra = GlobalHydra.instance()
    running = hydra.hydra  # of the command that plays the run: there is one at a time
    hydra.clear()
    try:
        return unspelt(compose_experiment([], Path("outputs")))
    finally:
        hydra.hydra = running
