"""Arguments as shells, users and agents write them: empty values, `~`, hyphens; and paths that do not move."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.arguments import place, quoted, tidied
from gan_lab.config.places import settle
from gan_lab.config.resume import OVERRIDES, expand, remember
from gan_lab.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "it's home"))
    return tmp_path / "it's home"


@pytest.mark.parametrize(
    "argument",
    [
        "",
        " ",
        "resume=",
        "hydra.run.dir=",
        "data.root=''",
        'data.root=""',
        "out= ",
        "--config-dir=",
        "+a.b=",
        "a@b=",
        "loss=",
    ],
)
def test_what_is_empty_is_refused(argument: str) -> None:
    with pytest.raises(UserError, match=r"is empty; was a shell variable not set\? give a value, or leave it out"):
        tidied(["seed=1", argument])


@pytest.mark.parametrize("written", ["~/pics", "'~/pics'", '"~/pics"'])
@pytest.mark.parametrize("key", ["data.root", "hydra.run.dir", "+x.y", "--data.root"])
def test_a_home_is_found_however_it_is_quoted(home: Path, key: str, written: str) -> None:
    (argument,) = tidied([f"{key}={written}"])
    override = OverridesParser.create().parse_override(argument)
    assert override.value() == f"{home}/pics"
    assert override.key_or_group == key.lstrip("+-")


def test_a_sweep_over_homes_and_flags_of_hydra(home: Path) -> None:
    assert tidied(["data.root=~/a,b,~"]) == [f"data.root={quoted(f'{home}/a')},b,{quoted(str(home))}"]
    assert tidied(["--config-dir=~/conf", "-m", "--cfg=job"]) == [f"--config-dir={home}/conf", "-m", "--cfg=job"]
    assert place("~/run") == home / "run"


@pytest.mark.parametrize(
    "argument", ["~loss", "~x=3", "a=b~c", "a=[1,2]", "optimizer.lr=tag(log,interval(1e-5,1e-2))", "-m", "a='x y'"]
)
def test_the_rest_is_left_alone(argument: str) -> None:
    assert tidied([argument]) == [argument]


def test_an_agent_s_hyphens_are_taken_off() -> None:
    assert tidied(["--optimizer.lr=0.1", "--loss=hinge", "--multirun"]) == [
        "optimizer.lr=0.1",
        "loss=hinge",
        "--multirun",
    ]


def test_a_home_in_a_page_and_a_relative_root_are_settled(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = OmegaConf.create({"data": {"root": "pics", "module": {"root": "${..root}"}}, "a": ["~/x", "b~"], "c": "~"})
    settle(config)
    assert OmegaConf.to_container(config, resolve=True) == {
        "data": {"root": f"{tmp_path}/pics", "module": {"root": f"{tmp_path}/pics"}},
        "a": [f"{home}/x", "b~"],
        "c": str(home),
    }


def test_a_run_finds_its_data_again_from_elsewhere(
    composed: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it's").mkdir()
    monkeypatch.chdir(tmp_path / "it's")
    config = composed("data=mnist", "data.root=pics")
    settle(config)
    remember(config, tmp_path, ["data=mnist", "data.root=pics", "rounds=3"])
    monkeypatch.chdir("/")
    overrides = expand([f"resume={tmp_path}", "rounds=4"])
    values = {o.key_or_group: o.value() for o in OverridesParser.create().parse_overrides(overrides)}
    assert (
        values["data.root"]
        == f"{tmp_path}/it's/pics"
        == yaml.safe_load((tmp_path / "config.yaml").read_text())["data"]["root"]
    )
    assert values["rounds"] == 4
    assert len(yaml.safe_load((tmp_path / OVERRIDES).read_text())) == 3
