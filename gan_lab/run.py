"""From a checked configuration to a finished run directory."""

import logging
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab.callbacks.budget import Budget, Interruption
from gan_lab.errors import UserError
from gan_lab.gan import GAN
from gan_lab.generator_file import save_generator
from gan_lab.plain_checkpoint import PlainCheckpointIO
from gan_lab.player import Player
from gan_lab.seeds import derive_seed
from gan_lab.summary import summarise, table, write_summary


def build(config: DictConfig) -> tuple[GAN, pl.LightningDataModule]:
    """The game and its data as configured, the networks initialised from the seed."""
    data = instantiate(config.data.module)
    parts = {name: instantiate(config[name]) for name in ("latent", "loss", "update")}
    torch.manual_seed(derive_seed(config.seed, "weights"))
    d, g = (
        Player(
            name,
            network=instantiate(network),
            optimizer=instantiate(config.optimizer[name]),
            schedule=instantiate(config.get("schedule")) or None,
            terms=instantiate(terms or {}),
        )
        for name, network, terms in (
            ("d", config.model.discriminator, config.get("d_terms")),
            ("g", config.model.generator, config.get("g_terms")),
        )
    )
    # Parts go in by a call, not through `instantiate`, which would turn dataclasses into configuration.
    return instantiate(config.gan, _partial_=True)(d=d, g=g, seed=config.seed, **parts), data


def play(config: DictConfig) -> int:
    """Play to the end of the budget or to an interruption, and leave the run directory complete.

    Returns the process's exit code: 0, or 128 + the signal's number, as shells have it.
    """
    _quieten()
    directory = Path(config.directory)
    gan, data = build(config)
    checkpoint = directory / "checkpoints" / "last.ckpt" if config.resume else None
    if checkpoint is not None and not _has_rounds_left(checkpoint, config.rounds):
        return 0

    interruption = Interruption()
    trainer: pl.Trainer = instantiate(config.trainer, _partial_=True)(
        callbacks=[Budget(config.rounds), interruption, *_parts(config.callbacks)],
        logger=_parts(config.logger),
        plugins=[PlainCheckpointIO()],
        default_root_dir=str(directory),
        max_epochs=1,  # one endless epoch: the budget counts rounds
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(c, pl.callbacks.Checkpoint) for c in _parts(config.callbacks)),
        use_distributed_sampler=False,
    )
    trainer.fit(gan, data, ckpt_path=checkpoint if checkpoint is not None and checkpoint.exists() else None)
    if not trainer.is_global_zero:
        return 0

    recipe = {name: OmegaConf.to_container(node, resolve=True) for name, node in _recipe(config).items()}
    networks = {"raw": gan.g.network} | ({} if gan.average is None else {"average": gan.average})
    save_generator(directory / "generator.safetensors", recipe, networks)
    summary = summarise(gan, trainer, config, finished=interruption.signal is None)
    write_summary(summary, directory)
    print(table(summary, directory))
    if interruption.signal is None:
        return 0
    print(f"interrupted after round {gan.round}; go on with: python train.py resume={directory}")
    return 128 + interruption.signal


def _recipe(config: DictConfig) -> dict[str, Any]:
    return {"generator": config.model.generator, "latent": config.latent}


def _has_rounds_left(checkpoint: Path, rounds: int) -> bool:
    """False, with a line that says so, where the run to be resumed has played its budget already.

    Raises:
        UserError: it has played more than that; or the checkpoint is damaged.
    """
    if not checkpoint.exists():
        return True  # stopped before its first checkpoint: from the start
    played = PlainCheckpointIO().load_checkpoint(checkpoint)["game"]["round"]
    if played > rounds:
        raise UserError(f"rounds={rounds}: that run has played {played} already; give more, or leave it out")
    if played == rounds:
        print(f"nothing to do: all {rounds} rounds are played; rounds=N extends the run")
    return bool(played < rounds)


def _parts(group: DictConfig | None) -> list[Any]:
    """The instances of a group's parts, in its order; a part set to null is left out."""
    return [instantiate(part) for part in (group or {}).values() if part is not None]


def _quieten() -> None:
    """Lightning's advice is for supervised learning with its own loops and counters."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
