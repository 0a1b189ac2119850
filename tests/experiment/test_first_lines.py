"""What a run says of itself at its start, and keeps of where it comes from."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from helpers.commands import ROOT
from omegaconf import DictConfig

from gan_lab.cli.status import status
from gan_lab.config.resume import expand, remember
from gan_lab.config.started import command
from gan_lab.experiment import provenance
from gan_lab.experiment.run import play
from gan_lab.io.run_file import read_facts

Composed = Callable[..., DictConfig]


def test_the_first_lines_name_place_device_sizes_and_options(
    composed: Composed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play(composed("model=mlp", "data=ring", "rounds=1"), ["model=mlp", "data=ring", "rounds=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    # D: 2 -> 16 -> 1, G: 4 -> 16 -> 2
    sizes = "parameters: the discriminator 65, the generator 114"
    assert lines[:4] == [f"run: {tmp_path}", "device: cpu, 32-true", sizes, "options: model=mlp data=ring rounds=1"]
    facts = read_facts(tmp_path)
    assert facts["parameters"] == {"d": 65, "g": 114}
    assert len(facts["code"]["gan_lab"]["commit"].rstrip("+")) == 40


def test_files_have_the_mode_that_others_have(composed: Composed, tmp_path: Path) -> None:
    play(composed("model=mlp", "data=ring", "rounds=1"))
    (tmp_path / "other").touch()
    modes = {path.name: path.stat().st_mode for path in tmp_path.rglob("*") if path.is_file()}
    assert modes["generator.safetensors"] == modes["last.ckpt"] == modes["summary.json"] == modes["other"]


def test_the_status_of_a_single_run(composed: Composed, tmp_path: Path) -> None:
    play(composed("model=mlp", "data=ring", "rounds=1"))
    assert [(job.name, job.state, job.note) for job in status(tmp_path, 60)] == [(tmp_path.name, "done", "1 rounds")]


def test_the_user_s_code_and_what_of_it_is_not_committed_are_kept(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "own"
    place.mkdir()
    (place / "own_loss.py").write_text("from gan_lab.losses import Hinge\n")

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *arguments], cwd=place, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    (place / "own_loss.py").write_text("from gan_lab.losses import Hinge\n\nCHANGED = True\n")
    monkeypatch.syspath_prepend(str(place))
    for cached in (provenance.commit_of, provenance._code, provenance._changes):
        cached.cache_clear()
    config = composed("loss._target_=own_loss.Hinge", "loss=hinge")
    provenance.record_provenance(tmp_path, config, {})
    assert read_facts(tmp_path)["code"]["own_loss"]["commit"].endswith("+")
    assert "+CHANGED = True" in (tmp_path / "changes.diff").read_text()
    assert ROOT.name  # the lab's own checkout may have changes as well


def test_a_profile_is_left_in_the_run_directory(composed: Composed, tmp_path: Path) -> None:
    play(composed("debug=profile", "model=mlp", "data=ring", "rounds=2"))
    assert "run_training_batch" in (tmp_path / "fit-profile.txt").read_text()


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_that_needs_arguments_says_which(script: Path) -> None:
    """And does not end in an IndexError."""
    text = script.read_text()
    needs = re.search(r"^def main\((\*|\w+: (str|Path)\b(?! =| \|))", text, re.MULTILINE)
    assert "raise SystemExit(__doc__)" in text or "ArgumentParser(" in text or not needs


@pytest.mark.parametrize(
    "flags", [["--config-dir", "conf"], ["--config-dir=conf"], ["-cd", "conf"]], ids=lambda flags: " ".join(flags)
)
def test_a_run_remembers_where_its_configuration_was_found(
    flags: list[str], composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["own/train.py", *flags, "model=mlp"])
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    remember(composed("model=mlp"), tmp_path, ["model=mlp"])
    here = f"--config-dir={tmp_path / 'conf'}"
    assert read_facts(tmp_path)["start"] == {"program": ["python", "own/train.py"], "flags": [here]}
    assert command("resume=a b") == "python own/train.py 'resume=a b'"
    for given, first in (([], here), (["--config-dir", "other"], "--config-dir=other")):
        again = expand([*given, f"resume={tmp_path}", "rounds=4"])
        assert again[:3] == [first, "model=mlp", "rounds=4"]
