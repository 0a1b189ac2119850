"""Origin of a run: its settings, its data and the weights that it began with."""

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl
from omegaconf import DictConfig

from gan_lab.config.environment import unspelt
from gan_lab.config.resume import flat, is_free
from gan_lab.data.identity import DataIdentity
from gan_lab.errors import OtherRun, UserError
from gan_lab.experiment.start_from import Start, start_from
from gan_lab.game.gan import GAN
from gan_lab.io.anew import anew
from gan_lab.io.run_file import RUN, note, read_facts


def record_origin(directory: Path, config: DictConfig, data: DataIdentity, start: Start | None) -> str:
    """Note what a new run comes from; the digest of that, which tells its checkpoints from those of any other run."""
    settings = {key: value for key, value in flat(unspelt(config)) if not is_free(key)}
    whole = json.dumps([settings, data.to_json(), start and start.digest], sort_keys=True)
    run = hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:32]
    note(directory, run=run, data=data.to_json(), start_from=start and start.facts())
    return run


def begin_from(config: DictConfig, gan: GAN) -> Start:
    """Give the game the weights of `config.start_from`; a run that was killed before its first checkpoint, the same.

    Raises:
        UserError: as `start_from` does; or what the run began with before is no longer there.
    """
    noted = read_facts(Path(config.directory)).get("start_from") if config.get("resume") else None
    start = start_from(gan, Path(noted["file"] if noted else config.start_from), config.start_strict)
    if noted and noted["digest"] != start.digest:
        raise UserError(f"start_from={start.file}: has other weights than those that the run began with")
    return start


def check_same_data(directory: Path, now: DataIdentity) -> None:
    """The data are those that the run in `directory` has learnt from so far.

    Raises:
        OtherRun: they are others; says how they differ, and how to go on.
    """
    difference = data_of_run(directory).difference(now)
    if difference is not None:
        raise OtherRun(
            f"{directory}: the run has learnt from other data: {difference}; put those back, or {anew(directory)}"
        )


def data_of_run(directory: Path) -> DataIdentity:
    """The identity of the data that the run has learnt from.

    Raises:
        UserError: the run's notes are missing or damaged.
    """
    try:
        return DataIdentity.from_json(read_facts(directory)["data"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{directory / RUN}: does not say what data the run learns from ({error})") from error


def name_of_run(directory: Path) -> str | None:
    """What its checkpoints bear."""
    run = read_facts(directory).get("run")
    return None if run is None else str(run)


def check_own(path: Path, checkpoint: dict[str, Any], directory: Path) -> None:
    """Raise OtherRun unless the checkpoint at `path` is one of the run in `directory`."""
    if checkpoint.get("run") != name_of_run(directory):
        raise OtherRun(f"{path}: is a checkpoint of another run; put back this one's, or {anew(directory)}")


class Bearing(pl.Callback):
    """Each checkpoint bears the name of its run, and the recipe that rebuilds its generator."""

    intervals: ClassVar[tuple[str, ...]] = ()

    def __init__(self, recipe: dict[str, Any]) -> None:
        self.run: str | None = None
        self.recipe = recipe
        self.begun = False  # a round has been played, by what a checkpoint held if there was one
        self._entered = False

    def on_train_batch_start(self, *_: Any) -> None:
        self.begun, self._entered = self._entered, True

    def on_save_checkpoint(self, trainer: pl.Trainer, gan: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["run"], checkpoint["recipe"] = self.run, {**self.recipe, "round": gan.round}
