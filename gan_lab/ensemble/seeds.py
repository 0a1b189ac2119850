"""Seeds of an ensemble: which experiments can be played so, and the run of each seed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.signature import declares
from gan_lab.config.tree import parts
from gan_lab.config.words import dotted
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.sweeps.plan import PLAN, run_name

# Parts say of themselves that batches of several seeds may go through them one after the other: a loss or term that is
# a mean over samples, a network of linear maps that treats each sample by itself, an update that moves all seeds alike.
DECLARATION = "seeds_together"
LAYERS = tuple(f"torch.nn.{name}" for name in (
    "ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SELU", "Sigmoid", "SiLU", "Softplus", "Tanh",
))  # fmt: skip
INITIAL = "torch.nn.init."
OPTIMIZERS = tuple(f"torch.optim.{name}" for name in (  # which move each number by itself
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
))  # fmt: skip


def check_seeds(config: DictConfig, multirun: bool) -> None:
    """Raise a UserError where several seeds cannot be played together."""
    if multirun:
        raise UserError("seeds: does not go with --multirun; sweep over seed=0,1,2 instead")
    if config.get("resume"):
        raise UserError("seeds: resume goes on with one run; to go on with all, give the same command again")
    for where, why in _obstacles(cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))):
        raise UserError(f"seeds: {where}: {why}; sweep over seed=0,1,2 with --multirun instead")


def _obstacles(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("d_wrappers", "g_wrappers", "conditioning", "degradation"):
        if any((config.get(key) or {}).values()):
            yield key, "there is none for several seeds at once"
    for key in ("model", "loss", "d_terms", "g_terms", "update", "optimizer"):
        for path, part in parts(config.get(key), (key,)):
            target = part["_target_"]
            known = target in (*LAYERS, *OPTIMIZERS) or target.startswith(INITIAL)
            if not known and not declares(target, DECLARATION):
                yield dotted(path), f"{target} is not for several seeds at once (it does not say {DECLARATION} = True)"
    for key in ("joint_batch", "channels_last", "compile"):
        if config["gan"].get(key):
            yield f"gan.{key}", "must be false"
    if config["gan"].get("accumulate", 1) != 1:
        yield "gan.accumulate", "must be 1"
    if config["trainer"].get("precision", "32-true") != "32-true":
        yield "trainer.precision", "must be 32-true"
    if config["trainer"].get("devices", 1) not in (1, "1", "auto") or config["trainer"].get("num_nodes", 1) != 1:
        yield "trainer.devices", "must be 1"
    for name, part in (config.get("logger") or {}).items():
        if part and part["_target_"].endswith("WandB"):
            yield f"logger.{name}", "one process has one run at W&B"


def runs_of(config: DictConfig, overrides: Sequence[str]) -> list[tuple[DictConfig, list[str]]]:
    """Of each of `seeds` seeds, from `seed` on, the configuration and its overrides.

    Their directories are within `directory`, named as those of a sweep over `seed`, and noted in `sweep.yaml`.
    """
    common = [override for override in overrides if not override.startswith(("seed=", "seeds="))]
    runs = []
    for seed in range(config.seed, config.seed + config.seeds):
        own = [*common, f"seed={seed}"]
        directory = str(Path(config.directory) / run_name(own))
        merged = OmegaConf.merge(config, {"seed": seed, "seeds": None, "directory": directory})
        runs.append((cast(DictConfig, merged), own))
    plan = yaml.safe_dump({"rounds": config.rounds, "jobs": [Path(run.directory).name for run, _ in runs]})
    write_atomically(Path(config.directory) / PLAN, lambda path: path.write_text(plan))
    return runs
