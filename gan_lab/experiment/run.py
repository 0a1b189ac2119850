"""Run of a checked configuration, up to a complete run directory."""

import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.accelerators import CUDAAccelerator
from pytorch_lightning.loggers import Logger
from pytorch_lightning.plugins.precision import MixedPrecision
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from gan_lab.callbacks.stopping import Interruption, MaxRounds
from gan_lab.config.resume import remember
from gan_lab.config.started import command
from gan_lab.config.words import one_line, printable
from gan_lab.data.module import GameData
from gan_lab.distributed.strategy import Replicas
from gan_lab.errors import OtherRun, UserError
from gan_lab.experiment.build import build_data, build_game, made, network_of, plain
from gan_lab.experiment.conclusion import keep_best, leave_generator
from gan_lab.experiment.introduction import first_lines, introduce, parameters_of
from gan_lab.experiment.origin import (
    Bearing,
    begin_from,
    check_own,
    check_same_data,
    name_of_run,
    record_origin,
)
from gan_lab.experiment.parts import check_same_parts
from gan_lab.experiment.provenance import record_provenance
from gan_lab.experiment.restoring import restoring
from gan_lab.experiment.summary import (
    SUMMARY_LOCK,
    copies,
    extension,
    kept_scores,
    summarise,
    table,
    write_summary,
)
from gan_lab.game.gan import GAN
from gan_lab.io.checkpoint import LAST, PlainCheckpointIO, newest
from gan_lab.io.generator import sign_recipe
from gan_lab.io.ownership import is_own
from gan_lab.io.reading import read_json
from gan_lab.loggers import records
from gan_lab.runtime.allocator import keep_freed_memory
from gan_lab.runtime.lock import locked
from gan_lab.runtime.slurm import cluster
from gan_lab.sampling import Plain, Sampling
from gan_lab.types import Closing


def play(
    config: DictConfig, overrides: Sequence[str] = (), callbacks: Sequence[pl.Callback] = (), at: int | None = None
) -> int:
    """Play to the end of the budget or to an interruption, and leave the run directory complete.

    `overrides` are the command line's, to be remembered for a later resume; `callbacks` come before its own;
    `at` is the round that a resumed run goes on from, of those that it has checkpoints of, or 0; None: the newest.

    Returns the process's exit code: 0, or 128 + the signal's number, as shells have it.

    Raises:
        UserError: the directory holds another run, a part or the trainer refuses its settings, the game diverges.
    """
    _quieten()
    keep_freed_memory()
    directory = Path(config.directory)
    checkpoint = None
    data = build_data(config)
    if config.get("resume"):
        check_same_data(directory, data.identity)
        checkpoint, played = _reached(directory, config.rounds, at)
        if played is not None:
            early = played < config.rounds
            which = f"it ended early, at round {played}" if early else f"all {played} rounds are played"
            print(f"nothing to do: {which}; to extend the run: {extension(config, early)}")
            return 0
    elif (directory / "checkpoints" / LAST).exists() or (directory / "metrics.csv").exists():
        raise UserError(
            f"{directory}: holds a run already; go on with it (resume={directory}) or name another hydra.run.dir"
        )

    is_mine = checkpoint is None or is_own(directory / "config.yaml")  # before it is written anew
    gan = build_game(config, data)
    if config.get("resume"):
        check_same_parts(directory, config, gan)
    interruption, bearing = Interruption(), Bearing(_recipe(config, gan, data))
    own = [MaxRounds(config.rounds), interruption, bearing, *_parts(config, "callbacks", pl.Callback)]
    keep_best(own)
    trainer = _trainer(config, [*callbacks, *own])
    data.trainer = trainer
    _ = data.rank_and_world  # complains before there are several of this process
    start = None
    if config.get("start_from") and checkpoint is None:
        start = begin_from(config, gan)
    if trainer.is_global_zero:
        if not config.get("resume"):
            record_origin(directory, config, data.identity, start)
        bearing.run = name_of_run(directory)
        remember(config, directory, overrides)
        sign_recipe(directory, bearing.recipe)
        record_provenance(directory, config, parameters_of(gan))
        found = [f"data: {one_line(line)}" for line in data.found]
        found += start.report() if start else []
        print(printable("\n".join([*first_lines(trainer, gan, config, overrides), *found])))
    introduce(trainer, config, overrides)
    with restoring(checkpoint, lambda: bearing.begun and is_mine):
        trainer.fit(gan, data, ckpt_path=checkpoint)
    if not trainer.is_global_zero:
        return 0

    played, digest = leave_generator(directory, bearing.recipe, gan, own)
    finished = gan.round >= config.rounds or interruption.signal is None  # or a callback found that it is enough
    summary = summarise(gan, trainer, config, finished) | {"generator": digest, "generator_round": played}
    for record in records(trainer):
        record.log_summary(summary | copies(summary), directory)
    with locked(directory, SUMMARY_LOCK):  # an evaluation may be adding to the one before
        before = directory / "summary.json"
        scores = kept_scores(read_json(before), digest) if before.is_file() else {}
        write_summary(summary | scores, directory)  # last: it tells a resume that nothing is missing
    print(table(summary, directory))
    for callback in own:
        if isinstance(callback, Closing) and interruption.signal is None:  # else the job is to be queued again, soon
            callback.close(gan)
    if summary["finished"]:
        return 0
    print(f"stopped after round {gan.round}; go on with: {command(f'resume={directory}')}")
    return 0 if interruption.signal is None else 128 + interruption.signal


def _trainer(config: DictConfig, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Lightning's Trainer as configured.

    Raises:
        UserError: it refuses its settings, or has several processes or half precision where the game cannot have them.
    """
    try:
        trainer: pl.Trainer = instantiate(config.trainer, _partial_=True)(
            callbacks=callbacks,
            logger=_parts(config, "logger", Logger),
            plugins=[PlainCheckpointIO(), *cluster()],
            default_root_dir=config.directory,
            max_epochs=1,  # one endless epoch: the budget counts rounds
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=any(isinstance(callback, pl.callbacks.Checkpoint) for callback in callbacks),
            use_distributed_sampler=False,
            sync_batchnorm=False,  # the networks were built with it
        )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise UserError(f"trainer: {error}") from error
    if trainer.world_size > 1:
        _check_replicas(trainer)
    if config.trainer.get("precision") == "16-mixed":
        if trainer.precision != "16-mixed":
            raise UserError("trainer.precision=16-mixed: needs a GPU; a CPU has bf16-mixed")
        cast(MixedPrecision, trainer.precision_plugin).scaler = None  # each player has its own
    if config.gan.get("compile") == "reduce-overhead" and not isinstance(trainer.accelerator, CUDAAccelerator):
        raise UserError(
            "gan.compile=reduce-overhead: makes CUDA graphs, and no CUDA device is here; take gan.compile=true"
        )
    return trainer


def _check_replicas(trainer: pl.Trainer) -> None:
    strategy = trainer.strategy
    if not isinstance(strategy, Replicas):
        raise UserError(f"trainer.devices: for {trainer.world_size} processes take trainer=ddp, or ddp_cpu")
    environment = strategy.cluster_environment
    launched = environment is not None and environment.creates_processes_externally
    if not launched and HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN:
        raise UserError("trainer.devices: a sweep's jobs have one process each, unless srun or torchrun starts more")


def _recipe(config: DictConfig, gan: GAN, data: GameData) -> dict[str, Any]:
    """What rebuilds the generator and asks it for samples: plain data, resolved."""
    parts: dict[str, Any] = {
        "generator": network_of(config, "generator"),
        "latent": plain(config.latent),
    }
    if not isinstance(made("sampling", config.sampling, Sampling), Plain):
        parts["sampling"] = plain(config.sampling)
    if not gan.conditional:
        return parts
    if data.condition_shape is not None:  # a picture is brought to the data's shape, and to what is given of that
        return parts | {
            "degradation": plain(config.degradation) if config.get("degradation") else None,
            "shape": list(data.shape),
        }
    return parts | {"num_classes": config.data.get("num_classes"), "classes": data.class_names}


def _reached(directory: Path, rounds: int, at: int | None) -> tuple[Path | None, int | None]:
    """The checkpoint to go on from, and the rounds played where the run has ended and written all its files.

    Raises:
        OtherRun: it has played more than `rounds`, or its checkpoints are another run's.
        UserError: they are damaged.
    """
    found = None if at == 0 else newest(directory / "checkpoints", at)
    if found is None:
        return None, None  # stopped before its first checkpoint: from the start
    path, checkpoint = found
    check_own(path, checkpoint, directory)
    played = checkpoint["game"]["round"]
    if played > rounds:
        raise OtherRun(
            f"rounds={rounds}: the run in {directory} has played {played} already; give more, or leave it out"
        )
    summary = directory / "summary.json"
    ended = read_json(summary) if summary.exists() else {}
    # Not by config.yaml: process 0 may have written this resume's there before another one looks.
    over = ended.get("finished") and ended.get("rounds") == played and rounds in (played, ended.get("budget"))
    return path, played if over else None


def _parts(config: DictConfig, group: str, kind: type) -> list[Any]:
    """The instances of a group's parts, in its order; a part set to null is left out."""
    chosen = {name: part for name, part in (config.get(group) or {}).items() if OmegaConf.is_config(part)}
    return [made(f"{group}.{name}", part, kind) for name, part in chosen.items()]


def _quieten() -> None:
    """Lightning's advice is for supervised learning with its own loops and counters."""
    # It makes torch ask the GPU's driver library whether there is a GPU, which Adam wants to know at every step.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
