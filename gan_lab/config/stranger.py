"""Overrides that are taken over from a run of another person."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from gan_lab.config.check import CHOICES, NAMED
from gan_lab.config.conf import CONF
from gan_lab.config.observing import key_of
from gan_lab.config.tree import PLAIN_TYPES, children, is_part, leaves
from gan_lab.config.trust import LAYERS, OPTIMIZERS, SCHEDULES, check_target, check_words, named_in
from gan_lab.config.words import one_line, shown
from gan_lab.errors import UserError

MOST, LONGEST, DEEPEST = 300, 1000, 10  # overrides; characters of one, and levels of its lists
PLAIN = ("seed", "rounds", "objective")
PAGES = ("experiment", "debug")
# How a run is watched, and where its data lie and are read, is for whoever goes on with it to say.
LEFT_OUT = ("logger", "seeds", "start_from", "start_strict", "data.root", "data.workers", "data.cache", "data.memory")
# The options in whose files the targets of a key stand; of what is not here, in those of the group of its name.
GROUPS = {
    "d_terms": ("term",),
    "g_terms": ("term",),
    "d_wrappers": ("wrapper",),
    "g_wrappers": ("wrapper",),
    "averages": ("ema",),
    "sampling": ("sampling", "calibration"),
    "callbacks": ("callbacks", "metric", "features"),
}
LABELS = ("auto", "folders", "none")  # of data.labels, what names no file
TRAINER = ("accelerator", "devices", "num_nodes", "precision", "sync_batchnorm", "deterministic", "benchmark")
_NAME = re.compile(r"\w+", re.ASCII)
KEY = re.compile(r"\w+([./]\w+)*", re.ASCII)


def vetted(overrides: Sequence[str], given: Sequence[str], trusted: Sequence[str], where: Path) -> list[str]:
    """Those of a stranger's overrides that go on the command line; `given` is what the user typed beside them.

    Options of the lab by their names, and plain values, may pass; targets must be the lab's own for that group, or
    under a prefix in `trusted`. How the run was watched, and where its data lay, is left out.

    Raises:
        UserError: an override asks for more; or the data lay in a folder, or their labels in a list, and the user does
            not say where they lie.
    """
    if len(overrides) > MOST:
        raise UserError(f"{where}: has more than {MOST} overrides, and is not of a run of yours")
    kept = []
    for text in overrides:
        if key_of(text).startswith("data.root") and not any(key_of(override) == "data.root" for override in given):
            raise UserError(f"{where}: is not of a run of yours, so say where its data lie here: data.root=FOLDER")
        if key_of(text) == "data.labels" and text.partition("=")[2].strip("'\"") not in LABELS:
            if not any(key_of(override) == "data.labels" for override in given):
                raise UserError(f"{where}: is not of a run of yours, so say where its labels lie: data.labels=FILE")
            continue
        if not f"{key_of(text)}.".startswith(tuple(f"{key}." for key in LEFT_OUT)):
            try:
                _vet(text, trusted)
            except UserError as error:
                raise UserError(f"{where}: is not of a run of yours, and asks for {shown(text)}: {error}") from error
            kept.append(text)
    return kept


def _vet(text: str, trusted: Sequence[str]) -> None:
    if len(text) > LONGEST or not text.isprintable() or _depth(text) > DEEPEST:
        raise UserError("that is too long, too deep or not printable")
    if "$" in text:
        raise UserError("interpolations are not taken from a stranger's file")
    override = _parsed(text)
    key, package = override.key_or_group, override.package
    for name in (key, package or "a"):
        if not KEY.fullmatch(name):
            raise UserError("that is no key of this lab")
    steps = re.split(r"[./]", key)
    at = (package or key).split(".") if _is_group(key) else steps
    if at[0] not in (*CHOICES, *NAMED, *PLAIN, *PAGES):
        raise UserError(f"{at[0]} is not taken from a stranger's file")
    if _is_group(key):
        _check_options(key, override.value())
    elif not override.is_delete():
        _check_plain(steps, override.value(), trusted)


def _parsed(text: str) -> Override:
    try:
        override = OverridesParser.create().parse_override(text)
    except (HydraException, RecursionError) as error:
        raise UserError("that cannot be read as key=value") from error
    if override.is_sweep_override():
        raise UserError("sweeps are not taken from a stranger's file")
    return override


def _depth(text: str) -> int:
    return sum(map(text.count, "[{("))


def _is_group(key: str) -> bool:
    return (CONF / key).is_dir()


def _check_options(group: str, value: Any) -> None:
    options = value if isinstance(value, list) else [value]
    for option in options:
        name = option if isinstance(option, str) else ""
        if option is not None and not (_NAME.fullmatch(name) and (CONF / group / f"{name}.yaml").is_file()):
            raise UserError(one_line(f"{group} has no option {shown(option)} in this lab"))


def _check_plain(steps: Sequence[str], value: Any, trusted: Sequence[str]) -> None:
    if steps[0] == "trainer" and (len(steps) != 2 or steps[1] not in TRAINER):
        raise UserError(f"of the trainer only {', '.join(TRAINER)} are taken from a stranger's file")
    if any(type(leaf) not in PLAIN_TYPES for _, leaf in leaves(value)):
        raise UserError("only plain values are taken from a stranger's file")
    tree = value
    for step in reversed(steps):
        tree = {step: tree}
    if any(
        path[0] == "data" and path[-1] in ("root", "labels", "cache") and leaf not in LABELS
        for path, leaf in leaves(tree)
    ):
        raise UserError("where data lie is not taken from a stranger's file")
    check_words(tree)
    _check_targets(tree, (), _allowed(steps[0]), trusted)


def _allowed(root: str) -> frozenset[str]:
    allowed = named_in(*GROUPS.get(root, (root,)))
    if root in ("model", "conditioning", "data", *GROUPS):
        return allowed | LAYERS
    return allowed | {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}.get(root, frozenset())


def _check_targets(node: Any, path: tuple[Any, ...], allowed: frozenset[str], trusted: Sequence[str]) -> None:
    if is_part(node):
        check_target(node["_target_"], (*path, "_target_"), allowed, trusted)
    for key, child in children(node):
        _check_targets(child, (*path, key), allowed, trusted)
