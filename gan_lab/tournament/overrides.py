"""Overrides of a page: options by their names, and plain values."""

import re
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from gan_lab.config.conf import CONF
from gan_lab.config.observing import key_of
from gan_lab.config.stranger import KEY
from gan_lab.config.tree import PLAIN_TYPES, leaves
from gan_lab.config.trust import TAKES_A_PATH

# What the tournament itself sets, or what starts something else than a run of its own.
TAKEN = (
    "rounds", "seed", "seeds", "resume", "start_from", "directory", "objective", "hydra", "callbacks.evaluation",
    "defaults",
)  # fmt: skip
READ = ("root", "labels")  # of data: places that are only read
_OPTION = re.compile(r"\w+(/\w+)*", re.ASCII)


def check_override(override: str) -> None:
    """Raise a ValueError for what a page may not say: it is data: no code, no variables, no place to write.

    Judged is what Hydra makes of it, since its escapes spell one thing in several ways.
    """
    if "$" in override:
        raise ValueError(f"{override}: a page names no code, and has no ${{...}}")
    parsed = _parsed(override)
    for name in (parsed.key_or_group, parsed.package or "a"):
        if not KEY.fullmatch(name):
            raise ValueError(f"{override}: that is no key")
        taken = next((each for each in TAKEN if f"{name}.".replace("/", ".").startswith(f"{each}.")), None)
        if taken is not None:
            raise ValueError(f"{override}: the tournament sets {taken} itself")
    value = parsed.value()
    if (CONF / parsed.key_or_group).is_dir():
        for option in value if isinstance(value, list) else [value]:
            if option is not None and not _OPTION.fullmatch(str(option)):
                raise ValueError(f"{override}: must name an option")
        return
    for path, leaf in leaves(value, tuple(re.split(r"[./]", parsed.key_or_group))):
        names = [step for step in path if isinstance(step, str)]
        if type(leaf) not in PLAIN_TYPES or any(name.startswith("_") for name in names):
            raise ValueError(f"{override}: a page names no code, and has no ${{...}}")
        reads = names[0] == "data" and names[-1] in READ
        if isinstance(leaf, str) and (TAKES_A_PATH.search(names[-1]) or names == ["data", "cache"]) and not reads:
            raise ValueError(f"{override}: a page says of no file or folder but data.root and data.labels")


def check_apart(groups: Mapping[str, Sequence[str]]) -> None:
    """Raise a ValueError where overrides of two groups set the same: given together, only the last would act."""
    of: dict[str, str] = {}
    for group, overrides in groups.items():
        for key in map(key_of, overrides):
            if of.setdefault(key, group) != group:
                raise ValueError(f"{of[key]} and {group} both set {key}; given together, only the second would act")


def _parsed(override: str) -> Override:
    try:
        parsed = OverridesParser.create().parse_override(override)
    except (HydraException, RecursionError) as error:
        raise ValueError(f"{override}: must be key=value") from error
    if parsed.is_delete():
        raise ValueError(f"{override}: must be key=value")
    if parsed.is_sweep_override():
        raise ValueError(f"{override}: is several values; a search has a space for them")
    return parsed
