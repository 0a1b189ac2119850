"""First lines of a run, for its loggers and its user."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from gan_lab.callbacks.game_callback import callbacks_of
from gan_lab.callbacks.terminate_on_nan import NAMES
from gan_lab.config.environment import unspelt
from gan_lab.config.observing import key_of, only_observes
from gan_lab.config.resume import flat
from gan_lab.game.gan import GAN
from gan_lab.io.reading import read_yaml
from gan_lab.loggers import Introduction, Record

LONGEST = 120  # characters of a name; W&B takes 128


def first_lines(trainer: pl.Trainer, gan: GAN, config: DictConfig, overrides: Sequence[str]) -> list[str]:
    """Where the run is kept, on what it is played, how large the players are, and what was chosen for it."""
    device = trainer.strategy.root_device
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    processes = f", {trainer.world_size} processes" if trainer.world_size > 1 else ""
    sizes = [f"{NAMES[player]} {count:,}" for player, count in parameters_of(gan).items()]
    chosen = [o for o in overrides if not o.startswith(("hydra.", "resume="))]
    return [
        f"run: {config.directory}",
        f"device: {device}{name}{processes}, {trainer.precision}",
        f"parameters: {', '.join(sizes)}",
        f"options: {' '.join(chosen) or 'the defaults'}",
    ]


def parameters_of(gan: GAN) -> dict[str, int]:
    """How many numbers each player learns."""
    return {player.name: sum(weight.numel() for weight in player.weights) for player in (gan.d, gan.g)}


def introduce(trainer: pl.Trainer, config: DictConfig, overrides: Sequence[str]) -> None:
    """Tell the loggers what is going to be played; other loggers than this lab's get the configuration."""
    directory = Path(config.directory)
    callbacks = callbacks_of(trainer)
    introduction = Introduction(
        name=name_of(overrides) or directory.name,
        group=sweep_of(directory),
        config=dict(flat(unspelt(config))),
        goals={name: goal for callback in callbacks for name, goal in getattr(callback, "goals", {}).items()},
    )
    for logger in trainer.loggers:
        if isinstance(logger, Record):
            logger.log_run(introduction)
        else:
            logger.log_hyperparams(dict(introduction.config))


def name_of(overrides: Sequence[str]) -> str:
    """The overrides that set a run apart from others; not its rounds, which may become more when it is resumed."""
    return " ".join(o for o in overrides if not (only_observes(o) or key_of(o) == "rounds"))[:LONGEST]


def sweep_of(directory: Path) -> str | None:
    """The end of the path of the sweep's folder, DATE/TIME by default; None where the run is no job of a sweep.

    Hydra's notes are those of the run's first start, so that a job of a sweep stays one when it is resumed.
    """
    notes = directory / ".hydra" / "hydra.yaml"
    sweep = notes.is_file() and _is_job(read_yaml(notes))
    return "/".join(directory.resolve().parent.parts[-2:]) if sweep else None


def _is_job(notes: dict[str, Any]) -> bool:
    hydra = notes.get("hydra")
    return isinstance(hydra, dict) and hydra.get("mode") == "MULTIRUN"
