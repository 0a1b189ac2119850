"""A part, known by its dotted path, put into a small game and held to the laws of its kind."""

import tempfile
from collections.abc import Mapping, Sequence
from inspect import signature as python_signature
from pathlib import Path
from typing import Any, cast

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from gan_lab.config.compose import compose_experiment
from gan_lab.config.conf import CONF
from gan_lab.config.signature import signature
from gan_lab.config.source import NoSuchTarget
from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.experiment.build import build, build_data, network_of
from gan_lab.laws.data import DATA
from gan_lab.laws.game import GAME
from gan_lab.laws.law import Finding, findings
from gan_lab.laws.loss import LOSS
from gan_lab.laws.network import NETWORK, Network
from gan_lab.laws.term import TERM, Scene
from gan_lab.terms import Term
from gan_lab.types import Conditional

OPTION = "checked_part"  # the name of the part's YAML in a folder of its own
GROUPS = {
    "loss": "loss",
    "term": "term@d_terms",
    "update": "update",
    "generator": "model",
    "discriminator": "model",
    "data": "data",
}
SMALL = {
    "data": "ring",
    "data.batch_size": "8",
    "model": "mlp",
    "model.hidden": "[8]",
    "latent.dim": "4",
    "callbacks": "[metrics,checkpoint]",
    "logger": "csv",
    "trainer": "cpu",
}
FOLLOWS = {  # parameters that follow from the rest of the configuration, where a part has them
    "generator": {"latent_dim": "${latent.dim}", "shape": "${data.shape}", "output": "${data.output}"},
    "discriminator": {"shape": "${data.shape}"},
    "data": {"shape": "${..shape}", "batch_size": "${..batch_size}", "seed": "${seed}"},
}


def kind_of(target: str) -> str:
    """loss, term, update, generator, discriminator or data.

    Raises:
        UserError: there is no such class, or it is of none of these kinds.
    """
    try:
        found = get_object(target)
    except (ImportError, ValueError) as error:
        raise UserError(f"{target}: {' '.join(str(error).split())}") from error
    if isinstance(found, type) and issubclass(found, Term):
        return "term"
    if isinstance(found, type) and issubclass(found, GameData):
        return "data"
    if isinstance(found, type) and issubclass(found, nn.Module):
        first = [*python_signature(found.forward).parameters][1:2]
        if first in (["z"], ["x"]):
            return "generator" if first == ["z"] else "discriminator"
        raise UserError(f"{target}: is a network whose forward() takes neither z (a generator) nor x (a discriminator)")
    if hasattr(found, "discriminator") and hasattr(found, "generator"):
        return "loss"
    if hasattr(found, "play"):
        return "update"
    raise UserError(
        f"{target}: is none of the kinds that are checked: a loss (discriminator() and generator()), a Term, an update "
        "(play()), a network (forward(z) or forward(x)), a GameData"
    )


def check_part(target: str, *settings: str) -> list[Finding]:
    """What each law of its kind says of the part at this dotted path.

    Args:
        target: of a class, such as `mine.losses.Exponential`.
        settings: key=value, of the part's parameters, or of the small experiment that it is put into (`data=digits`).

    Raises:
        UserError: there is no such part, it does not take these settings, or it cannot be composed.
    """
    kind = kind_of(target)
    own, overrides = _divided(target, settings)
    with tempfile.TemporaryDirectory() as folder:
        group, _, package = GROUPS[kind].partition("@")
        page = Path(folder, group, f"{OPTION}.yaml")
        page.parent.mkdir()
        page.write_text(yaml.safe_dump(_page(kind, target, own)))
        chosen = SMALL | {GROUPS[kind]: f"[{OPTION}]" if package else OPTION}
        chosen |= overrides

        def compose(directory: Path, rounds: int) -> DictConfig:
            given = [f"{key}={value}" for key, value in (chosen | {"rounds": str(rounds)}).items()]
            return compose_experiment(given, directory, Path(folder))

        config = compose(Path(folder, "run"), 1)
        return [*_of_its_kind(kind, config), *findings(GAME, compose)]


def _of_its_kind(kind: str, config: DictConfig) -> list[Finding]:
    match kind:
        case "loss":
            return findings(LOSS, instantiate(config.loss))
        case "data":
            return findings(DATA, build_data(config))
        case "term":
            game, data = build(config)
            name = next(iter(config.d_terms))
            term = cast(Term, game.d.terms[name])
            player = game.d if "d" in term.acts_on else game.g
            return findings(TERM, Scene(term, game, player, data.take(8)))
        case "generator" | "discriminator":
            return _of_network(kind, config)
    return []


def _of_network(kind: str, config: DictConfig) -> list[Finding]:
    data, latent = build_data(config), instantiate(config.latent)
    module = instantiate(network_of(config, kind))
    if any(isinstance(part, Conditional) and part.conditional for part in module.modules()):
        raise UserError("the laws of networks are for those that take no condition; check it without one")
    if kind == "generator":
        return findings(NETWORK, Network(module, latent.sample, data.shape))
    return findings(NETWORK, Network(module, lambda n: data.take(n).x, None))


def _divided(target: str, settings: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What is for the part, as values, and what is for the experiment, as it was written."""
    try:
        takes = signature(target)
    except NoSuchTarget as error:
        raise UserError(f"{target}: {error}") from error
    own: dict[str, Any] = {}
    overrides: dict[str, str] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        if takes is not None and key in takes.parameters:
            try:
                own[key] = OverridesParser.create().parse_override(setting).value()
            except HydraException as error:
                raise UserError(f"{setting}: cannot be read as key=value") from error
        else:
            overrides[key] = value
    return own, overrides


def _page(kind: str, target: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """The YAML of a group's option that is this part."""
    takes = signature(target)
    names = {} if takes is None else takes.parameters
    follows = {name: value for name, value in FOLLOWS.get(kind, {}).items() if name in names}
    part = {"_target_": target, **follows, **own}
    if kind == "term":
        return {OPTION: part}
    if kind == "data":
        ring = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(CONF / "data" / "ring.yaml"), resolve=False))
        shape = own.get("shape", ring["shape"])
        part = part | ({"shape": "${..shape}"} if "shape" in own else {})
        return {"batch_size": 8, "shape": shape, "output": ring["output"], "module": part}
    if kind in ("generator", "discriminator"):
        mlp = OmegaConf.to_container(OmegaConf.load(CONF / "model" / "mlp.yaml"), resolve=False)
        return cast(dict[str, Any], mlp) | {kind: part}
    return part
