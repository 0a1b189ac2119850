"""Finished runs to score."""

import shutil
from pathlib import Path

import pytest
from helpers.configuration import CONF
from helpers.scores import TINY
from hydra import compose, initialize_config_dir

from gan_lab.experiment.run import play


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two configurations of digits with two seeds each, a conditional one and a ring."""
    directory = tmp_path_factory.mktemp("runs")
    jobs = {
        f"sweep/{loss}={seed}": [f"loss={loss}", f"seed={seed}"] for loss in ("hinge", "wasserstein") for seed in (0, 1)
    }
    jobs |= {"concat": ["conditioning=concat"], "ring": ["data=ring"]}
    for name, overrides in jobs.items():
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("config", [*TINY, *overrides])
        config.directory = str(directory / name)
        assert play(config, overrides) == 0
    return directory


@pytest.fixture
def mine(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to be scored: a copy, with a cache of its own."""
    shutil.copytree(runs, tmp_path / "runs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "runs"
