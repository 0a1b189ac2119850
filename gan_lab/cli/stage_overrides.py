"""Overrides of a tournament's sweeps: what is evaluated along a run, and a search's space, as Hydra writes them."""

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

CALLBACKS = "override /callbacks"  # in the defaults of an experiment


def watching(overrides: Sequence[str], metric: str, features: str) -> list[str]:
    """The evaluation along a run, beside the callbacks that the page asks for."""
    asked = _values(overrides, "callbacks")
    experiments = [str(name) for name in _values(overrides, "experiment")]
    names = asked[-1] if asked else _callbacks_of(experiments[-1]) if experiments else ["default"]
    names = names if isinstance(names, list) else [name for name in [names] if name is not None]
    together = [*(str(name) for name in names if name != "evaluation"), "evaluation"]
    return [
        f"callbacks=[{','.join(together)}]",
        f"metric@callbacks.evaluation.metrics=[{metric}]",
        f"features@callbacks.evaluation.features={features}",
    ]


def _values(overrides: Sequence[str], key: str) -> list[Any]:
    parser = OverridesParser.create()
    return [parser.parse_override(override).value() for override in overrides if key_of(override) == key]


def _callbacks_of(experiment: str) -> Any:
    """Those that an experiment of the lab chooses."""
    file = CONF / "experiment" / f"{experiment}.yaml"
    chosen = read_yaml(file).get("defaults", []) if file.exists() else []
    return next((one[CALLBACKS] for one in chosen if isinstance(one, dict) and CALLBACKS in one), ["default"])


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
    chosen = [override for override in given if override.key_or_group in keys]
    try:
        for override in chosen:
            check_override(str(override.input_line))
    except ValueError as error:
        raise UserError(f"{run}: {one_line(str(error))}") from error
    return {override.key_or_group: override.value() for override in chosen}
