"""Folders of pictures: crops, workers, depths, classes, and files that are none."""

import math
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from multiprocessing import active_children
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest
from helpers.commands import ROOT
from helpers.made_up_sets import Make, N, numbers, same, stand_in, take
from PIL import Image

from gan_lab.data import images
from gan_lab.data.sources.folder import Folder
from gan_lab.errors import UserError

pytestmark = pytest.mark.slow


def write_photos(root: Path) -> None:
    generator = np.random.default_rng(0)
    root.mkdir()
    for i in range(6):
        pixels = generator.integers(0, 256, (20 + i, 30 - i, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{i}.{'jpg' if i % 2 else 'webp'}")


@pytest.mark.parametrize("crop, flip", [("center", False), ("random", True), ("center", True)])
def test_workers_change_nothing(make: Make, tmp_path: Path, crop: str, flip: bool) -> None:
    write_photos(tmp_path / "photos")
    knobs: dict[str, Any] = {"root": str(tmp_path / "photos"), "channels": 3, "crop": crop, "flip": flip}
    alone, helped = (take(make("images", workers=workers, **knobs), 4, start=2) for workers in (0, 2))
    assert all(map(same, alone, helped))
    assert alone[0].x.shape == (6, 3, 8, 8) and alone[0].y is None


def test_crop_and_flip_differ_from_position_to_position(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 32), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    center, cropped, flipped = (
        {tuple(batch.x.flatten().tolist()) for batch in take(data, 200)}
        for data in (
            make("images", root=str(folder), batch_size=1, **knobs)
            for knobs in ({}, {"crop": "random"}, {"flip": True})
        )
    )
    assert len(center) == 1 and len(flipped) == 2 and center < flipped
    assert len(cropped) == 25  # every place in a picture 24 pixels too wide


def test_center_crop_without_resize_is_exact(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    pixels = np.arange(8 * 14, dtype=np.uint8).reshape(8, 14)
    Image.fromarray(pixels).save(folder / "a.png")
    (batch,) = take(make("images", root=str(folder), batch_size=1), 1)
    np.testing.assert_allclose((batch.x[0, 0] + 1) * 127.5, pixels[:, 3:11], atol=1e-4)


def test_sixteen_bits_are_not_clipped(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    Image.fromarray(np.full((8, 8), 100 * 256, dtype=np.uint16)).save(folder / "a.png")
    (batch,) = take(make("images", root=str(folder), batch_size=1), 1)
    assert numbers(batch) == [100]


def test_a_folder_without_pictures_and_one_that_is_not_there(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(UserError, match=r"empty: holds no pictures .*\.jpg.*, but 1 ending in \.txt \(notes\.txt\)$"):
        make("images", root=str(tmp_path / "empty"))
    (tmp_path / "empty" / "pictures.zip").touch()
    with pytest.raises(
        UserError, match=r"1 ending in \.zip \(pictures\.zip\); a ZIP is read by itself: give its own path$"
    ):
        make("images", root=str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"data.root=.*missing: no such folder"):
        make("images", root=str(tmp_path / "missing"))


def test_classes_must_be_the_stated_ones(make: Make, tmp_path: Path) -> None:
    assert make("images", num_classes=3).num_classes == make("images").num_classes == 3
    with pytest.raises(UserError, match="data.num_classes=4: .* in 3 classes"):
        make("images", num_classes=4)


@pytest.mark.parametrize("workers", [0, 2])
class TestCorruptPictures:
    @pytest.fixture
    def bad(self, tmp_path: Path, make: Make) -> Path:
        bad = tmp_path / "folder" / "class1" / "07.PNG"
        bad.write_bytes(bad.read_bytes()[:40])
        return bad

    def test_one_line_names_the_file(self, make: Make, bad: Path, workers: int) -> None:
        with pytest.raises(UserError) as caught:
            take(make("images", workers=workers), 4)
        assert "\n" not in str(caught.value)
        assert str(bad) in str(caught.value) and "data.skip_corrupt=true" in str(caught.value)

    def test_another_takes_its_place(self, make: Make, bad: Path, workers: int) -> None:
        with pytest.warns(UserWarning) as caught:
            batches = take(make("images", workers=workers, skip_corrupt=True), 8)
        assert sum(str(bad) in str(warning.message) for warning in caught) == 1  # torch may warn of few cores
        shown = [number for batch in batches for number in numbers(batch)][:N]
        assert sorted(shown) == sorted([*({*range(N)} - {7}), 10])  # 10 is the next one in the same sub-folder
        for batch in batches:
            assert batch.y is not None and batch.y.tolist() == [number % 3 for number in numbers(batch)]

    def test_none_is_readable(self, make: Make, tmp_path: Path, workers: int) -> None:
        folder = tmp_path / "bad"
        folder.mkdir()
        for i in range(3):
            (folder / f"{i}.jpg").write_bytes(b"no picture")
        before = active_children()
        data = make("images", root=str(folder), batch_size=2, workers=workers, skip_corrupt=True)
        with pytest.raises(UserError, match="no picture is readable"):
            take(data, 1)
        assert {*active_children()} <= {*before}


def test_a_worker_that_is_killed_for_memory_is_told_in_one_line(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    main = os.getpid()

    def killed(self: Any, index: int) -> Image.Image:
        if os.getpid() != main:
            os.kill(os.getpid(), signal.SIGKILL)
        return Image.new("L", (8, 8))

    monkeypatch.setattr("gan_lab.data.sources.folder.Folder.open", killed)
    with pytest.raises(UserError, match=r"was killed \(Killed\), .*; lower data\.workers .* resume=RUN_DIR$") as caught:
        take(make("images", workers=1), 1)
    assert "\n" not in str(caught.value)


def test_where_one_worker_is_killed_the_other_ends_at_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while its error is kept. Pictures that take their time let it be killed while the run waits for them."""
    open_ = Folder.open

    def slow(self: Folder, index: int) -> Image.Image:
        time.sleep(0.05)
        return open_(self, index)

    monkeypatch.setattr(Folder, "open", slow)
    before, batches = {*active_children()}, make("images", workers=2, memory=0).batches(0)
    next(batches)
    one, other = {*active_children()} - before
    assert one.pid is not None
    Timer(0.1, os.kill, (one.pid, signal.SIGKILL)).start()
    with pytest.raises(UserError, match=r"was killed \(Killed\), most often for want of memory") as caught:
        list(islice(batches, 500))
    assert not other.is_alive() and caught.value is not None


def test_a_picture_that_vanishes_or_may_not_be_read_is_named(make: Make, tmp_path: Path) -> None:
    """After the folder was listed."""
    data, gone = make("images", batch_size=N), tmp_path / "folder" / "class1" / "07.PNG"
    gone.unlink()
    with pytest.raises(UserError, match=r"07\.PNG: not a readable picture \(.*No such file .*data\.skip_corrupt=true"):
        take(data, 1)
    gone.symlink_to(gone)  # as root, whom no permission keeps out
    with pytest.raises(UserError, match=r"07\.PNG: not a readable picture \(.*Too many levels"):
        take(data, 1)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_process_opens_no_picture_of_another_ones_share(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    log, open_ = tmp_path / "opened", Folder.open

    def logged(self: Folder, index: int) -> Image.Image:
        with log.open("a") as file:
            file.write(f"{Path(self.names[index]).stem}\n")
        return open_(self, index)

    opened = []
    for rank in range(2):
        data = make("images", batch_size=6, memory=0, workers=workers)
        data.trainer = stand_in(world_size=2, global_rank=rank)
        with monkeypatch.context() as patch:
            patch.setattr(Folder, "open", logged)
            own = [number for batch in take(data, 3) for number in numbers(batch)]
        opened.append([*map(int, log.read_text().split())])  # a worker may be ahead
        log.unlink()
        assert opened[rank][: len(own)] == own
    assert not {*opened[0][:9]} & {*opened[1][:9]}


def test_workers_end_with_the_run(make: Make) -> None:
    data, before = make("images", workers=1), {*active_children()}
    data.train_dataloader().draw()
    assert len({*active_children()} - before) == 1
    data.teardown("fit")
    assert {*active_children()} <= before and data.drawn == 1


JOB = """
from multiprocessing import get_context
from torch.utils.data import DataLoader
from gan_lab.data.workers import leaving_signals_to_us

kept = []

def act():
    with leaving_signals_to_us():
        kept.append(iter(DataLoader(range(8), num_workers=1)))

process = get_context("fork").Process(target=act)
process.start()
process.join()
raise SystemExit(process.exitcode)
"""


def test_a_process_that_another_has_started_ends_with_its_workers() -> None:
    """As the jobs of joblib are: they stop what they started by a signal that workers do not hear."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", JOB], env=environment, timeout=120, check=False).returncode == 0


# --- pictures that are held out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["images", "paired_folder"])
def test_a_subset_holds_out_the_others_for_all_runs(make: Make, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    data, other_run, whole = make(name, subset=15), make(name, subset=15, seed=7), make(name)
    shown = {i for batch in take(data, 5) for i in numbers(batch)}  # two epochs
    left = data.unseen(N)
    assert len(shown) == data.size == 15 and {*numbers(left)} == {*range(N)} - shown
    assert same(left, other_run.unseen(N)) and numbers(data.unseen(3)) == numbers(left)[:3]
    assert data.halves()[1].unseen(N).x.equal(left.x) and make(name, subset=N).unseen(1) is whole.unseen(1) is None
    assert len({data.identity.digest, make(name, subset=14).identity.digest, whole.identity.digest}) == 3
    assert data.identity == other_run.identity
    assert data.found[1] == "held out: 8 more" and same(data.held_out(8), left) and same(data.test(), left)
    if name == "images":
        assert left.y.tolist() == [i % 3 for i in numbers(left)]
    monkeypatch.setattr(images, "TESTED_BYTES", 3 * 4 * math.prod(data.shape))
    with pytest.warns(UserWarning, match="3 of the 8 pictures that data.subset holds out are tested on"):
        assert numbers(data.test()) == numbers(left)[:3]
    with pytest.raises(UserError, match=r"data\.subset=15: leaves out 8 pictures, and 9 are to be held out"):
        data.held_out(9)
    with pytest.raises(UserError, match=r"data\.subset=null: leaves out 0 pictures, and 9 are to be held out"):
        whole.held_out(9)
    with pytest.raises(UserError, match=r"data\.subset: leaves out no pictures .*; take data\.subset=N, N up to 22"):
        whole.test()
    with pytest.raises(UserError, match=r"data\.subset=24: larger than the data set, which has 23 pictures"):
        make(name, subset=24)
