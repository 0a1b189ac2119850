"""What the tests share: composing a configuration as the command line does, and playing it in this process."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import composing
from helpers.configuration import NARROW, SMALL
from helpers.disk import skip_fsync
from omegaconf import DictConfig

# torch's compiler keeps threads beside the tests' own, and a process that others are forked from must have none.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

composing.keep_what_is_read()
skip_fsync()


@pytest.fixture(scope="session", autouse=True)
def configuration_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The key of one's own runs is one that only the tests have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        yield


@pytest.fixture
def composed(tmp_path: Path) -> Callable[..., DictConfig]:
    def make(*overrides: str, small: bool = True) -> DictConfig:
        model = next((o.split("=")[1] for o in overrides if o.startswith("model=")), "dcgan_dense")
        sizes = [*SMALL, *NARROW.get(model, [])] if small else []
        if small and not any(o.startswith("callbacks.audit.") for o in overrides):
            sizes += ["callbacks.audit=null"]  # a second or two each time
        return composing.composed(f"directory={tmp_path}", *sizes, *overrides)

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
    from helpers.made_up_sets import maker

    return maker(tmp_path)


@pytest.fixture
def fake_mnist(tmp_path: Path) -> Path:
    """Twelve pictures of noise in MNIST's own file format."""
    import numpy as np
    from helpers.made_up_sets import write_idx

    raw = tmp_path / "files" / "MNIST" / "raw"
    pictures, labels = np.random.default_rng(0).integers(0, 256, (12, 28, 28)), np.arange(12) % 10
    for part in ("train", "t10k"):
        write_idx(raw / f"{part}-images-idx3-ubyte", pictures)
        write_idx(raw / f"{part}-labels-idx1-ubyte", labels)
    return tmp_path / "files"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of `datasets`, too, which reads where it is when it is imported."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    if "datasets" in sys.modules:
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
