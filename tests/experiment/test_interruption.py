"""However a run ends, it leaves a whole checkpoint between two rounds, and goes on from it bit for bit."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import active_children
from pathlib import Path

import pytest
from helpers.made_up_sets import Make
from helpers.runs import Killed, assert_same_runs, in_round, kill_after, resumed
from omegaconf import DictConfig

from gan_lab.callbacks.stopping import Interruption
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.experiment.run import play
from gan_lab.io import checkpoint as plain_checkpoint
from gan_lab.io.checkpoint import PlainCheckpointIO

pytestmark = pytest.mark.slow

Composed = Callable[..., DictConfig]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def config(composed: Composed, directory: Path, *overrides: str) -> DictConfig:
    directory.mkdir(exist_ok=True)
    every = ["callbacks.checkpoint.every=3", "callbacks.samples.every=3"]
    return composed("model=mlp", "rounds=9", *every, *overrides, f"directory={directory}")


@pytest.fixture
def whole(composed: Composed, tmp_path: Path) -> Path:
    """A run that nothing happened to."""
    assert play(config(composed, tmp_path / "whole")) == 0
    return tmp_path / "whole"


def round_of(checkpoint: Path) -> int:
    return PlainCheckpointIO().load_checkpoint(checkpoint)["game"]["round"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda n: n.name)
def test_a_signal_between_the_moves_ends_the_run_after_the_round(
    composed: Composed, tmp_path: Path, whole: Path, number: signal.Signals
) -> None:
    broken = config(composed, tmp_path / "broken")
    before = signal.getsignal(number)
    with pytest.MonkeyPatch.context() as patch:
        # `timeout` tells the process, and then its group.
        in_round(patch, 5, lambda: (signal.raise_signal(number), signal.raise_signal(number)))
        assert play(broken) == 128 + number
    assert signal.getsignal(number) == before
    assert round_of(tmp_path / "broken/checkpoints/last.ckpt") == 5
    assert play(resumed(broken)) == 0
    assert_same_runs(whole, tmp_path / "broken")


def test_a_later_signal_is_obeyed_at_once(composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interruption, "SOON", 0.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test's worker process may ignore it
    in_round(monkeypatch, 5, lambda: (signal.raise_signal(signal.SIGINT), signal.raise_signal(signal.SIGINT)))
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        play(config(composed, tmp_path))
    signal.signal(signal.SIGINT, before)
    assert not (tmp_path / "summary.json").exists()


def test_a_signal_to_the_whole_group_leaves_the_workers_to_the_run(
    composed: Composed, make: Make, tmp_path: Path
) -> None:
    """As SLURM, `timeout` and a terminal send it: to the run and to its workers."""
    folder = ["data=images", f"data.root={tmp_path / 'folder'}", "data.workers=2", "data.image_size=8"]
    more = ["data.channels=1", "update.d_steps=8"]  # batches of a round: more than workers keep ready
    broken = config(composed, tmp_path / "broken", *folder, *more)
    told: list[int] = []

    def tell() -> None:
        if told:
            return
        workers = [child.pid for child in active_children() if child.pid is not None]
        told.extend([*workers, os.getpid()])
        subprocess.run(["kill", "-TERM", *map(str, told)], check=True)  # workers obey their parent alone
        time.sleep(0.1)  # for them to die of it

    with pytest.MonkeyPatch.context() as patch:
        in_round(patch, 5, tell)
        assert play(broken) == 128 + signal.SIGTERM
    assert len(told) >= 3
    assert round_of(tmp_path / "broken/checkpoints/last.ckpt") == 5


def test_the_rounds_of_a_run_that_was_stopped_may_be_enough(composed: Composed, tmp_path: Path) -> None:
    stopped = config(composed, tmp_path / "stopped")
    with pytest.MonkeyPatch.context() as patch:
        in_round(patch, 5, lambda: signal.raise_signal(signal.SIGINT))
        assert play(stopped) == 128 + signal.SIGINT
    assert play(resumed(stopped, rounds=5)) == 0
    told = json.loads((tmp_path / "stopped/summary.json").read_text())
    assert (told["rounds"], told["budget"], told["finished"]) == (5, 5, True)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def lie(path: Path) -> None:
    """Another number in the part that is no tensor, which still reads well."""
    content = path.read_bytes()
    assert b'\\"round\\", 6]' in content
    path.write_bytes(content.replace(b'\\"round\\", 6]', b'\\"round\\", 5]'))


DAMAGES = {
    "cut short": cut,
    "empty": lambda path: path.write_bytes(b""),
    "missing": Path.unlink,
    "a bit of a tensor": lambda path: flip(path, -100),
    "a number in the header": lie,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_of_a_damaged_checkpoint_the_one_before_is_used(
    composed: Composed, tmp_path: Path, whole: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = config(composed, tmp_path / "broken")
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, 7)
        with pytest.raises(Killed):
            play(broken)
    checkpoints = tmp_path / "broken" / "checkpoints"
    assert [round_of(checkpoints / name) for name in ("previous.ckpt", "last.ckpt")] == [3, 6]
    DAMAGES[damage](checkpoints / "last.ckpt")
    assert play(resumed(broken)) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert "last.ckpt: " in line and line.endswith("previous.ckpt, of round 3")
    assert_same_runs(whole, tmp_path / "broken")


def test_where_both_are_damaged_the_last_is_named(whole: Path, composed: Composed) -> None:
    for name in ("previous.ckpt", "last.ckpt"):
        cut(whole / "checkpoints" / name)
    with pytest.raises(UserError, match=r"last\.ckpt: not a whole checkpoint"):
        play(resumed(config(composed, whole)))


def test_killed_while_it_saves_it_has_the_checkpoint_before(
    composed: Composed, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = config(composed, tmp_path / "broken")
    save = plain_checkpoint.save_file

    def killed(tensors: object, path: Path, metadata: dict[str, str]) -> None:
        save(tensors, path, metadata)  # type: ignore[arg-type]
        if '"round", 6]' in metadata["tree"]:
            cut(path)
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_checkpoint, "save_file", killed)
        with pytest.raises(Killed):
            play(broken)
    assert round_of(tmp_path / "broken/checkpoints/last.ckpt") == 3
    assert play(resumed(broken)) == 0
    assert_same_runs(whole, tmp_path / "broken")


def test_checkpoints_by_the_clock(composed: Composed, tmp_path: Path) -> None:
    play(config(composed, tmp_path, "callbacks.checkpoint.every=1000", "callbacks.checkpoint.minutes=1e-9"))
    assert round_of(tmp_path / "checkpoints/previous.ckpt") == 8


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system for the time of a test."""
    places = []

    def mount(place: Path, *options: str) -> Path:
        place.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *options, str(place)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"may not mount: {done.stderr.strip()}")
        places.append(place)
        return place

    if shutil.which("mount") is None:
        pytest.skip("there is no mount")
    yield mount
    for place in reversed(places):
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_told_in_one_line_and_the_last_checkpoint_kept(
    composed: Composed, tmp_path: Path, whole: Path, mounted: Callable[..., Path]
) -> None:
    disk = mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=4m", "tmpfs")
    broken = config(composed, disk / "run")
    filler = disk / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    with pytest.MonkeyPatch.context() as patch:
        in_round(patch, 5, fill)
        with pytest.raises(Exception) as caught:
            play(broken)
    line = explain(caught.value, [])
    assert line is not None and "No space left on device" in line and str(disk) in line
    assert round_of(disk / "run/checkpoints/last.ckpt") == 3
    filler.unlink()
    assert play(resumed(broken)) == 0
    assert_same_runs(whole, disk / "run")


def test_a_file_that_may_not_grow_is_told_in_one_line(
    composed: Composed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    in_round(monkeypatch, 5, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard)))
    try:
        with pytest.raises(UserError, match="cannot be written .*File too large"):
            play(config(composed, tmp_path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert round_of(tmp_path / "checkpoints/last.ckpt") == 3


def test_a_folder_that_is_read_only_is_told_in_one_line(
    composed: Composed, tmp_path: Path, whole: Path, mounted: Callable[..., Path]
) -> None:
    place = mounted(tmp_path / "place", "-o", "bind,ro", str(whole))
    again = resumed(config(composed, place, "rounds=12"))
    with pytest.raises(UserError, match=r"cannot be written \(Read-only file system\)"):
        play(again)
    assert round_of(whole / "checkpoints/last.ckpt") == 9
