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
from gan_lab.config.stored import parts_of
from gan_lab.config.stranger import vetted
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


def test_a_list_of_labels_is_found_again_from_elsewhere(
    composed: Callable[..., DictConfig], tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "inside.csv").touch()
    cases = {
        "beside.csv": f"{tmp_path}/beside.csv",
        "~/own.jsonl": f"{home}/own.jsonl",
        "inside.csv": "inside.csv",  # moves with the pictures
        "none": "none",
    }
    for given, expected in cases.items():
        monkeypatch.chdir(tmp_path)
        overrides = tidied(["data=images", "data.root=pics", f"data.labels={given}"])
        config = composed(*overrides)
        settle(config)
        remember(config, tmp_path, overrides)
        monkeypatch.chdir("/")
        resumed = OverridesParser.create().parse_overrides(expand([f"resume={tmp_path}"]))
        values = {o.key_or_group: o.value() for o in resumed}
        assert values["data.labels"] == config.data.labels == expected


def test_a_run_on_a_folder_as_it_was_read_before_does_not_go_on(tmp_path: Path) -> None:
    remember(OmegaConf.create({"data": {"root": "/pics"}}), tmp_path, ["data=image_folder"])
    with pytest.raises(UserError, match=r"has learnt from data=image_folder, .* begin a new run") as caught:
        expand([f"resume={tmp_path}"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.labels=/private/list.csv", "say where its labels lie: data.labels=FILE"),
        ("data.module.labels=/private/list.csv", "where data lie is not taken"),
        ("data.module.root=/private", "where data lie is not taken"),
        ("data.module.cache=/private", "where data lie is not taken"),
    ],
)
def test_a_strangers_run_does_not_say_where_labels_lie(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        vetted(["data=images", "data.root=/theirs", override], ["data.root=mine"], [], tmp_path / OVERRIDES)


def test_of_a_strangers_run_labels_are_taken_from_the_user(tmp_path: Path) -> None:
    where, given = tmp_path / OVERRIDES, ["data.root=mine", "data.labels=mine.csv"]
    assert vetted(["data=images", "data.labels=/private/list.csv"], given, [], where) == ["data=images"]
    assert vetted(["data=images", "data.cache=/private"], given, [], where) == ["data=images"]
    assert vetted(["data=images", "data.labels=none"], [], [], where) == ["data=images", "data.labels=none"]


@pytest.mark.parametrize("labels", ["in.csv", "../out.csv", "{tmp}/out.csv", "no.csv"])
def test_a_strangers_configuration_names_labels_in_the_users_folder_only(tmp_path: Path, labels: str) -> None:
    labels, root = labels.format(tmp=tmp_path), tmp_path / "pics"
    root.mkdir()
    (root / "in.csv").touch()
    (tmp_path / "out.csv").touch()
    module = {"_target_": "gan_lab.data.images.Images", "root": "/theirs", "labels": labels, "cache": "/theirs"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data": {"module": module}}))
    if labels == "in.csv":
        found = parts_of(tmp_path / "config.yaml", str(root), "")["data"]
        assert found["labels"] == labels and "cache" not in found
    else:
        with pytest.raises(UserError, match="its labels are not in|only words are taken"):
            parts_of(tmp_path / "config.yaml", str(root), "")


def test_a_pattern_of_shards_and_a_name_on_the_hub_come_through_as_they_are(tmp_path: Path) -> None:
    """Hydra reads no braces in a bare value, and a name is no path."""
    for given in ("shards/a-{000..009}.tar", "'shards/a-{000..009}.tar'"):
        (override,) = OverridesParser.create().parse_overrides(tidied([f"data.root={given}"]))
        assert override.value() == "shards/a-{000..009}.tar"
    config = OmegaConf.create({"data": {"root": "hf://owner/name:test"}})
    settle(config)
    remember(config, tmp_path, ["data=images", "data.root=hf://owner/name:test"])
    (_, override) = OverridesParser.create().parse_overrides(yaml.safe_load((tmp_path / OVERRIDES).read_text()))
    assert config.data.root == override.value() == "hf://owner/name:test"
