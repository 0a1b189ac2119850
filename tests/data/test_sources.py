"""Sources of pictures: the same pictures, labels and batches, whatever they lie in."""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from helpers.made_up_sets import Make, numbers, same, take
from PIL import Image

from gan_lab.data.sources import arrays
from gan_lab.errors import UserError

COUNT = 12
ARRAY = np.stack([np.full((8, 8), i, np.uint8) for i in range(COUNT)])
LABELS = np.arange(COUNT) % 3


def encoded(i: int) -> bytes:
    out = BytesIO()
    Image.fromarray(ARRAY[i]).save(out, "PNG")
    return out.getvalue()


def name(i: int) -> str:
    return f"00000/img{i:08}.png"


def dataset_json() -> str:
    return json.dumps({"labels": [[name(i), int(LABELS[i])] for i in range(COUNT)]})


def as_folder(root: Path) -> Path:
    (root / "made" / "00000").mkdir(parents=True)
    for i in range(COUNT):
        (root / "made" / name(i)).write_bytes(encoded(i))
    (root / "made" / "dataset.json").write_text(dataset_json())
    return root / "made"


def as_zip(root: Path) -> Path:
    with ZipFile(root / "made.zip", "w") as archive:
        for i in range(COUNT):
            archive.writestr(name(i), encoded(i))
        archive.writestr("dataset.json", dataset_json())
    return root / "made.zip"


def as_npz(root: Path) -> Path:
    np.savez(root / "made.npz", images=ARRAY[..., None], labels=LABELS)
    return root / "made.npz"


def as_npy(root: Path) -> Path:
    np.save(root / "made.npy", ARRAY)
    return root / "made.npy"


def as_hdf5(root: Path) -> Path:
    with pytest.importorskip("h5py").File(root / "made.h5", "w") as file:
        file["images"], file["labels"] = ARRAY[:, None], LABELS
    return root / "made.h5"


def as_lmdb(root: Path) -> Path:
    with pytest.importorskip("lmdb").open(str(root / "made"), map_size=2**20) as file, file.begin(write=True) as write:
        for i in range(COUNT):
            write.put(f"{i:04}".encode(), encoded(i))
    return root / "made"


LABELLED = [as_folder, as_zip, as_npz, as_hdf5]


@pytest.mark.parametrize("made", [*LABELLED, as_npy, as_lmdb])
def test_batches_and_labels(make: Make, tmp_path: Path, made: Any) -> None:
    knobs: dict[str, Any] = {"root": str(made(tmp_path)), "batch_size": 5}
    data = make("images", **knobs)
    shown = take(data, 12)
    assert sorted(i for batch in shown for i in numbers(batch)) == sorted([*range(COUNT)] * 5)
    for batch in shown:
        if made in LABELLED:
            assert batch.y is not None and batch.y.tolist() == [i % 3 for i in numbers(batch)]
        else:
            assert batch.y is None
    assert data.identity == make("images", **knobs).identity != make("images", fit="stretch", **knobs).identity
    for workers in (0, 2):  # going on in the middle of an epoch
        assert all(map(same, take(make("images", workers=workers, **knobs), 2, start=3), shown[3:5]))
    if made in LABELLED:
        assert make("images", labels="none", **knobs).num_classes is None


def test_labels_from_a_list(make: Make, tmp_path: Path) -> None:
    root = as_folder(tmp_path)
    rows = [{"file": name(i), "label": "even" if i % 2 == 0 else "odd"} for i in range(COUNT)]
    (root / "list.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (root / "list.csv").write_text("file,label\n" + "".join(f"{row['file']},{row['label']}\n" for row in rows))
    for listed in ("list.jsonl", "list.csv"):
        data = make("images", root=str(root), labels=listed)
        assert data.class_names == ["even", "odd"]
        assert all(batch.y.tolist() == [i % 2 for i in numbers(batch)] for batch in take(data, 3))
    (root / "list.csv").write_text("name,label\na,b\n")
    with pytest.raises(UserError, match="must have the columns file and label"):
        make("images", root=str(root), labels="list.csv")
    for text in ("file,label\na\n", 'file,label\n"a"b,c\n'):  # too short a row; no CSV
        (root / "list.csv").write_text(text)
        with pytest.raises(UserError, match=r"data\.labels=.*list\.csv: (must have|not readable)"):
            make("images", root=str(root), labels="list.csv")
    os.mkfifo(root / "pipe.csv")
    with pytest.raises(UserError, match=r"pipe\.csv: no such file"):
        make("images", root=str(root), labels="pipe.csv")


@pytest.mark.parametrize(
    "text, message",
    [
        ("[", r'must be \{"labels"'),
        ('{"labels": [["00000/img00000000.png", 0]]}', "has no label for 00000/img00000001.png"),
        ('{"labels": [["00000/img00000000.png", [0.5, 1]]]}', "must be the number of a class"),
    ],
)
def test_a_dataset_json_that_does_not_match(make: Make, tmp_path: Path, text: str, message: str) -> None:
    root = as_folder(tmp_path)
    (root / "dataset.json").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        make("images", root=str(root))
    assert "\n" not in str(caught.value) and "data.labels=none" in str(caught.value)


@pytest.mark.parametrize("ending", [".zip", ".npy", ".npz", ".h5", ".lmdb", ".rar"])
def test_a_damaged_file_is_told_in_one_line(make: Make, tmp_path: Path, ending: str) -> None:
    for content in (b"", b"no archive at all"):
        path = tmp_path / f"bad{ending}"
        path.write_bytes(content)
        with pytest.raises(UserError, match="bad") as caught:
            make("images", root=str(path))
        assert "\n" not in str(caught.value)


def test_pickles_are_refused(make: Make, tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not readable"):
        make("images", root=str(tmp_path / "bad.npy"))


@pytest.mark.parametrize("kind", ["link", "external", "virtual", "group"])
def test_an_hdf5_whose_numbers_lie_elsewhere_is_refused(make: Make, tmp_path: Path, kind: str) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "private.h5", "w") as private:
        private["images"] = ARRAY
    ARRAY.tofile(tmp_path / "private.bin")
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        if kind == "link":
            file["images"] = h5py.ExternalLink(str(tmp_path / "private.h5"), "images")
        elif kind == "external":
            file.create_dataset("images", ARRAY.shape, "u1", external=[(str(tmp_path / "private.bin"), 0, ARRAY.size)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(ARRAY.shape, "u1")
            layout[:] = h5py.VirtualSource(str(tmp_path / "private.h5"), "images", ARRAY.shape)
            file.create_virtual_dataset("images", layout)
        else:
            file.create_group("images")
    with pytest.raises(UserError, match=r"its images must be a data set with its numbers in this file$"):
        make("images", root=str(tmp_path / "bad.h5"))


@pytest.mark.parametrize("made", [as_npy, as_hdf5])
def test_a_large_array_is_known_by_a_part_of_it_and_says_so(
    make: Make, tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(made(tmp_path))
    assert make("images", root=root).identity.digest_of == "content"
    monkeypatch.setattr(arrays, "READ", ARRAY.nbytes // 3)
    before = make("images", root=root).identity
    assert before.digest_of == "content of 1 in 3 pictures"
    for changed, seen in ((1, False), (3, True)):
        other = ARRAY.copy()
        other[changed] = 255
        with monkeypatch.context() as patch:
            patch.setitem(globals(), "ARRAY", other)
            (tmp_path / str(changed)).mkdir()
            root = str(made(tmp_path / str(changed)))
        assert (make("images", root=root).identity != before) == seen
