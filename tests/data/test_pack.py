"""Packed pictures: the pixels, names and classes of what they were packed from, whatever stops the packing."""

import json
import tracemalloc
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest
from helpers.made_up_sets import Make, same, take
from helpers.messy import UNREADABLE, picture, write_messy
from PIL import Image

from gan_lab.data.pack import Encoding, Work, check_out, pack, plan_of, unfinished
from gan_lab.data.packed import Piece, Pieces, packed_as, png_names
from gan_lab.data.pixels import Look
from gan_lab.data.sources.choose import open_source
from gan_lab.errors import UserError

SIZE = 12


def packed(root: Path, out: Path, look: Look, labels: str = "auto", **options: Any) -> Path:
    source = open_source(str(root), labels)
    again = options.pop("again", lambda: open_source(str(root), labels))
    options = {"workers": 0, "skip_corrupt": False} | options
    pack(packed_as(out, source, look.shape), look, again=again, **options)
    return out


def clean(root: Path) -> Path:
    """The messy folder, without what cannot be read."""
    write_messy(root)
    for name in UNREADABLE:
        (root / "bad" / name).unlink()
    return root


@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_run_on_the_packed_file_sees_the_same(make: Make, tmp_path: Path, fit: Any, channels: int) -> None:
    root = clean(tmp_path / "messy")
    size = [SIZE, SIZE + 4]
    look = Look((channels, *size), fit, "bicubic", "#102030")
    knobs: dict[str, Any] = {"batch_size": 5, "image_size": size, "channels": channels}
    data = make("images", root=str(root), fit=fit, resample="bicubic", background="#102030", **knobs)
    from_zip = make("images", root=str(packed(root, tmp_path / "a.zip", look)), **knobs)
    array = packed(root, tmp_path / "a.npy", look)
    from_array = make("images", root=str(array), labels=str(tmp_path / "a.csv"), **knobs)
    for other in (from_zip, from_array):
        assert other.class_names == data.class_names == ["bad", "odd", "whole"]
        assert all(map(same, take(other, 8), take(data, 8)))


def test_arrays_keep_their_order_and_labels(make: Make, tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.uint8)
    images = np.broadcast_to(numbers[:, None, None, None], (12, SIZE, SIZE, 1))
    np.savez(tmp_path / "a.npz", images=images, labels=numbers % 3 * 2)
    look = Look((1, SIZE, SIZE))
    knobs: dict[str, Any] = {"batch_size": 5, "image_size": SIZE}
    data = make("images", root=str(tmp_path / "a.npz"), **knobs)
    other = make("images", root=str(packed(tmp_path / "a.npz", tmp_path / "a.zip", look)), **knobs)
    assert other.class_names == data.class_names == ["0", "1", "2", "3", "4"]
    assert all(map(same, take(other, 8), take(data, 8)))


def test_a_zip_is_of_stylegans_format(tmp_path: Path) -> None:
    root = clean(tmp_path / "messy")
    with ZipFile(packed(root, tmp_path / "a.zip", Look((3, SIZE, SIZE)))) as archive:
        *names, last = archive.namelist()
        assert last == "dataset.json" and names == sorted(names) and {Path(name).suffix for name in names} == {".png"}
        assert {entry.compress_type for entry in archive.infolist()} == {ZIP_STORED}
        found = json.loads(archive.read(last))
        assert [name for name, _ in found["labels"]] == names
        assert dict(found["labels"])["whole/deep/er/still.png"] == 2 and found["classes"] == ["bad", "odd", "whole"]
        assert archive.testzip() is None
        with archive.open(names[0]) as file, Image.open(file) as image:
            assert (image.mode, image.size) == ("RGB", (SIZE, SIZE))
    without = packed(root, tmp_path / "b.zip", Look((3, SIZE, SIZE)), "none")
    with ZipFile(without) as archive:
        assert json.loads(archive.read("dataset.json")) == {"labels": None}
    assert open_source(str(without)).labels is None  # though its names have folders


def test_little_is_kept_for_each_picture_of_a_zip(tmp_path: Path) -> None:
    """A ZipInfo takes half a kilobyte, a tuple of a piece 150 bytes; of a million that is most of a laptop's memory."""
    count = 2000
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(count):
            archive.writestr(f"{i // 100:05}/{i:05}.png", b"")
    open_source(str(tmp_path / "a.zip"))  # what is made once, whatever the number
    tracemalloc.start()
    source = open_source(str(tmp_path / "a.zip"))
    assert tracemalloc.get_traced_memory()[1] < 450 * count
    into, pieces = packed_as(tmp_path / "b.zip", source, (1, 1, 1)), Pieces()
    for i in range(count):
        pieces.append(Piece(i, 1, 0))
    with (tmp_path / "b.zip").open("w+b") as file:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        into.close(file, pieces)
        assert tracemalloc.get_traced_memory()[1] - before < 150 * count
    tracemalloc.stop()
    assert ZipFile(tmp_path / "b.zip").namelist() == [*source.names, "dataset.json"]


def test_names_stay_apart_and_in_order() -> None:
    assert [*png_names(["a/b.jpg", "c.JPG"])] == ["a/b.png", "c.png"]
    assert [*png_names(["a.jpg", "a.png"])] == ["a.jpg.png", "a.png.png"]
    for unfit in (["0", "2", "10"], ["../a.png"], ["a\\b.jpg"], ["/a.png"], ["a\udcff.png"], [".a.png"], ["b", "a"]):
        assert [*png_names(unfit)] == [f"00000/img{i:08}.png" for i in range(len(unfit))]


@pytest.fixture(params=[".zip", ".npy"])
def ending(request: pytest.FixtureRequest) -> str:
    return request.param


LOOK = Look((3, SIZE, SIZE))


def test_bytes_depend_on_no_workers(tmp_path: Path, ending: str) -> None:
    root = tmp_path / "messy"
    write_messy(root)
    alone, helped = (
        packed(root, tmp_path / f"{n}{ending}", LOOK, workers=n, skip_corrupt=True).read_bytes() for n in (0, 2)
    )
    assert alone == helped


class Stopped(Exception):
    """In place of a kill."""


def stopped_after(root: Path, out: Path, pictures: int) -> None:
    """Leave what a kill leaves after so many pictures."""
    into = packed_as(out, open_source(str(root)), LOOK.shape)
    encoding = Encoding(into, LOOK)

    def some() -> Any:
        for number in range(pictures):
            yield encoding[number]
        raise Stopped

    folder = unfinished(out)
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan_of(into.source, LOOK)))
    with pytest.raises(Stopped):
        Work(into, folder).write(some(), skip_corrupt=True)


@pytest.mark.parametrize("torn", ["", "data", "journal", "both", "lost"])
def test_it_goes_on_after_any_picture_to_the_same_bytes(tmp_path: Path, ending: str, torn: str) -> None:
    root = tmp_path / "messy"
    write_messy(root)
    whole = packed(root, tmp_path / f"whole{ending}", LOOK, skip_corrupt=True)
    for pictures in (0, 1, 3, 7, 20, 31):
        out = tmp_path / f"{pictures}{ending}"
        stopped_after(root, out, pictures)
        data, journal = (unfinished(out) / name for name in ("data", "journal"))
        if torn in ("data", "both"):
            data.write_bytes(data.read_bytes() + b"half a picture")
        if torn in ("journal", "both"):
            journal.write_bytes(journal.read_bytes() + b"[31, 12")
        if torn == "lost":  # by a power failure
            data.write_bytes(data.read_bytes()[: -SIZE * SIZE] + bytes(SIZE * SIZE // 2))
        packed(root, out, LOOK, skip_corrupt=True)
        assert out.read_bytes() == whole.read_bytes()
        assert not unfinished(out).exists()


def test_a_kill_after_the_file_is_in_its_place(tmp_path: Path) -> None:
    root = clean(tmp_path / "messy")
    out = tmp_path / "a.zip"
    stopped_after(root, out, 3)
    packed(root, tmp_path / "whole.zip", LOOK).rename(out)
    (unfinished(out) / "data").unlink()
    packed(root, out, LOOK)
    assert out.exists() and not unfinished(out).exists()


def test_other_work_is_not_gone_on_with(tmp_path: Path) -> None:
    root = clean(tmp_path / "messy")
    out = tmp_path / "a.zip"
    stopped_after(root, out, 3)
    kept = (unfinished(out) / "data").read_bytes()
    for look, said in ((LOOK._replace(fit="stretch"), "with another fit"), (Look((3, 9, 9)), "with another shape")):
        with pytest.raises(UserError, match=rf"a\.zip\.part: is unfinished work {said}; remove it"):
            packed(root, out, look)
    picture().save(root / "odd" / "new.png")
    with pytest.raises(UserError, match="is unfinished work of other pictures"):
        packed(root, out, LOOK)
    assert (unfinished(out) / "data").read_bytes() == kept
    (unfinished(out) / "plan.json").write_text("{")
    with pytest.raises(UserError, match=r"plan\.json"):
        packed(root, out, LOOK)


def test_labels_of_somebody_else_are_not_overwritten(tmp_path: Path) -> None:
    root = clean(tmp_path / "messy")
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(UserError, match=r"a\.csv: is there already"):
        packed(root, tmp_path / "a.npy", LOOK)
    assert (tmp_path / "a.csv").read_text() == "mine" and not (tmp_path / "a.npy.part").exists()


def test_a_folder_that_changes_while_it_is_read(tmp_path: Path) -> None:
    root = clean(tmp_path / "messy")

    def grown() -> Any:
        picture().save(root / "odd" / "new.png")
        return open_source(str(root))

    with pytest.raises(UserError, match=r"messy: has changed while it was read; remove .*\.part"):
        packed(root, tmp_path / "a.zip", LOOK, again=grown)
    assert not (tmp_path / "a.zip").exists()
    source = open_source(str(root))
    (root / "odd" / "one.png").unlink()
    into = packed_as(tmp_path / "b.zip", source, LOOK.shape)
    check_out(into, plan_of(source, LOOK))
    with pytest.raises(UserError, match=r"odd/one\.png: not a readable picture \(.*No such file"):
        pack(into, LOOK, workers=0, skip_corrupt=False, again=lambda: source)
