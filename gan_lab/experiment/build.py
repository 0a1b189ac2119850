"""Construction of the game and its data from a checked configuration."""

from functools import partial
from typing import Any, Protocol, cast

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from gan_lab.config.signature import signature
from gan_lab.data.module import GameData
from gan_lab.data.paired import Paired
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.game.loss_scale import LossScale
from gan_lab.game.player import Player
from gan_lab.io.weights import ROLES
from gan_lab.networks.batch_norm import GlobalBatchNorm, replace_batch_norms
from gan_lab.seeding import derive_seed
from gan_lab.types import AdversarialLoss, Averaging, DataDependent, Latent, OutputLoss, Referring, Update


def build(config: DictConfig) -> tuple[GAN, GameData]:
    """The game and its data as configured, the networks initialised from the seed."""
    data = build_data(config)
    return build_game(config, data), data


def build_data(config: DictConfig) -> GameData:
    """The data as configured; with `degradation`, what it leaves of each image is its condition."""
    data: GameData = made("data.module", config.data.module, GameData)
    return Paired(data, instantiate(config.degradation)) if config.get("degradation") else data


def build_game(config: DictConfig, data: GameData) -> GAN:
    """The game that is played on these data."""
    kinds: dict[str, Any] = {"latent": Latent, "loss": AdversarialLoss, "update": Update}
    parts = {name: made(name, config[name], kind) for name, kind in kinds.items()}
    averages = _averages(config)
    _check_condition(config, data)
    networks = OmegaConf.create({"model": {role: network_of(config, role) for role in ("discriminator", "generator")}})
    torch.manual_seed(derive_seed(config.seed, "weights"))
    d, g = (
        Player(
            name,
            network=made(f"model.{role}", network, nn.Module),
            optimizer=instantiate(config.optimizer[name]),
            schedule=instantiate(config.get("schedule")) or None,
            terms={
                term: made(f"{name}_terms.{term}", part, nn.Module)
                for term, part in (terms or {}).items()
                if part is not None
            },
            scale=LossScale() if config.trainer.get("precision") == "16-mixed" else None,
        )
        for name, role, network, terms in (
            ("d", "discriminator", networks.model.discriminator, config.get("d_terms")),
            ("g", "generator", networks.model.generator, config.get("g_terms")),
        )
    )
    if config.get("degradation") and not (d.conditional or g.conditional):
        raise UserError("degradation: neither network reads what is given; take model=pix2pix or srgan")
    if not isinstance(parts["loss"], OutputLoss) and any(
        getattr(part, "needs_output_loss", False) for part in d.network.modules()
    ):
        raise UserError(
            f"loss: {type(parts['loss']).__name__} reads no class logits, by which alone this D learns the classes; "
            "take loss=multi_hinge, or another conditioning"
        )
    inputs = partial(_inputs, config.seed, data, parts["latent"], d.conditional or g.conditional)
    for player in (d, g):
        if config.trainer.get("sync_batchnorm"):
            replace_batch_norms(player.network, GlobalBatchNorm, affine=False)
        for part in reversed([*player.network.modules()]):  # what a wrapper is put around is ready before it
            if isinstance(part, DataDependent):
                part.initialise_from(lambda n: data.take(n).x)
            if isinstance(part, Referring):
                part.refer_to(partial(inputs, player.name))
    # Parts go in by a call, not through `instantiate`, which would turn dataclasses into configuration.
    game: GAN = instantiate(config.gan, _partial_=True)(d=d, g=g, seed=config.seed, **parts, **averages)
    return game


def made(where: str, node: DictConfig, kind: type) -> Any:
    """The part that `node` describes.

    Raises:
        UserError: it is no part of this kind.
    """
    part = instantiate(node)
    if not isinstance(part, kind):
        message = f"{where}: {node._target_} makes a {type(part).__name__}, and must make a {kind.__name__}"
        if issubclass(kind, Protocol):  # anything that has its attributes is one
            names = sorted({*vars(kind), *kind.__annotations__})
            message += f", with {', '.join(name for name in names if not name.startswith('_'))}"
        raise UserError(message)
    return part


def network_of(config: DictConfig, role: str) -> dict[str, Any]:
    """The whole configuration of the "generator" or the "discriminator": plain data, resolved.

    It is the model's; the conditioning, which is given it to be built, is put around it, and the wrappers around that.
    A wrapper whose first parameter is `make` is given what it surrounds to be built, too.
    """
    network = plain(config.model[role])
    conditioning = (config.get("conditioning") or {}).get(role)
    if conditioning is not None:
        network = {**plain(conditioning), "_args_": [{**network, "_partial_": True}]}
    for wrapper in (config.get(f"{role[0]}_wrappers") or {}).values():
        if wrapper is not None:
            part = plain(wrapper)
            found = signature(part["_target_"])
            builds = found is not None and next(iter(found.parameters), None) == "make"
            network = {**part, "_args_": [{**network, "_partial_": True} if builds else network]}
    return network


def plain(part: DictConfig) -> dict[str, Any]:
    """A part of the configuration as plain data, resolved."""
    return cast(dict[str, Any], OmegaConf.to_container(part, resolve=True))


def _averages(config: DictConfig) -> dict[str, Any]:
    """The averages of G that are kept: `ema`, which samples are drawn from, and `averages` by their names.

    Raises:
        UserError: one has a name that its weights cannot be asked for by.
    """
    named = {name: part for name, part in (config.get("averages") or {}).items() if part is not None}
    for name in named:
        if name in ROLES or name == "raw" or hasattr(nn.ModuleDict, name):
            raise UserError(f"averages.{name}: has another meaning; give the average another name")
    return {
        "ema": made("ema", config.ema, Averaging) if config.get("ema") else None,
        "averages": {name: made(f"averages.{name}", part, Averaging) for name, part in named.items()},
    }


def _check_condition(config: DictConfig, data: GameData) -> None:
    for role, part in (config.get("conditioning") or {}).items():
        if part is None:
            continue
        for name, what in (("num_classes", "classes"), ("condition_dim", "numbers to condition on")):
            has = getattr(data, name)
            asked = part.get(name, has)
            if asked != has:
                cure = "; take conditioning=none, or data that have some" if has is None else ""
                raise UserError(f"conditioning.{role}.{name}={asked}: the data have {has or 'no'} {what}{cure}")
    for role in ("generator", "discriminator"):
        asked = config.model[role].get("num_classes")
        if asked not in (None, data.num_classes):
            raise UserError(f"model.{role}.num_classes={asked}: the data have {data.num_classes or 'no'} classes")


def _inputs(
    seed: int, data: GameData, latent: Latent, conditional: bool, player: str, n: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """n inputs of the player "d" or "g": real samples or noise, and what goes with them."""
    batch = data.take(n)
    noise = torch.Generator().manual_seed(derive_seed(seed, "reference"))
    return latent.sample(n, noise) if player == "g" else batch.x, batch.y if conditional else None
