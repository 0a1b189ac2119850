"""Summary of a run, `summary.json`: flat, for people and for sweeps."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig, OmegaConf

from gan_lab.callbacks.game_callback import callbacks_of
from gan_lab.config.started import command
from gan_lab.equilibrium.verdict import MORE_ROUNDS
from gan_lab.evaluation.copying import in_words, most
from gan_lab.experiment.provenance import commit_of
from gan_lab.game.gan import GAN
from gan_lab.io.files import write_atomically
from gan_lab.io.strict_json import in_json
from gan_lab.types import Concluding
from gan_lab.version import __version__

ADVICE = "equilibrium/advice"
SUMMARY_LOCK = ".summary.lock"  # of those who change the file
PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "numpy")
NOT_EXTREMES = ("images", "seconds", "rounds_per_second")  # their lowest and highest say nothing


def summarise(gan: GAN, trainer: pl.Trainer, config: DictConfig, finished: bool) -> dict[str, Any]:
    """Last values by name, extremes as `min/...` and `max/...`, the monitored metric's best, counts and versions.

    `as_of/NAME` is the round of a last value that is not of the last round. In the file, values that are not finite are
    null.
    """
    history = gan.history
    summary: dict[str, Any] = {
        **history.last,
        **{f"min/{name}": value for name, value in history.lowest.items() if name not in NOT_EXTREMES},
        **{f"max/{name}": value for name, value in history.highest.items() if name not in NOT_EXTREMES},
    }
    summary.pop("rounds_per_second", None)
    for callback in callbacks_of(trainer):
        if isinstance(callback, Concluding):
            summary |= callback.conclusion()
    if ADVICE in summary:
        early = finished and gan.round < config.rounds
        summary[ADVICE] = summary[ADVICE].replace(MORE_ROUNDS, extension(config, early))
    return summary | {
        **{f"as_of/{name}": at for name, at in history.since.items() if at != gan.round and name in summary},
        "finished": finished,
        "rounds": gan.round,
        "budget": config.rounds,
        "images": gan.images,
        "seconds": gan.seconds,
        "images_per_second": gan.images / gan.seconds,
        "seed": config.seed,
        "git_commit": commit_of("gan_lab"),
        "version/python": platform.python_version(),
        "version/gan_lab": __version__,
        **{f"version/{package}": version(package) for package in PACKAGES},
    }


def extension(config: DictConfig, early: bool = False) -> str:
    """The command that plays the run on, for twice the rounds; with twice the patience where it has ended `early`."""
    patience = OmegaConf.select(config, "callbacks.early_stopping.patience") if early else None
    more = [] if patience is None else [f"callbacks.early_stopping.patience={2 * patience}"]
    return command(f"resume={config.directory}", f"rounds={2 * config.rounds}", *more)


def kept_scores(before: dict[str, Any], digest: str) -> dict[str, Any]:
    """Scores in an earlier summary that are of the generator with this digest."""
    keys = [name.split("/")[1] for name, value in before.items() if name.endswith("/generator") and value == digest]
    return {name: value for name, value in before.items() if name.startswith(tuple(f"score/{key}/" for key in keys))}


def write_summary(summary: dict[str, Any], directory: Path) -> None:
    write_atomically(directory / "summary.json", lambda path: path.write_text(in_json(summary) + "\n"))


def table(summary: dict[str, Any], directory: Path) -> str:
    """A few lines to end a run with: the main figures, and where to look."""
    shown = ("d/loss", "g/loss", "d/accuracy_real", "d/accuracy_fake")
    figures = {"rounds": f"{summary['rounds']}", "images": f"{summary['images']}"}
    figures |= {"seconds": f"{summary['seconds']:.1f}"}
    for name in (name for name in shown if name in summary):
        at = summary.get(f"as_of/{name}", summary["rounds"])
        figures[name] = f"{summary[name]:.3f} (as of round {at})"
    figures |= _audit(summary)
    figures |= copies(summary)
    for name in ("verdict", "advice"):
        if f"equilibrium/{name}" in summary:
            figures[name] = summary[f"equilibrium/{name}"]
    pictures = sorted((directory / "samples").glob("*.png"))
    places = {"samples": pictures[-1] if pictures else None, "equilibrium": directory / "equilibrium.png"}
    places |= {
        "profile": directory / "fit-profile.txt",
        "logit_landscape": directory / "logit_landscape.gif",
        "metrics": directory / "metrics.csv",
    }
    places |= {"summary": directory / "summary.json", "generator": directory / "generator.safetensors"}
    rows = figures | {name: str(path) for name, path in places.items() if path is not None and path.exists()}
    width = max(map(len, rows))
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows.items())


def copies(summary: dict[str, Any]) -> dict[str, str]:
    """The copying tests' answer, by its name, where the run has figures of quality beside which it is to stand."""
    is_measured = any(name.startswith("evaluation/") for name in summary)
    return {"copies of training data": in_words(most(summary))} if is_measured else {}


def _audit(summary: dict[str, Any]) -> dict[str, str]:
    """What an independent discriminator sees, in a line."""
    if "audit/auc" not in summary:
        return {}
    accuracy, auc, bound = (
        f"{summary[name]:.3f} [{summary[f'{name}/low']:.3f}, {summary[f'{name}/high']:.3f}]"
        for name in ("audit/accuracy", "audit/auc", "audit/jsd_bound")
    )
    real = "samples of the training set" if summary["audit/seen"] else "ones that the game never saw"
    seen = f"accuracy {accuracy}, AUC {auc} (the game's D {summary['audit/game_auc']:.3f}), JSD >= {bound} nats"
    power = f", among which an AUC from {summary['audit/detectable_auc']:.3f} on would show"
    return {"audit": f"{seen}; {summary['audit/n']:.0f} real {real}{power}"}
