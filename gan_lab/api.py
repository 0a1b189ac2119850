"""The Python interface: compose an experiment, train it, load a run, sample, evaluate, compare.

`import gan_lab` imports none of this: `gan_lab.compose` and its like are looked up here at their first use.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from gan_lab.cli.compare import compare as compare_runs
from gan_lab.cli.compare import find_runs, read_run
from gan_lab.cli.evaluate import configure
from gan_lab.cli.evaluate import evaluate as evaluate_run
from gan_lab.cli.sample import chosen_sampling, drawn, fitting, parse, rebuilt
from gan_lab.cli.train import prepare_run
from gan_lab.config.compose import compose_experiment
from gan_lab.config.explain import plain_errors
from gan_lab.config.started import started_from_python
from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.evaluation.comparison import Comparison
from gan_lab.experiment.build import build as build_parts
from gan_lab.experiment.run import play
from gan_lab.experiment.trained import sampling_of, trained_of
from gan_lab.game.gan import GAN
from gan_lab.io.inside import check_inside
from gan_lab.io.reading import read_json, read_yaml
from gan_lab.io.weights import find_weights, read_weights
from gan_lab.plots.images import picture_of
from gan_lab.runtime.lock import exclusive
from gan_lab.runtime.slurm import listening

if TYPE_CHECKING:
    from PIL.Image import Image

    from gan_lab.sampling import Sampler, Sampling, Trained
    from gan_lab.types import Latent

Place = str | Path


@dataclass(frozen=True)
class Experiment:
    """A composed and checked configuration, which is read-only, and what it was composed from."""

    config: DictConfig
    overrides: tuple[str, ...] = ()
    config_dir: Path | None = None

    @property
    def directory(self) -> Path:
        """Where a run of it is kept."""
        return Path(self.config.directory)

    def __str__(self) -> str:
        return OmegaConf.to_yaml(self.config)


def compose(*overrides: str, directory: Place | None = None, config_dir: Place | None = None) -> Experiment:
    """The experiment that `gan-lab train` would run with these overrides: `compose("loss=hinge", "rounds=100")`.

    Args:
        overrides: as on the command line.
        directory: of the run; outputs/DATE/TIME by default.
        config_dir: a folder of options of one's own, beside the lab's.

    Raises:
        UserError: there is no such option, or a value is not allowed.
    """
    place = Path(directory or f"outputs/{datetime.now():%Y-%m-%d/%H-%M-%S-%f}").expanduser().absolute()
    options = None if config_dir is None else Path(config_dir).expanduser().absolute()
    config = compose_experiment(overrides, place, *([] if options is None else [options]))
    OmegaConf.set_readonly(config, True)
    return Experiment(config, overrides, options)


def build(experiment: Experiment) -> tuple[GAN, GameData]:
    """The game and its data, which nothing has trained yet, as a LightningModule and a LightningDataModule.

    Raises:
        UserError: a part refuses its settings.
    """
    with plain_errors(experiment.overrides):
        return build_parts(_changeable(experiment))


def train(experiment: Experiment, callbacks: Sequence[pl.Callback] = ()) -> "TrainedRun":
    """Run the experiment to the end of its rounds, or to an interruption, and load what it has left.

    An interruption (Ctrl-C, or a notebook's stop button) ends after a round; `gan-lab train resume=DIRECTORY` goes on.

    Raises:
        UserError: the directory holds another run, a part refuses its settings, or the game diverges.
    """
    with plain_errors(experiment.overrides):
        _train(experiment, callbacks)
    return load(experiment.directory)


def _train(experiment: Experiment, callbacks: Sequence[pl.Callback]) -> None:
    config = _changeable(experiment)
    flags = [] if experiment.config_dir is None else [f"--config-dir={experiment.config_dir}"]
    with ExitStack() as held:
        held.enter_context(exclusive(experiment.directory, 0.0))
        held.enter_context(listening())
        held.enter_context(started_from_python(flags))
        prepare_run(config, again=False)
        play(config, experiment.overrides, callbacks)


def _changeable(experiment: Experiment) -> DictConfig:
    config = deepcopy(experiment.config)
    OmegaConf.set_readonly(config, False)
    return config


def load(
    place: Place,
    checkpoint: str | int | None = None,
    weights: str = "average",
    trust: Sequence[str] = (),
    sampling: "str | Sampling | None" = None,
    root: Place | None = None,
) -> "TrainedRun":
    """The run in a directory, or a generator file.

    Args:
        place: the directory, or the file.
        checkpoint: best, last, a round or a file; None: the generator that the run left when it ended.
        weights: "average" (which falls back to raw where the run kept none), "raw", or a further average by its name.
        trust: packages whose code the files of a run that is not one's own may call.
        sampling: how samples are drawn: the name of an option, or an object such as `gan_lab.sampling.Rejection(90)`;
            None: by the run's own `sampling`, plainly by default.
        root: where the run's data lie now, for a sampling that reads them; None: where the run found them.

    Raises:
        UserError: there are no weights, or they are a stranger's who asks for code that is not trusted; the sampling
            needs what is not there.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        check_inside(path)
    found = read_weights(find_weights(path, None if checkpoint is None else str(checkpoint)))
    trusted = ",".join(trust)
    generator, latent = rebuilt(found.generator(), weights, trusted)
    if isinstance(sampling, str):
        sampling = sampling_of(found.recipe, chosen_sampling([f"sampling={sampling}"]))
    chosen = sampling_of(found.recipe) if sampling is None else sampling
    trained = trained_of(found, generator, latent, chosen, trusted, None if root is None else str(root))
    return TrainedRun(path, generator, latent, found.recipe, chosen, trained)


@dataclass(frozen=True)
class TrainedRun:
    """A run's generator, ready to sample from, and what its directory says.

    Attributes:
        directory: of the run, or the generator's file.
        generator: in evaluation mode, on the CPU: `generator(z)`, or `generator(z, y)` where it is conditional.
        latent: the distribution of the noise: `latent.sample(n)`.
        sampling: how samples are drawn of the players `trained`.
    """

    directory: Path
    generator: nn.Module
    latent: "Latent"
    recipe: dict[str, Any]
    sampling: "Sampling"
    trained: "Trained"

    @cached_property
    def sampler(self) -> "Sampler":
        """What draws the samples."""
        return self.sampling.sampler(self.trained)

    def samples(self, n: int = 64, seed: int = 0, **options: Any) -> Tensor:
        """n samples, images (n, C, H, W) in [-1, 1] or points (n, d): those of `gan-lab sample` with these options.

        Sample i depends on the seed and i alone. Options: `label`, `given`, `truncation`, `batch_size`.
        """
        return self._drawn(n=n, seed=seed, **options)[0]

    def interpolate(self, rows: int = 8, points: int = 10, seed: int = 0, **options: Any) -> Tensor:
        """Samples (rows, points, ...) along straight lines between two points of noise."""
        samples, _, _ = self._drawn(n=rows, interpolate=points, seed=seed, **options)
        return samples.unflatten(0, (rows, points))

    def sample(self, z: Tensor, y: Tensor | None = None, seed: int = 0) -> Tensor:
        """Samples of one's own noise z (n, latent.dim), and condition y where the generator takes one.

        A sampling that rejects noise, or moves it, begins with this one.

        `seed` is for what a generator draws itself, if it does (dropout, noise for each pixel).
        """
        return self.sampler(z, y, seed)

    def picture(self, n: int = 64, seed: int = 0, **options: Any) -> "Image":
        """n samples as one picture, which a notebook shows: a grid of images, or points of the plane."""
        from PIL import Image

        samples, _, columns = self._drawn(n=n, seed=seed, for_picture=True, **options)
        return Image.fromarray(picture_of(samples, columns).permute(1, 2, 0).numpy())

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: last values, extremes, the verdict, versions."""
        return read_json(self.directory / "summary.json")

    @cached_property
    def config(self) -> DictConfig:
        """`config.yaml`: the configuration, resolved."""
        return OmegaConf.create(read_yaml(self.directory / "config.yaml"))

    def _drawn(self, for_picture: bool = False, **options: Any) -> tuple[Tensor, Tensor | None, int | None]:
        given = parse([f"{name}={value}" for name, value in options.items() if value is not None])
        if given.sampling is not None or given.root is not None:
            raise UserError("sampling, root: are chosen where a run is loaded: gan_lab.load(RUN_DIR, sampling=...)")
        fit = fitting(self.sampling, given)
        with torch.no_grad():
            sampler = self.sampler if fit is self.sampling else fit.sampler(self.trained)
            return drawn(sampler, self.latent, self.recipe, given, for_picture)


def evaluate(place: Place, *overrides: str) -> dict[str, dict[str, Any]]:
    """Metrics of a run's samples, as `gan-lab evaluate` computes them, which are added to its summary.

    `evaluate(run, "metric=[frechet]", "features=pixels", "n=1000")` gives, for each procedure's key, the figures by
    name (`frechet`), their standard errors (`frechet/error`) and how they were obtained (`procedure/n`, ...).

    Raises:
        UserError: there is no such option, or a metric cannot be had of this run.
    """
    with plain_errors(overrides):
        return dict(evaluate_run(Path(place).expanduser(), configure(list(overrides))))


def compare(*places: Place) -> Comparison:
    """The table of `gan-lab compare`, of evaluated runs or folders of them; `gan_lab.evaluation.comparison` prints it.

    Raises:
        UserError: there is no run, or a file of one is damaged.
    """
    return compare_runs([read_run(directory) for directory in find_runs([Path(p).expanduser() for p in places])])
