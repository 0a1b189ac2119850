"""Generator that a run leaves: that of its last round, or the best one after early stopping."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from gan_lab.callbacks.checkpoint import RoundCheckpoint
from gan_lab.callbacks.early_stopping import EarlyStopping
from gan_lab.game.gan import GAN
from gan_lab.io.generator import save_generator
from gan_lab.io.weights import BEST, GENERATOR, read_weights


def keep_best(callbacks: Sequence[pl.Callback]) -> None:
    """Have `best.ckpt` kept by what an early stopping looks at, unless something else was asked for."""
    for stopping, checkpoints in _pairs(callbacks):
        if checkpoints.monitor is None:
            checkpoints.monitor, checkpoints.mode = stopping.monitor, stopping.mode


def leave_generator(
    directory: Path, recipe: Mapping[str, Any], gan: GAN, callbacks: Sequence[pl.Callback]
) -> tuple[int, str]:
    """Write `generator.safetensors`; the round that it is of (the last; stopped early, the best), and its digest."""
    networks = {"raw": gan.g.network, **gan.kept}
    played = gan.round
    kept = directory / "checkpoints" / BEST
    if kept.is_file() and any(checkpoints.best is not None for _, checkpoints in _pairs(callbacks)):
        best = read_weights(kept)
        played, states = best.round, best.generator().weights
        networks = {name: deepcopy(network) for name, network in networks.items()}
        for name, network in networks.items():
            network.load_state_dict(states[name])
    return played, save_generator(directory / GENERATOR, {**recipe, "round": played}, networks)


def _pairs(callbacks: Sequence[pl.Callback]) -> list[tuple[EarlyStopping, RoundCheckpoint]]:
    stopping = [callback for callback in callbacks if isinstance(callback, EarlyStopping)]
    checkpoints = [callback for callback in callbacks if isinstance(callback, RoundCheckpoint)]
    return [(one, other) for one in stopping for other in checkpoints]
