"""What the tests share: composing a configuration as the command line does, and playing it in this process."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.signature import declared

# torch's compiler keeps threads beside the tests' own, and a process that others are forked from must have none.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

CONF = Path(__file__).parents[1] / "conf"
SMALL = [  # networks and intervals that suit a test
    "callbacks.metrics.every=1",
    "callbacks.samples.every=1000",
    "callbacks.checkpoint.every=1000",
    "callbacks.progress=null",
    "data.batch_size=8",
    "latent.dim=4",
]
NARROW = {
    "dcgan": ["model.width=4"],
    "infogan": ["model.width=4", "model.dense=16"],
    "dcgan_dense": ["model.width=4", "model.dense=8"],
    "mlp": ["model.hidden=[16]"],
    "mlp_2014": ["model.generator.hidden=[16,16]", "model.discriminator.hidden=[8,8]"],
    "mlp_2016": ["model.generator.hidden=[16,16]", "model.discriminator.hidden=[8,8]"],
    "mlp_2018": ["model.generator.hidden=[16,16]", "model.discriminator.hidden=[8,8]"],
    "pix2pix": ["model.width=4", "degradation=half"],
    "r3gan": ["model.width=4", "model.group_width=4"],
    "srgan": ["model.width=4", "model.generator.blocks=1", "degradation=low_resolution"],
}
# Terms that need parts beside them, tested in files of their own.
PARTNERED = {"supervised", "consistency", "reconstruction"}


@pytest.fixture(scope="session", autouse=True)
def configuration_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The key of one's own runs is one that only the tests have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        yield


def options(group: str) -> list[str]:
    """Every option of a config group: a part that joins the folder joins the tests."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def pairwise(*groups: Sequence[str]) -> list[tuple[str, ...]]:
    """Choices of one option of each group, in which any two options of different groups meet.

    A fault that needs three options at once is rare, and all choices of three groups are many.
    """
    choices = {choice: {*combinations(enumerate(choice), 2)} for choice in product(*groups)}
    left = set().union(*choices.values())
    found = []
    while left:
        found.append(max(choices, key=lambda choice: len(choices[choice] & left)))
        left -= choices[found[-1]]
    return found


def schedules() -> list[list[str]]:
    """Every schedule, with an optimiser that it can move."""
    momentum = {"goodfellow2014"}
    return [[f"schedule={o}", *(["optimizer=sgd"] if o in momentum else [])] for o in options("schedule")]


def terms() -> list[str]:
    """Every term that plays with any model and data."""
    return [name for name in options("term") if name not in PARTNERED]


def terms_of(player: str) -> list[str]:
    acting = [name for name in terms() if player in acts_on(name)]
    return [f"term@{player}_terms=[{name}]" for name in acting]


def acts_on(term: str) -> tuple[str, ...]:
    (part,) = OmegaConf.load(CONF / "term" / f"{term}.yaml").values()
    return declared(part["_target_"], "acts_on")


@pytest.fixture
def composed(tmp_path: Path) -> Callable[..., DictConfig]:
    def make(*overrides: str, small: bool = True) -> DictConfig:
        model = next((o.split("=")[1] for o in overrides if o.startswith("model=")), "dcgan_dense")
        sizes = [*SMALL, *NARROW.get(model, [])] if small else []
        if small and not any(o.startswith("callbacks.audit.") for o in overrides):
            sizes += ["callbacks.audit=null"]  # a second or two each time
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("config", [f"directory={tmp_path}", *sizes, *overrides])

    return make


@pytest.fixture
def played(composed: Callable[..., DictConfig]) -> Callable[..., Any]:
    """Compose, check, play; gives the exit code and the directory."""
    from gan_lab.config.check import check
    from gan_lab.experiment.run import play

    def run(*overrides: str, small: bool = True) -> Path:
        config = composed(*overrides, small=small)
        check(config)
        assert play(config) == 0
        return Path(config.directory)

    return run


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Any]:
    """Data sets of made-up pictures: `make(name, **knobs)`."""
    from made_up_sets import maker

    return maker(tmp_path)


@pytest.fixture
def fake_mnist(tmp_path: Path) -> Path:
    """Twelve pictures of noise in MNIST's own file format."""
    import numpy as np
    from made_up_sets import write_idx

    raw = tmp_path / "files" / "MNIST" / "raw"
    pictures, labels = np.random.default_rng(0).integers(0, 256, (12, 28, 28)), np.arange(12) % 10
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", pictures)
        write_idx(raw / f"{part}-labels-idx1-ubyte", labels)
    return tmp_path / "files"
