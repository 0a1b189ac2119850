"""Sources of pictures that are damaged, hostile or not as they must be: one line for each, and nothing else is read."""

import gzip
import tarfile
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import numpy as np
import pytest
from helpers.formats import (
    ARRAY,
    COUNT,
    add,
    as_lmdb,
    as_npz,
    as_parquet,
    as_shards,
    as_zip,
    encoded,
    of_hugging_face,
)
from helpers.made_up_sets import Make, numbers, take

from gan_lab.data.sources import arrays, source
from gan_lab.errors import UserError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("ending", [".zip", ".npy", ".npz", ".h5", ".lmdb", ".tar", ".parquet", ".arrow", ".rar"])
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


BOMBS = {
    "picture": ((4, 60000, 60000, 3), {"chunks": (1, 8, 8, 3)}, r"10,800,000,000 bytes are too many for a picture"),
    "count": ((10**12, 8, 8), {"chunks": (1, 8, 8)}, r"its array is \[1000000000000, 8, 8\], .* never written"),
    "chunk": ((4, 8, 8), {"chunks": (2**26, 8, 8), "maxshape": (None, 8, 8)}, "images lie in chunks of 4,294,967,296 "),
    "labels": ((4, 8, 8), {"data": ARRAY[:4]}, r"its labels have 8,000,000,000,000 bytes"),
    "classes": ((4, 8, 8), {"data": ARRAY[:4]}, r"a label is 4611686018427387904; the 4 pictures cannot be of so many"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_hdf5_that_unpacks_without_end_is_refused(make: Make, tmp_path: Path, kind: str) -> None:
    shape, knobs, message = BOMBS[kind]
    with pytest.importorskip("h5py").File(tmp_path / "bad.h5", "w") as file:
        images = file.create_dataset("images", shape, "u1", **knobs)
        if kind == "picture":
            images[0, 0, 0] = 1
        if kind == "labels":
            file.create_dataset("labels", (10**12,), "i8", chunks=(8,))
        if kind == "classes":
            file["labels"] = np.full(4, 2**62)
    assert (tmp_path / "bad.h5").stat().st_size < 10_000
    with pytest.raises(UserError, match=message):
        make("images", root=str(tmp_path / "bad.h5"))


def test_a_packed_npz_is_bounded_and_a_stored_one_is_not(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MOST", ARRAY.nbytes)
    assert make("images", root=str(as_npz(tmp_path))).size == COUNT
    np.savez_compressed(tmp_path / "bad.npz", images=ARRAY)
    with pytest.raises(UserError, match=r"bad\.npz: has 896 bytes packed, and may have 768; save it by numpy\.savez$"):
        make("images", root=str(tmp_path / "bad.npz"))


@pytest.mark.parametrize("made", [as_zip, as_lmdb, as_shards, as_parquet])
def test_an_encoded_picture_has_a_largest_size(
    make: Make, tmp_path: Path, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make("images", root=str(made(tmp_path)), labels="none")
    monkeypatch.setattr(source, "MOST", 50)
    with pytest.raises(UserError, match=r"not a readable picture \(\d\d bytes are too many for a picture, which may"):
        take(data, 1)


def test_shards_that_are_missing_cut_off_or_compressed(make: Make, tmp_path: Path) -> None:
    folder = as_shards(tmp_path)
    first = folder / "shard-000000.tar"
    for root, message in (
        (folder / "shard-{000000..000002}.tar", r"no such file: .*shard-000002\.tar$"),
        (folder / "shard-{000002..000000}.tar", "must go from a number to a greater one"),
    ):
        with pytest.raises(UserError, match=message):
            make("images", root=str(root))
    whole = first.read_bytes()
    for content, message in (
        (whole[:2000], r"shard-000000\.tar: not a readable tar file"),
        (gzip.compress(whole), r"shard-000000\.tar: not a readable tar file .*; a compressed one .* \(gunzip\)$"),
    ):
        first.write_bytes(content)
        with pytest.raises(UserError, match=message) as caught:
            make("images", root=str(folder))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("0000.json", b"[", "not a readable label"),
        ("0000.json", b'{"label": [0.5]}', "must be the number or name of a class"),
        ("0000.json", b"[" * 100_000, "not a readable label"),
        ("0000.cls", b"\xff", "not a readable label"),
        ("0001.txt", b"", "has no label for a.tar/0001.png"),
    ],
)
def test_labels_in_shards_that_are_none(make: Make, tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, "0000.png", encoded(0))
        add(tar, "0001.png", encoded(1))
        add(tar, name, content)
        if message.startswith("has no"):
            add(tar, "0000.cls", b"cat")
    with pytest.raises(UserError, match=message) as caught:
        make("images", root=str(tmp_path / "a.tar"))
    assert "\n" not in str(caught.value) and "data.labels=none" in str(caught.value)
    assert make("images", root=str(tmp_path / "a.tar"), labels="none", batch_size=2).size == 2


def test_what_else_is_in_a_tar_file_is_told_and_leads_nowhere(make: Make, tmp_path: Path) -> None:
    """Names and links in it are data: none is opened."""
    (tmp_path / "secret.png").write_bytes(encoded(9))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, "../../x.png", encoded(3))
        add(tar, "b.png", encoded(4))
        add(tar, "b.mask.png", encoded(5))
        link = tarfile.TarInfo("c.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.png")
        tar.addfile(link)
    data = make("images", root=str(tmp_path / "a.tar"), batch_size=2)
    assert sorted(numbers(next(data.batches(0)))) == [3, 4]
    assert "1 no ordinary files (a.tar/c.png)" in data.found[1]
    assert "1 further pictures of a sample (a.tar/b.mask.png)" in data.found[1]


def test_a_hugging_face_set_that_is_not_as_it_must_be(make: Make, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    (tmp_path / "secret.png").write_bytes(encoded(9))
    features = datasets.Features({"image": datasets.Image(decode=False)})
    outside = [{"bytes": None, "path": str(tmp_path / "secret.png")}] * 2
    datasets.Dataset.from_dict({"image": outside}, features=features).to_parquet(str(tmp_path / "outside.parquet"))
    with pytest.raises(UserError, match=r"outside\.parquet\[\d\]: not a readable picture \(its bytes are not in the"):
        take(make("images", root=str(tmp_path / "outside.parquet"), batch_size=2), 1)
    datasets.Dataset.from_dict({"text": ["a"]}).to_parquet(str(tmp_path / "text.parquet"))
    with pytest.raises(UserError, match=r"text\.parquet: has no column of pictures, but text$"):
        make("images", root=str(tmp_path / "text.parquet"))
    labels = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    wrong = {"image": [{"bytes": encoded(0), "path": None}] * 2, "label": [0, -3]}
    datasets.Dataset.from_dict(wrong, features=labels).to_parquet(str(tmp_path / "wrong.parquet"))
    with pytest.raises(UserError, match=r"its label must be numbers of classes, from 0 on; data\.labels=none"):
        make("images", root=str(tmp_path / "wrong.parquet"))
    datasets.DatasetDict(train=of_hugging_face()).save_to_disk(str(tmp_path / "parts"))
    with pytest.raises(UserError, match=r"has the parts train; take one, data\.root=.*parts/train$"):
        make("images", root=str(tmp_path / "parts"))
    assert make("images", root=str(tmp_path / "parts" / "train")).class_names == ["0", "1", "2"]


def test_a_name_that_cannot_be_reached_is_told_in_one_line(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # where nothing listens
    for anywhere in (True, False):  # HF_HUB_OFFLINE=1, which sets both, and HF_DATASETS_OFFLINE=1
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", anywhere)
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
        with pytest.raises(
            UserError, match=r"^data\.root=hf://no/thing: the datasets library cannot load it"
        ) as caught:
            make("images", root="hf://no/thing")
        assert "\n" not in str(caught.value)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
    refused = r"^data\.root=hf://no/thing: http://127\.0\.0\.1:9 cannot be reached \(.*refused\); HF_HUB_OFFLINE=1 in "
    with pytest.raises(UserError, match=refused) as caught:
        make("images", root="hf://no/thing")
    assert "\n" not in str(caught.value)


def zip_of(root: Path, content: bytes, **changes: int) -> Path:
    """A ZIP of one stored picture whose directory is then changed by hand."""
    with ZipFile(root / "one.zip", "w") as archive:
        archive.writestr("a.png", content)
        for name, value in changes.items():
            setattr(archive.filelist[0], name, value)
    return root / "one.zip"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flag_bits": 1}, "a.png is encrypted, neither stored nor deflated, .*; make the ZIP anew$"),
        ({"compress_type": ZIP_LZMA}, "a.png is encrypted, neither stored nor deflated, .*; make the ZIP anew$"),
        ({"file_size": 2**63}, "a.png is .*, or of an impossible size; make the ZIP anew$"),
        ({"header_offset": 2**63}, "a.png is .*, or of an impossible size; make the ZIP anew$"),
        ({"CRC": 7}, "a.png: not a readable picture .its size or checksum is not what the ZIP says"),
        ({"file_size": 70}, "a.png: not a readable picture .its size or checksum is not what the ZIP says"),
        ({"header_offset": 5}, "a.png: not a readable picture .it is not where the ZIP says"),
    ],
)
def test_an_entry_that_is_not_as_the_zip_says(
    make: Make, tmp_path: Path, changes: dict[str, int], message: str
) -> None:
    root = zip_of(tmp_path, encoded(1), **changes)
    with pytest.raises(UserError, match=message):
        take(make("images", root=str(root), batch_size=1), 1)


def test_a_deflated_zip_is_read_and_unpacks_to_no_more_than_it_says(make: Make, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "made.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("a.png", encoded(3))
    assert numbers(take(make("images", root=str(tmp_path / "made.zip"), batch_size=1), 1)[0]) == [3]
    with ZipFile(tmp_path / "made.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10**7))
        archive.filelist[0].file_size = 100
    with pytest.raises(UserError, match="its size or checksum is not what the ZIP says"):
        take(make("images", root=str(tmp_path / "made.zip"), batch_size=1), 1)
