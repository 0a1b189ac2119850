"""Overrides of a tournament's sweeps: what is evaluated along a run, and a search's space, as Hydra writes them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from gan_lab.config.conf import CONF
from gan_lab.config.observing import key_of
from gan_lab.config.words import one_line
from gan_lab.errors import UserError
from gan_lab.io.reading import read_yaml, read_yaml_list
from gan_lab.tournament.overrides import check_override
from gan_lab.tournament.page import Choices, Range, spelt

BASE = re.compile(r"(?:/experiment/)?(\w[\w/.-]*)(?:@_global_)?")  # another experiment, in the defaults of one


def watching(overrides: Sequence[str], metric: str, features: str, folders: Sequence[Path] = ()) -> list[str]:
    """The evaluation along a run and the table that it is read from, beside what the page asks for.

    `folders` have parts of one's own.
    """
    return [
        _together(overrides, "callbacks", "default", "evaluation", folders),
        _together(overrides, "logger", "csv", "csv", folders),
        f"metric@callbacks.evaluation.metrics=[{metric}]",
        f"features@callbacks.evaluation.features={features}",
    ]


def _values(overrides: Sequence[str], key: str) -> list[Any]:
    parser = OverridesParser.create()
    return [parser.parse_override(override).value() for override in overrides if key_of(override) == key]


def _together(overrides: Sequence[str], group: str, usual: str, needed: str, folders: Sequence[Path]) -> str:
    """The options of a group that these overrides ask for, with the one that is needed."""
    asked = _values(overrides, group)
    experiments = [str(name) for name in _values(overrides, "experiment")]
    names = asked[-1] if asked else _chosen_by(experiments[-1], group, usual, folders) if experiments else usual
    names = names if isinstance(names, list) else [name for name in [names] if name is not None]
    return f"{group}=[{','.join([*(str(name) for name in names if name != needed), needed])}]"


def _chosen_by(experiment: str, group: str, usual: str, folders: Sequence[Path]) -> Any:
    """What an experiment, one's own or else the lab's, or one that it begins with chooses of this group."""
    files = [folder / "experiment" / f"{experiment}.yaml" for folder in (*folders, CONF)]
    file = next((file for file in files if file.exists()), None)
    entries = [] if file is None else read_yaml(file).get("defaults", [])
    key = f"override /{group}"
    for entry in entries:
        if isinstance(entry, dict) and key in entry:
            return entry[key]
    bases = [BASE.fullmatch(entry) for entry in entries if isinstance(entry, str) and entry != "_self_"]
    found = next((base[1] for base in bases if base is not None), None)
    return usual if found is None or found == experiment else _chosen_by(found, group, usual, folders)


def interval(part: Range | Choices) -> str:
    """A part of a space as Hydra's sweepers write it."""
    if isinstance(part, Choices):
        return f"choice({','.join(map(spelt, part.choices))})"
    inner = f"interval({part.low},{part.high})"
    inner = f"int({inner})" if isinstance(part.low, int) and isinstance(part.high, int) else inner
    return f"tag(log,{inner})" if part.log else inner


def settings_of(run: Path, keys: Sequence[str]) -> dict[str, Any]:
    """What a trial of Optuna's was given for these.

    Raises:
        UserError: it is nothing that a page may say.
    """
    given = OverridesParser.create().parse_overrides([str(o) for o in read_yaml_list(run / "overrides.yaml")])
    written = {str(override.input_line).partition("=")[0]: override for override in given}
    missing = [key for key in keys if key not in written]
    if missing:
        raise UserError(f"{run}: was not given {missing[0]}, which the search draws")
    try:
        for key in keys:
            check_override(str(written[key].input_line))
    except ValueError as error:
        raise UserError(f"{run}: {one_line(str(error))}") from error
    return {key: written[key].value() for key in keys}
