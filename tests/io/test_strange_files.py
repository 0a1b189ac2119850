"""Files that someone else may have made: how they are read, written beside, and told from one's own."""

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.recipe import check_recipe
from gan_lab.config.resume import check_same, remember
from gan_lab.config.words import cell, one_line
from gan_lab.errors import UserError
from gan_lab.experiment.build import network_of, plain
from gan_lab.io import ownership
from gan_lab.io.files import write_atomically
from gan_lab.io.inside import check_inside
from gan_lab.io.ownership import is_own, key_file, sign, write_own
from gan_lab.io.reading import read_bytes, read_json, read_yaml, read_yaml_list
from gan_lab.io.run_file import note, read_facts
from gan_lab.runtime.lock import hold
from gan_lab.sweeps.plan import record_failure, run_name

# --- reading ------------------------------------------------------------------------------------------------------

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("read", "content", "says"),
    [
        (read_yaml, BOMB, "must not hold aliases"),
        (read_yaml, "a: {b: 1, c: [b, b]}\nb: b\nd: [{b: 1}, {b: 2}]\na: 3", ", line 4: has the key a a second time"),
        (read_yaml, "[" * 100_000, "not YAML|nested too deeply"),
        (read_yaml, "- " * 100_000, "nested too deeply"),
        (read_yaml, "".join("  " * n + "a:\n" for n in range(900)), "nested too deeply"),
        (read_yaml, "a: !!python/object/apply:os.system [id]", "must not hold tags"),
        (read_yaml, "a: !!binary aGk=", "must not hold tags"),
        (read_yaml, "a: 2001-01-01", "must hold plain data, not a date"),
        (read_yaml, "a: " + "1:" * 100_000 + "1", "holds a number of 200001 characters"),
        (read_yaml, "a: [1", "line 2: is not YAML"),
        (read_yaml, "- 1", "must be a mapping, not a list"),
        (read_yaml, "", "must be a mapping, not empty"),
        (read_yaml, b"a: \xff", "not UTF-8"),
        (read_yaml, 'a: "\x07"', "not YAML"),
        (read_yaml_list, "a: 1", "must be a list, not a mapping"),
        (read_json, "[" * 100_000, "nested too deeply"),
        (read_json, '{"a":' * 900 + "1" + "}" * 900, "nested too deeply"),
        (read_json, '{"a": ' + "9" * 10_000 + "}", "not JSON"),
        (read_json, "[]", "must be a mapping, not a list"),
        (read_json, '{"a":', "not JSON"),
        (read_json, b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_no_plain_data_is_refused_at_once(
    tmp_path: Path, read: Callable[[Path], object], content: str | bytes, says: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    start = time.process_time()
    with pytest.raises(UserError, match=f"{path}.*({says})"):
        read(path)
    assert time.process_time() - start < 10


def test_plain_data_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a: [1, 2.5, null, {b: text}]\n")
    assert read_yaml(path) == {"a": [1, 2.5, None, {"b": "text"}]}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "large", "nothing"])
def test_only_an_ordinary_file_of_bounded_size_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    match kind:
        case "link":
            (tmp_path / "secret").write_text("secret")
            path.symlink_to("secret")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "large":
            with path.open("wb") as file:
                file.truncate(2**40)
    with pytest.raises(UserError, match=r"is a link|not an ordinary file|is larger|cannot be read"):
        read_bytes(path)


# --- writing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".config.yaml.part", "config.yaml"])
def test_a_link_is_never_written_through(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").mkdir()
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "run" / name).symlink_to(victim)
    write_atomically(tmp_path / "run" / "config.yaml", lambda path: path.write_text("new"))
    assert victim.read_text() == "mine"
    assert (tmp_path / "run" / "config.yaml").read_text() == "new"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_a_lock_overwrites_nothing(tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "victim").write_text("mine")
    make(tmp_path / "victim", tmp_path / "run" / ".lock")
    with pytest.raises(UserError, match=r"\.lock: is"):
        hold(tmp_path / "run")
    assert (tmp_path / "victim").read_text() == "mine"


def test_a_directory_whose_links_lead_out_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "wandb" / "run-1").mkdir(parents=True)
    (run / "wandb" / "latest-run").symlink_to("run-1")
    (tmp_path / "link").symlink_to(run)
    check_inside(run)
    check_inside(tmp_path / "link")
    for make in (lambda path: path.symlink_to(tmp_path), lambda path: path.symlink_to("../.."), os.mkfifo):
        make(run / "samples")
        with pytest.raises(UserError, match="samples: is"):
            check_inside(run)
        (run / "samples").unlink()


# --- one's own ----------------------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration directory without a key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    ownership._warn.cache_clear()
    return tmp_path / "home"


def test_ones_own_files_are_known_by_a_key_that_only_the_user_has(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1")
    assert not is_own(path)
    write_own(path, "a: 1")
    assert is_own(path) and stat.S_IMODE(key_file().stat().st_mode) == 0o600
    assert key_file() == home / "gan_lab" / "key" and [*key_file().parent.iterdir()] == [key_file()]
    path.write_text("a: 2")
    assert not is_own(path)
    path.write_text("a: 1")
    path.rename(tmp_path / "overrides.yaml")
    assert not is_own(tmp_path / "overrides.yaml")  # which would be another use of it
    (tmp_path / "overrides.yaml").rename(path)
    key_file().unlink()
    assert not is_own(path)
    assert not key_file().exists()  # to read is no reason to make one


def test_a_run_stays_ones_own_whenever_it_is_killed(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write_own(path, "old")
    sign(path, b"new")  # and is killed before it writes
    assert is_own(path)
    write_own(path, "new")
    write_own(path, "newer")
    assert is_own(path) and len((tmp_path / ".signatures").read_text().splitlines()) == 2


@pytest.mark.parametrize("why", ["unwritable", "open to others", "damaged"])
def test_without_a_key_runs_go_on_and_are_nobodys(
    home: Path, tmp_path: Path, why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "unwritable":
        monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/none")
    else:
        write_own(tmp_path / "other", "")
        key_file().chmod(0o644 if why == "open to others" else 0o600)
        key_file().write_text("x" if why == "damaged" else key_file().read_text())
    for text in ("a: 1", "a: 2"):
        write_own(tmp_path / "config.yaml", text)
    assert (tmp_path / "config.yaml").read_text() == "a: 2"
    assert not is_own(tmp_path / "config.yaml")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: ") and str(key_file()) in line and "XDG_CONFIG_HOME" in line


def test_how_a_strangers_run_was_started_is_not_read(home: Path, tmp_path: Path) -> None:
    note(tmp_path, start={"config_dir": "/evil"}, data={"count": 3})
    assert read_facts(tmp_path)["start"] == {"config_dir": "/evil"}
    key_file().unlink()  # so that nothing is one's own
    assert "start" not in read_facts(tmp_path)
    note(tmp_path, more=1)
    assert read_facts(tmp_path).keys() == {"format", "data", "more"}


# --- printing -----------------------------------------------------------------------------------------------------


def test_what_a_terminal_obeys_is_spelt_out() -> None:
    assert one_line("a\x1b[2Jb\n\tc\u202ed") == r"a\x1b[2Jb c\u202ed"
    assert cell("a|b\x07") == r"a\|b\x07"
    assert len(cell("a" * 10_000)) == 300


# --- the environment ----------------------------------------------------------------------------------------------


def test_what_the_environment_holds_is_named_and_not_stored(
    composed: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    monkeypatch.setenv("SIZE", "8")
    secret, size = "${oc.env:SECRET}", "${oc.decode:${oc.env:SIZE}}"
    overrides = [f"objective=at-{secret}", f"latent.dim='{size}'", f"experiment_name={secret}"]
    config = composed(*overrides[:2])
    assert config.objective == "at-hunter2" and config.latent.dim == 8
    remember(config, tmp_path, overrides)
    stored = [path.read_text() for path in (tmp_path / "config.yaml", tmp_path / "overrides.yaml")]
    assert all(secret in text and size in text and "hunter2" not in text for text in stored)
    check_same(config, tmp_path)
    assert config.objective == "at-hunter2"  # still
    record_failure(tmp_path, "at-hunter2: no such folder")  # of no job of Hydra's: by the command line
    monkeypatch.setattr("sys.argv", overrides)
    record_failure(tmp_path, "at-hunter2: no such folder")
    assert (tmp_path / "failure.txt").read_text() == f"at-{secret}: no such folder\n"
    monkeypatch.setattr("sys.argv", [override.replace("{", r"\{").replace(":", r"\:") for override in overrides])
    record_failure(tmp_path, "at-hunter2: of a sweep")
    assert (tmp_path / "failure.txt").read_text() == f"at-{secret}: of a sweep\n"
    listed = OmegaConf.create({"overrides": overrides}).overrides
    assert "hunter2" not in run_name(listed) and run_name(listed) == run_name(overrides)


# --- a stranger's recipe ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": [64, 64]},
        {"latent_dim": 10**6},
        {"shape": [1, 2000, 2000]},
        {"hidden": [16] * 10_000},
        {"hidden": "x"},
        {"output": {"_target_": "torch.nn.Linear"}},
        {"output": {"_target_": "torch.hub.load"}},
        {"output": "${oc.env:HOME}"},
        {"_partial_": True},
        {"nested": [[[[[]]]]]},
    ],
    ids=str,
)
def test_a_recipe_that_does_not_fit_its_weights_is_refused_without_being_built(
    composed: Callable[..., DictConfig], change: dict[str, Any]
) -> None:
    config = composed("model=mlp", "model.hidden=[16]")
    generator, latent = network_of(config, "generator"), plain(config.latent)
    weights = instantiate(generator).state_dict()
    check_recipe({"generator": generator, "latent": latent}, weights)
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        check_recipe({"generator": generator | change, "latent": latent}, weights)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert time.process_time() - start < 50
    with pytest.raises(UserError, match="fit|builds no generator"):
        check_recipe({"generator": generator, "latent": latent | {"dim": 10**6}}, weights)
