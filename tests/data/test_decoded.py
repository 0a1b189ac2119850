"""Decoded pictures that are kept: the same to the bit, by one process or several, after a kill, and never another's."""

import os
import pickle
import signal
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.made_up_sets import Make, N, same, stand_in, take
from PIL import Image

from gan_lab.data.decoded import HEADER, MARK, Decoded
from gan_lab.errors import UserError

SHAPE = (1, 8, 8)


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_what_is_kept_is_what_is_decoded(make: Make, tmp_path: Path, where: str, workers: int) -> None:
    """Two epochs, the second of which decodes nothing: the pictures are gone by then."""
    knobs: dict[str, Any] = {"flip": True, "num_classes": None}
    expected = take(make("images", memory=0, **knobs), 12)
    kept = {"cache": str(tmp_path / "kept")} if where == "file" else {}
    data = make("images", workers=workers, **knobs, **kept)
    assert all(map(same, take(data, 4), expected))  # all pictures, and one again
    for file in (tmp_path / "folder").glob("*/*"):
        file.write_bytes(b"gone")
    assert all(map(same, take(data, 8, start=4), expected[4:]))
    assert all(map(same, take(data, 2, start=3), expected[3:]))
    assert len(files_in(tmp_path / "kept")) == (where == "file")


def test_a_file_serves_later_runs_and_every_rank(make: Make, tmp_path: Path) -> None:
    kept = {"cache": str(tmp_path / "kept")}
    expected = take(make("images", memory=0), 8)
    for rank in range(2):
        part = make("images", **kept)
        part.trainer = stand_in(world_size=2, global_rank=rank)
        assert all(torch.equal(a.x, b.x[3 * rank : 3 * rank + 3]) for a, b in zip(take(part, 8), expected, strict=True))
    later = make("images", **kept)
    assert later.pictures.decoded.get(N - 1) is not None
    (file,) = files_in(tmp_path / "kept")
    make("images", fit="stretch", **kept)
    make("images", image_size=4, **kept)
    Image.new("L", (30, 30)).save(tmp_path / "folder" / "class0" / "00.bmp")
    make("images", **kept)
    assert len(files_in(tmp_path / "kept")) == 4  # of other pictures, or shown otherwise: another file
    assert file in files_in(tmp_path / "kept")


def write_as(form: str, root: Path, level: int) -> str:
    """Six pictures whose names, sizes and (settable) times of change do not depend on the level."""
    root.mkdir(exist_ok=True)
    encoded = BytesIO()
    Image.new("L", SHAPE[1:], level).save(encoded, "BMP")
    for i in range(6):
        (root / f"{i}.bmp").write_bytes(encoded.getvalue())
        os.utime(root / f"{i}.bmp", (0, 0))
    if form == "folder":
        return str(root)
    file = root / f"made.{form}"
    if form == "parquet":
        datasets = pytest.importorskip("datasets")
        rows = {"image": [{"bytes": encoded.getvalue(), "path": None}] * 6}
        features = datasets.Features({"image": datasets.Image()})
        datasets.Dataset.from_dict(rows, features=features).to_parquet(str(file))  # `datasets` itself goes by its time
    else:
        with tarfile.open(file, "w") as tar:
            for i in range(6):
                tar.add(root / f"{i}.bmp", f"{i}.bmp")
        os.utime(file, (0, 0))
    return str(file)


@pytest.mark.parametrize("form", ["folder", "tar", "parquet"])
def test_sets_of_the_same_names_and_sizes_share_no_file(
    make: Make, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One beside another, and one in the place of another, as an unpacked archive leaves it."""
    if form == "parquet" and "datasets" in sys.modules:
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")

    def level(place: str, written: int | None) -> int:
        root = tmp_path / place if written is None else write_as(form, tmp_path / place, written)
        data = make("images", root=str(root), cache=str(tmp_path / "kept"), batch_size=6)
        return round((take(data, 1)[0].x.unique().item() + 1) * 127.5)

    assert [level(place, written) for place, written in (("a", 10), ("b", 20), ("a", 30))] == [10, 20, 30]
    assert level("a" if form == "folder" else f"a/made.{form}", None) == 30
    assert len(files_in(tmp_path / "kept")) == 3


def test_small_sets_are_in_memory_and_large_ones_not(make: Make) -> None:
    size = Decoded.bytes_of(N, SHAPE)
    assert size == HEADER + N * (MARK + 64)
    assert make("images", memory=size).pictures.decoded is not None
    assert make("images", memory=size - 1).pictures.decoded is None
    assert make("images", crop="random").pictures.decoded is None
    with pytest.raises(UserError, match=r"^data\.cache: keeps whole pictures, .*; take data\.crop=center$"):
        make("images", crop="random", cache="kept")


def picture(level: int) -> torch.Tensor:
    return torch.full(SHAPE, level, dtype=torch.uint8)


def test_a_picture_that_was_not_written_in_full_counts_as_empty(tmp_path: Path) -> None:
    kept = Decoded(3, SHAPE, tmp_path / "file", "x")
    kept.put(0, picture(7))
    kept.put(1, picture(0))  # all zeros are a picture, too
    kept._pixels[0, 0, 0, 0] = 8
    other = Decoded(3, SHAPE, tmp_path / "file", "x")
    assert other.get(0) is None and other.get(2) is None
    assert torch.equal(other.get(1), picture(0))  # type: ignore[arg-type]


def test_a_killed_process_leaves_what_it_has_put(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        kept = Decoded(3, SHAPE, tmp_path / "file")
        kept.put(2, picture(9))
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    kept = Decoded(3, SHAPE, tmp_path / "file")
    assert kept.get(0) is None and torch.equal(kept.get(2), picture(9))  # type: ignore[arg-type]
    again = pickle.loads(pickle.dumps(kept))
    assert torch.equal(again.get(2), picture(9))
    assert [path.name for path in files_in(tmp_path)] == ["file"]


@pytest.mark.parametrize("content", [b"", b"another file", b"\0" * (HEADER + 3 * (MARK + 64))])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match=r"^data\.cache: .*file is damaged or no cache of these pictures; remove it$"):
        Decoded(3, SHAPE, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content


def test_no_room_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(UserError, match=r"file: cannot be written \(No space left on device\)$"):
        Decoded(3, SHAPE, tmp_path / "file")
    assert not files_in(tmp_path)
