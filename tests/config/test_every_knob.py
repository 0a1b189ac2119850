"""Every number and every switch of every option of conf: turned to another value, it changes the run or is refused.

The pages of `experiment` and `debug` set the knobs of other groups, which are asked there. With `-s` each test prints
how many knobs it tried, how many acted and how many were refused.
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import yaml
from helpers.configuration import CONF, NARROW, SMALL, acts_on, options
from helpers.made_up_sets import write_idx
from helpers.samples import styled
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from torch import Tensor

from gan_lab.callbacks.stopping import MaxRounds
from gan_lab.config.check import check
from gan_lab.config.explain import explain
from gan_lab.config.idle import check_idle
from gan_lab.config.knobs import check_knobs
from gan_lab.config.trainer import check_trainer
from gan_lab.data.module import Stream
from gan_lab.experiment import build as building
from gan_lab.features.extractors import Pixels
from gan_lab.io.checkpoint import PlainCheckpointIO
from gan_lab.loggers.record import Record
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.types import Batch

pytestmark = pytest.mark.slow

Settings = dict[str, Any]

NOT_ASKED = {  # ends of names, and what else shows that these do what they say
    "gan.channels_last": "another layout of the same numbers: tests/game/test_knobs.py",
    "gan.compile": "another program for the same numbers: tests/game/test_knobs.py",
    "fused": "another program for the same step: tests/game/test_knobs.py",
    "trainer.devices": "other processes, the same run: tests/distributed/test_processes.py",
    "trainer.num_nodes": "other processes, the same run: tests/runtime/test_slurm.py",
    "trainer.sync_batchnorm": "of several processes: tests/distributed/test_processes.py",
    "data.workers": "other processes, the same batches: tests/data/test_images.py",
    "data.skip_corrupt": "of files that cannot be read: tests/data/test_images.py",
    "data.fit": "of pictures of other proportions: tests/data/test_pixels.py",
    "data.resample": "of pictures of other sizes: tests/data/test_pixels.py",
    "data.background": "of transparent pictures: tests/data/test_pixels.py",
    "data.range": "of more than 8 bits: tests/data/test_pixels.py",
    "data.balance": "of a set with classes: tests/data/test_balance.py",
    "data.memory": "the same pictures, decoded less often: tests/data/test_decoded.py",
    "data.cache": "the same: tests/data/test_decoded.py",
    "data.module.base.batch_size": "of a set that is never asked for batches",
    "callbacks.progress.seconds": "how often a terminal is refreshed",
    "wandb.upload_generator": "what W&B is sent: tests/loggers/test_wandb.py",
    "wandb.table_of_samples": "what W&B is sent: tests/loggers/test_wandb.py",
    "wandb.patience": "how long W&B's server has: tests/loggers/test_wandb.py",
}
IF_SET = {  # null in conf, and a number where they are set
    "subset": 9, "labels": 80, "num_classes": 2, "clip_norm": 1e-3, "n": 9, "real": 12, "keep_every": 2,
    "bandwidth": 0.1,
}  # fmt: skip
VALUES: dict[str, Any] = {  # where half of what there is, or one more, would not matter
    "ndb.significance": 0.9,
    "copying_by_cells.least": 99,
    "kernel_subsets.size": 50,
    "clip_score.prefix": "No photo depicts ",
    "birthday.twins": 40,
    "callbacks.adaptive_augment.interval": 1,
    "callbacks.adaptive_augment.most": 0.1,
    "callbacks.adaptive_augment.target": 1.0,
    "callbacks.checkpoint.every": 1,
    "callbacks.checkpoint.minutes": 1e-9,
    "callbacks.early_stopping.min_delta": 100.0,
    "callbacks.early_stopping.patience": 1,
    "callbacks.equilibrium.n": 16,
    "callbacks.logit_landscape.frames": 1,
    "callbacks.terminate_on_nan.every": 3,
    "callbacks.metrics.every": 2,
    "callbacks.samples.every": 2,
    "data.image_size": 14,
    "ema.decay": 0.05,
    "model.dense": 8,
    "model.discriminator.group": 2,
    "model.discriminator.max_width": 2,
    "model.generator.max_width": 2,
    "model.max_width": 2,
    "schedule.least": 0.05,
    "schedule.start": 0,
    "update.high": 0.999,
    "update.low": 0.0,
    "update.memory": 0.99,
    "update.most": 1,
}
ROUNDS = 3
FOLDERS = {"images": "folder", "paired_folder": "pairs"}
LIKE_MNIST = {"fashion_mnist", "kmnist", "cifar10"}  # pages with the same knobs, of sets that are not made up here


def page(group: str, option: str) -> DictConfig:
    found = OmegaConf.load(CONF / group / f"{option}.yaml")
    assert isinstance(found, DictConfig)
    same = [name for name in found.pop("defaults", None) or () if str(name) in options(group)]
    return OmegaConf.merge(*(page(group, name) for name in same), found)  # type: ignore[return-value]


PICTURES: Settings = {"data": "digits", "model": "dcgan"}
IN_COLOUR: Settings = {"data": "photographs", "model": "dcgan", "data.image_size": 16}
COMPLETED: Settings = {"data": "digits", "model": "pix2pix", "degradation": "half"}
FEW_LABELS: Settings = {"data": "digits", "model": "mlp_2016", "data.labels": 40, "d_terms": page("term", "supervised")}
WALK: Settings = {"optimizer": "sgd", "optimizer.lr": 0.5}
BETTER: Settings = {  # a figure that grows by eight a round
    "callbacks.metrics": page("callbacks", "metrics").metrics, "callbacks.metrics.every": 1,
    "callbacks.early_stopping.monitor": "images", "callbacks.early_stopping.mode": "max",
    "callbacks.early_stopping.patience": 2,
}  # fmt: skip
CONTEXTS: dict[str, list[Settings]] = {  # where the knobs of an option matter; without an entry, the base
    "wrapper=adaptive_augment": [IN_COLOUR | {"d_wrappers.adaptive_augment.p": 1.0}],
    **{
        f"wrapper={name}": [IN_COLOUR | {"d_wrappers.ada.p": 1.0}]
        for name in options("wrapper")
        if name.startswith("ada_")
    },
    "wrapper=diff_augment": [IN_COLOUR],
    "wrapper=fading_blur": [PICTURES | {"callbacks": page("callbacks", "fading_blur")}],
    "callbacks=adaptive_augment": [
        PICTURES | WALK | {"d_wrappers": page("wrapper", "adaptive_augment"), "d_wrappers.adaptive_augment.p": 0.5}
        | {"callbacks.adaptive_augment.target": 0.0, "callbacks.adaptive_augment.kimg": 0.1}
        | {"callbacks.adaptive_augment.interval": 2, "callbacks.adaptive_augment.every": 1},
    ],
    "callbacks=audit": [{"callbacks.audit.every": 2, "callbacks.audit.n": 20}],
    "callbacks=checkpoint": [{"callbacks.checkpoint.every": 1000}, {"callbacks.checkpoint.every": 2}],
    "callbacks=classification": [
        FEW_LABELS | {"data": "mnist", "data.labels": 10, "callbacks.classification.every": 2} | WALK,
    ],
    "callbacks=duality_gap": [
        {f"callbacks.duality_gap.{name}": n for name, n in {"every": 2, "steps": 2, "held_out": 2}.items()},
    ],
    "callbacks=early_stopping": [BETTER | {"callbacks.early_stopping.min_delta": n} for n in (0.0, 100.0)],
    "callbacks=equilibrium": [{"callbacks.equilibrium.every": 1}],
    "callbacks=evaluation": [
        {"data": "digits", "callbacks.evaluation.every": 2, "callbacks.evaluation.n": 10}
        | {"callbacks.evaluation.features": page("features", "pixels")}
        | {"callbacks.evaluation.metrics": page("metric", "sliced_wasserstein")},
    ],
    "callbacks=jacobian": [{f"callbacks.jacobian.{name}": n for name, n in {"every": 2, "n": 8, "steps": 3}.items()}],
    "callbacks=logit_landscape": [
        {f"callbacks.logit_landscape.{name}": n for name, n in {"every": 2, "n": 10, "cells": 6}.items()},
    ],
    "callbacks=terminate_on_nan": [{"optimizer": "sgd", "optimizer.lr": 1e30}],
    "callbacks=overfitting": [
        {"data": "digits", "data.subset": 16, "callbacks.overfitting.every": 2, "callbacks.overfitting.n": 8},
    ],
    "callbacks=parzen": [
        {"data": "digits", "data.subset": 16, "callbacks.parzen.every": 2, "callbacks.parzen.samples": 10}
        | {"callbacks.parzen.held_out": 8},
    ],
    "callbacks=samples": [{"data": "digits"}],
    "callbacks=true_divergence": [{"callbacks.true_divergence.every": 2, "callbacks.true_divergence.n": 50}],
    **{f"conditioning={name}": [PICTURES] for name in ("adc", "auxiliary", "contra", "reacgan", "tac")},
    "conditioning=batch_norm": [PICTURES],
    "data=cartpole": [{"data.transitions": 40}],
    "data=digits": [{}, FEW_LABELS],
    "data=photographs": [{"data.image_size": 16}],
    "degradation=half": [{"data": "digits", "model": "pix2pix"}],
    "degradation=low_resolution": [{"data": "digits", "model": "srgan"}],
    "ema=delayed": [{"ema.start": 2}],
    "ema=half_life": [{"ema.half_life": 100.0, "ema.rampup": 10.0}],
    "ema=r3gan": [{"ema.half_life.last": 100.0}],
    "latent=codes": [PICTURES],
    **{f"model={name}": [{"data": "digits"}] for name in options("model")},
    "model=dirac": [{"data": "dirac", "optimizer": "sgd"}],
    "model=pix2pix": [{"data": "digits", "degradation": "half"}],
    "model=srgan": [{"data": "digits", "degradation": "low_resolution"}],
    "schedule=goodfellow2014": [
        {"optimizer": "sgd", "schedule.start": 1, "schedule.saturate": 3, "schedule.decay": 3.0},
    ],
    "loss=top_k": [
        {"loss.inner": page("loss", "non_saturating"), "loss.period": 1, "loss.gamma": gamma} for gamma in (0.9, 0.1)
    ],
    "term=bcr": [{"data": "digits"}],
    "term=consistency": [COMPLETED],
    "term=consistency_regularisation": [{"data": "digits"}],
    "term=cutmix": [{"data": "digits", "model": "unet_d"}],
    "term=path_length": [{"data": "digits", "model": "stylegan2", "g_terms.path_length.every": 1}],
    "term=invariant_information": [{"data": "digits", "latent": "codes"}],
    "term=lecam": [{"d_terms.lecam.start": 0}],
    "term=reconstruction": [COMPLETED],
    "term=rotations": [{"data": "digits", "d_wrappers": page("wrapper", "rotation_head")}],
    "term=supervised": [FEW_LABELS],
    "update=balanced": [  # D's accuracy is about a half
        WALK | {"update.low": 0.0, "update.high": 0.01},
        WALK | {"update.low": 0.98, "update.high": 0.99},
        WALK | {"update.low": 0.4, "update.high": 0.5, "update.memory": 0.01},
    ],
    "update=lookahead": [{"update.inner": page("update", "alternating"), "update.every": 2}],
    "page=config": [PICTURES | {"optimizer": "sgd", "rounds": ROUNDS}],
}  # fmt: skip


class Knob(NamedTuple):
    """A number or a switch, in a configuration in which it matters, and another value for it."""

    option: str
    key: str
    value: Any
    config: DictConfig

    def turned(self) -> DictConfig:
        return changed(self.config, {self.key: self.value})


def changed(config: DictConfig, settings: Settings) -> DictConfig:
    other = deepcopy(config)
    for key, value in settings.items():
        plain = OmegaConf.to_container(value, resolve=False) if OmegaConf.is_config(value) else value
        OmegaConf.update(other, key, plain, force_add=True, merge=False)
    return other


def with_option(config: DictConfig, group: str, option: str) -> tuple[DictConfig, str]:
    """The configuration with this option, and the key below which its knobs are; not by Hydra, which takes a second."""
    found = page(group, option)
    if (CONF / group / f"{option}.yaml").read_text().startswith("# @package _global_"):
        return changed(config, {str(key): value for key, value in found.items()}), ""
    if "root" in found.keys():  # noqa: SIM118  # a value that must be given is not "in" it
        found.root = str(Path(config.directory) / "sets" / FOLDERS.get(option, ""))
    if "workers" in found:
        found.workers = 0  # a run of three rounds would wait for its reading processes only
    where = f"{acts_on(option)[0]}_terms" if group == "term" else {"wrapper": "d_wrappers"}.get(group, group)
    narrow = dict(setting.split("=", 1) for setting in SMALL + NARROW.get(option, []))
    sizes = {key: yaml.safe_load(value) for key, value in narrow.items() if key.startswith(f"{group}.")}
    return changed(config, {where: found, **(sizes if group in ("data", "latent", "model") else {})}), where


def in_context(base: DictConfig, group: str, option: str, settings: Settings) -> tuple[DictConfig, str]:
    config = base
    for key, value in settings.items():
        if (CONF / key / f"{value}.yaml").is_file():
            config, _ = with_option(config, key, value)
    config, where = (config, "") if group == "page" else with_option(config, group, option)
    return changed(config, {k: v for k, v in settings.items() if not (CONF / k / f"{v}.yaml").is_file()}), where


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Keys, as `OmegaConf.update` takes them, and values of all that is no interpolation."""
    if isinstance(node, dict):
        for name, child in node.items():
            if not str(name).startswith("_"):
                yield from leaves(child, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from leaves(child, f"{key}[{index}]")
    else:
        yield key, node


def another(key: str, value: Any) -> Any:
    """Another value; None for what is no number and no switch."""
    if key in VALUES and VALUES[key] != value:
        return VALUES[key]
    match value:
        case None:
            return IF_SET.get(key.rpartition(".")[2])
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value / 2 if value else 0.5
        case str():
            with suppress(ValueError):
                return another(key, float(value))  # 2e-4, which YAML takes for a word
    return None


def knobs_of(base: DictConfig, group: str, option: str) -> Iterator[Knob]:
    for settings in CONTEXTS.get(f"{group}={option}", [{}]):
        config, where = in_context(base, group, option, settings)
        own = page("", option) if group == "page" else page(group, option)
        if group == "page":
            own = OmegaConf.masked_copy(own, ["seed", "rounds", "gan"])
        raw = dict(leaves(OmegaConf.to_container(config, resolve=False)))
        for inner, _ in leaves(OmegaConf.to_container(own, resolve=False)):
            key = f"{where}.{inner}" if where else inner
            value = another(key, raw.get(key))
            if value is not None and not any(f".{key}".endswith(f".{end}") for end in NOT_ASKED):
                yield Knob(f"{group}={option}", key, value, config)


def refused(config: DictConfig) -> str | None:
    """The line by which a configuration is refused before anything is built."""
    try:
        for look in (check, check_trainer, check_knobs, check_idle):
            look(config)
    except Exception as error:
        return told(error)
    return None


def told(error: Exception) -> str:
    line = explain(error, [])
    if line is None:
        raise error
    return line


def digest(node: Any, into: Any = None) -> str:
    """Of nested plain data, tensors and arrays."""
    known = hashlib.sha256() if into is None else into
    if isinstance(node, dict):
        for name in node:
            known.update(str(name).encode())
            digest(node[name], known)
    elif isinstance(node, Tensor):
        known.update(node.detach().contiguous().numpy().tobytes())
    else:
        known.update(repr(node).encode())
    return str(known.hexdigest())


Play = Callable[[DictConfig], str]


def weights(config: DictConfig) -> str:
    """What a run of a few rounds makes of both players and the average: no record, trainer or callback but a clock."""
    gan, data = building.build(config)
    data.setup("fit")
    optimizers, gan._schedules = gan.configure_optimizers()
    gan._optimizers = dict(zip("dg", optimizers, strict=True))
    stream = Stream(data)
    clocks = [instantiate(part) for name, part in (config.get("callbacks") or {}).items() if name == "fading_blur"]
    for clock in clocks:
        clock.begin(None, gan)
    for _ in range(min(config.rounds, 8)):
        for clock in clocks:
            clock.before_round(None, gan)
        gan.training_step(stream, 0)
    return digest(gan.state_dict())


class Noted(Record):
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.known: list[Any] = []

    name = version = "noted"  # type: ignore[assignment]

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.known.append((step, {k: v for k, v in metrics.items() if k not in ("seconds", "rounds_per_second")}))

    def picture(self, name: str, picture: Tensor, at_round: int) -> None:
        self.known.append((name, at_round, digest(picture)))


def record(config: DictConfig) -> str:
    """What the callbacks of a run of four rounds tell and write, when it ends, and by what."""
    directory = Path(config.directory)
    for file in (*directory.rglob("*.ckpt"), *directory.rglob("*.png"), *directory.rglob("*.gif")):
        file.unlink()
    gan, data = building.build(config)
    logger, end = Noted(), ""
    callbacks = [MaxRounds(4), *(instantiate(part) for part in config.callbacks.values())]
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, logger=logger, callbacks=callbacks, plugins=[PlainCheckpointIO()],
        enable_checkpointing=any(isinstance(one, pl.callbacks.Checkpoint) for one in callbacks),
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    try:
        trainer.fit(gan, data)
    except Exception as error:
        end = told(error)
    pictures = {file.name: file.read_bytes() for file in (*directory.rglob("*.png"), *directory.rglob("*.gif"))}
    saved = sorted(file.name for file in directory.rglob("*.ckpt"))
    kept = {type(callback).__name__: callback.state_dict() for callback in callbacks}  # what a checkpoint holds of them
    return digest({"log": logger.known, "end": end, "round": gan.round, "files": pictures, "saved": saved} | kept)


class Tally:
    """Which knobs acted and which were refused; at the end none may be left."""

    def __init__(self) -> None:
        self.acting: set[str] = set()
        self.refused: dict[str, str] = {}
        self.silent: set[str] = set()
        self.without: dict[int, str] = {}

    def try_(self, knob: Knob, play: Play) -> None:
        """Play first: what is refused before a run is asked only of what changes nothing, or fails."""
        name, whole = f"{knob.option}: {knob.key}", "directory" in knob.config
        if id(knob.config) not in self.without:
            self.without[id(knob.config)] = play(deepcopy(knob.config))  # Hydra resolves lists in it
        try:
            acts = play(knob.turned()) != self.without[id(knob.config)]
        except Exception as error:
            self.refused[name] = (refused(knob.turned()) if whole else None) or told(error)
            return
        line = refused(knob.turned()) if whole and not acts else None
        if line is not None:
            self.refused[name] = line
        else:
            (self.acting if acts else self.silent).add(name)

    def check_none_silent(self) -> None:
        silent = self.silent - self.acting - self.refused.keys()  # of several contexts, one is enough
        tried, refused = self.acting | self.silent | self.refused.keys(), self.refused.keys() - self.acting
        print(f"{len(tried)} knobs tried: {len(self.acting)} act, {len(refused)} are refused, {len(silent)} are silent")
        assert not silent


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> DictConfig:
    directory = tmp_path_factory.mktemp("run")
    with initialize_config_dir(str(CONF), version_base="1.3"):
        small = [*SMALL, "model=mlp", "model.hidden=[8]", "data=ring", "logger=[]", "callbacks=[]", f"rounds={ROUNDS}"]
        config = compose("config", [f"directory={directory}", *(one for one in small if "callbacks." not in one)])
    write_pictures(directory / "sets")
    return config


def write_pictures(root: Path) -> None:
    """MNIST's files, classes of pictures and pairs of pictures, all of noise."""
    noise = np.random.default_rng(0)
    for part in ("train", "t10k"):
        write_idx(root / "MNIST" / "raw" / f"{part}-images-idx3-ubyte", noise.integers(0, 256, (20, 28, 28)))
        write_idx(root / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte", np.arange(20) % 10)
    for i in range(12):
        for folder in (f"folder/{i % 3}", "pairs/given", "pairs/target"):
            path = root / folder / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (70, 75, 3), np.uint8)).save(path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data are read once for each way in which they are asked for."""
    known: dict[str, Any] = {}
    read = building.build_data

    def remembered(config: DictConfig) -> Any:
        whole = {key: OmegaConf.to_container(config, resolve=True)[key] for key in ("data", "degradation", "seed")}  # type: ignore[index, call-overload]
        data = known.setdefault(digest(whole), None) or read(config)
        known[digest(whole)], data.drawn = data, 0
        return data

    monkeypatch.setattr(building, "build_data", remembered)
    warnings.filterwarnings("ignore")


GAME = (
    "wrapper",
    "conditioning",
    "data",
    "degradation",
    "ema",
    "latent",
    "loss",
    "model",
    "optimizer",
    "schedule",
    "term",
    "update",
)


@pytest.mark.parametrize("group", [*GAME, "page"])
def test_no_knob_of_the_game_is_silent(base: DictConfig, group: str) -> None:
    tally = Tally()
    for option in ["config"] if group == "page" else sorted({*options(group)} - LIKE_MNIST):
        for knob in knobs_of(base, group, option):
            tally.try_(knob, weights)
    tally.check_none_silent()


def test_no_knob_of_what_watches_is_silent(base: DictConfig) -> None:
    tally = Tally()
    for option in sorted({*options("callbacks")} - {"default"}):
        for knob in knobs_of(base, "callbacks", option):
            tally.try_(knob, record)
    tally.check_none_silent()


def test_pages_like_mnist_have_its_knobs(base: DictConfig) -> None:
    mnist = dict(leaves(OmegaConf.to_container(page("data", "mnist"))))
    for option in LIKE_MNIST:
        assert dict(leaves(OmegaConf.to_container(page("data", option)))).keys() == mnist.keys()


# --- figures of samples -------------------------------------------------------------------------------------------


class FewFeatures(Pixels):
    """Five features of images of any size, and classes that follow from them."""

    def __call__(self, x: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, (1, 5)).flatten(1)

    def probabilities(self, features: Tensor) -> Tensor:
        return (9 * features).softmax(1)

    def read(self, texts: Sequence[str]) -> Tensor:
        return -torch.tensor([[len(text), 5.0, 1.0, 1.0, 1.0] for text in texts])  # on the images' side


def samples(kind: type, seed: int, **more: Any) -> Any:
    """300 images of three classes."""
    noise = torch.Generator().manual_seed(seed)
    x = torch.rand(300, 1, 16, 16, generator=noise).cumsum(3).cumsum(2)
    x = (x / x.amax((2, 3), keepdim=True)).mul(2).sub(1).roll(seed, 0)
    y = torch.randint(3, (300,), generator=noise)
    return kind(lambda: iter([Batch(x, y)]), FewFeatures(), 300, **more)


def test_no_knob_of_a_metric_is_silent(tmp_path: Path) -> None:
    tally = Tally()
    others = samples(RealSamples, 2, cache_dir=tmp_path / "others")
    real = samples(RealSamples, 0, cache_dir=tmp_path / "real", held_out=others)
    fake = samples(Samples, 1, trained=styled(), texts=["a digit"] * 300)

    def scores(config: DictConfig) -> str:
        (part,) = config.values()
        return digest(instantiate(part)(real, fake))

    for option in options("metric"):
        config = page("metric", option)
        if option == "kernel_subsets":
            config.kernel_subsets.size = 100  # of 300 samples
        for key, value in leaves(OmegaConf.to_container(config)):
            if another(key, value) is not None:
                knob = Knob(f"metric={option}", key, another(key, value), config)
                tally.try_(knob, scores)
    tally.check_none_silent()
