"""Composition of an experiment, and all checks of it that need nothing heavy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.arguments import quoted, tidied
from gan_lab.config.check import check, check_choices
from gan_lab.config.conf import CONF
from gan_lab.config.explain import plain_errors
from gan_lab.config.idle import check_idle
from gan_lab.config.knobs import check_knobs
from gan_lab.config.places import settle
from gan_lab.config.trainer import check_trainer
from gan_lab.errors import UserError

# What a run from Python does without, and what does it.
ELSEWHERE = {"resume": "gan-lab train resume=RUN_DIR", "seeds": "gan-lab train seeds=N", "hydra": "gan-lab train"}


def check_experiment(config: DictConfig, choices: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """Make its paths absolute, and raise a UserError that names its mistakes, if it has any."""
    check_choices(config, choices, overrides=overrides)
    settle(config)
    check(config)
    check_trainer(config)
    check_knobs(config)
    check_idle(config)


def compose_experiment(overrides: Sequence[str], directory: Path, *folders: Path) -> DictConfig:
    """The configuration that the command line would make of these overrides, for a run in `directory`.

    `folders` hold options of one's own, as --config-dir does.

    Raises:
        UserError: there is no such option, a value is not allowed, or it is for the command line alone.
    """
    with plain_errors(overrides):
        given = tidied(overrides)
        for override in given:
            name = override.lstrip("+~").partition("=")[0].partition(".")[0].partition("/")[0]
            if name in ELSEWHERE:
                raise UserError(f"{override}: is for the command line: {ELSEWHERE[name]}")
        places = ",".join(quoted(f"file://{folder}") for folder in folders)
        search = [f"hydra.searchpath=[{places}]"] if folders else []
        with initialize_config_dir(str(CONF), job_name="train", version_base="1.3"):
            place = f"directory={quoted(str(directory))}"
            config = compose("config", [*search, *given, place], return_hydra_config=True)
        choices = config.hydra.runtime.choices
        config = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        check_experiment(config, choices, given)
    return config
