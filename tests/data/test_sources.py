"""Sources of pictures: the same pictures, labels and batches, whatever they lie in."""

import gzip
import json
import os
import sys
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_LZMA, ZipFile

import numpy as np
import pytest
from helpers.made_up_sets import Make, numbers, same, take
from helpers.runs import assert_resumes
from omegaconf import DictConfig
from PIL import Image

from gan_lab.config.arguments import quoted
from gan_lab.data import kept
from gan_lab.data.identity import DataIdentity
from gan_lab.data.module import GameData, Stream
from gan_lab.data.sources import arrays, source
from gan_lab.errors import UserError
from gan_lab.types import Batch

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


def as_shards(root: Path) -> Path:
    """Two tar files; the labels are in a .cls or a .json, before or behind the picture."""
    (root / "made").mkdir()
    for shard in range(2):
        with tarfile.open(root / "made" / f"shard-{shard:06}.tar", "w") as tar:
            for i in range(6 * shard, 6 * shard + 6):
                add(tar, f"{i:04}.txt", b"a caption")
                if i % 2:
                    add(tar, f"{i:04}.json", json.dumps({"label": int(LABELS[i])}).encode())
                add(tar, f"{i:04}.png", encoded(i))
                if not i % 2:
                    add(tar, f"{i:04}.cls", str(LABELS[i]).encode())
    return root / "made"


def as_pattern(root: Path) -> str:
    return str(as_shards(root) / "shard-{000000..000001}.tar")


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, BytesIO(content))


def of_hugging_face() -> Any:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["0", "1", "2"])})
    pictures = [{"bytes": encoded(i), "path": None} for i in range(COUNT)]
    return datasets.Dataset.from_dict({"image": pictures, "label": LABELS.tolist()}, features=features)


def as_arrow(root: Path) -> Path:
    of_hugging_face().save_to_disk(str(root / "made"), num_shards=2)
    return root / "made"


def as_parquet(root: Path) -> Path:
    (root / "made").mkdir()
    of_hugging_face().to_parquet(str(root / "made" / "train-00000-of-00001.parquet"))
    of_hugging_face().select([0]).to_parquet(str(root / "made" / "test-00000-of-00001.parquet"))
    return root / "made"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of `datasets`, too, which reads where it is when it is imported."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    if "datasets" in sys.modules:
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")


LABELLED = [as_folder, as_zip, as_npz, as_hdf5, as_shards, as_pattern, as_arrow, as_parquet]
FORMATS = [*LABELLED, as_npy, as_lmdb]


@pytest.mark.parametrize("made", FORMATS)
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
    facts = data.identity.to_json()
    assert facts["digest_of"] and DataIdentity.from_json(facts) == data.identity


def drawn(data: GameData, count: int) -> list[Batch]:
    stream = Stream(data)
    return [stream.draw() for _ in range(count)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("made", FORMATS)
def test_a_resume_in_mid_epoch_is_exact_with_other_workers(make: Make, tmp_path: Path, made: Any, workers: int) -> None:
    """Twelve pictures in batches of five; stopped after three, which are an epoch and a quarter."""
    knobs: dict[str, Any] = {"root": str(made(tmp_path)), "batch_size": 5, "crop": "random", "flip": True}
    knobs |= {"image_size": 4, "balance": {"0": 1, "1": 2, "2": 3} if made in LABELLED else None}
    whole, before = make("images", **knobs), make("images", workers=workers, **knobs)
    expected = drawn(whole, 8)
    assert all(map(same, drawn(before, 3), expected))
    after = make("images", workers=2 - workers, **knobs)
    after.load_state_dict(before.state_dict())
    assert all(map(same, drawn(after, 5), expected[3:]))


@pytest.mark.slow
@pytest.mark.parametrize("made", FORMATS)
def test_a_killed_run_ends_as_one_that_was_not(composed: Callable[..., DictConfig], tmp_path: Path, made: Any) -> None:
    root = made(tmp_path)
    pictures = ["data=images", f"data.root={quoted(str(root))}", "data.image_size=8", "data.channels=1"]
    few = ["data.batch_size=5", "data.workers=0", "data.flip=true", "callbacks.checkpoint.every=2", "rounds=5"]
    small = ["model=mlp", "model.hidden=[8]", "latent.dim=4"]

    def config(name: str) -> DictConfig:
        return composed(*pictures, *few, *small, f"directory={tmp_path / name}", small=False)

    assert_resumes(config, tmp_path)


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


def test_labels_of_very_many_digits_are_names(make: Make, tmp_path: Path) -> None:
    """Python makes no number of more than 4,300."""
    root, labels = as_folder(tmp_path), ["1" * 5000, "2" * 19]
    (root / "list.csv").write_text("file,label\n" + "".join(f"{name(i)},{labels[i % 2]}\n" for i in range(COUNT)))
    assert make("images", root=str(root), labels="list.csv").class_names == labels


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
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"^data\.root=hf://no/thing: the datasets library cannot load it") as caught:
        make("images", root="hf://no/thing")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    refused = r"^data\.root=hf://no/thing: http://127\.0\.0\.1:9 cannot be reached \(.*refused\); HF_HUB_OFFLINE=1 in "
    with pytest.raises(UserError, match=refused) as caught:
        make("images", root="hf://no/thing")
    assert "\n" not in str(caught.value)


# --- the list of contents that is kept -----------------------------------------------------------------------------


def facts_of(data: Any) -> Any:
    labels = None if data.labels is None else data.labels.tolist()
    return [*data.source.names], data.class_names, labels, data.source.passed_over, data.identity


@pytest.mark.parametrize("made", [as_zip, as_shards])
def test_contents_are_read_from_the_cache_while_no_file_changes(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Any
) -> None:
    """A file of the same size and time of modification, put in its place, is another."""
    root = made(tmp_path)
    file = root if root.is_file() else next(iter(sorted(root.iterdir())))
    monkeypatch.setattr(kept, "LARGE", 1)
    monkeypatch.setattr(kept, "SETTLED", 0)
    module = sys.modules[type(make("images", root=str(root), batch_size=5).source).__module__]
    searches: list[Any] = []
    search = module._search
    monkeypatch.setattr(module, "_search", lambda *given: searches.append(given) or search(*given))
    monkeypatch.setattr(kept, "VERSION", 0)  # what was kept before does not count
    first, again = (make("images", root=str(root), batch_size=5) for _ in range(2))
    assert len(searches) == 1 and facts_of(first) == facts_of(again)
    assert all(map(same, take(first, 3), take(again, 3)))
    assert make("images", root=str(root), labels="none", batch_size=5).num_classes is None and len(searches) == 2
    before = file.stat()
    other = tmp_path / "other"
    other.write_bytes(file.read_bytes())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(file)
    assert facts_of(make("images", root=str(root), batch_size=5)) == facts_of(first) and len(searches) == 3
    for path in (tmp_path / "cache" / "gan_lab").iterdir():
        path.write_bytes(path.read_bytes()[:-300])
    assert facts_of(make("images", root=str(root), batch_size=5)) == facts_of(first) and len(searches) == 4


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"nothing"])
def test_a_damaged_file_of_arrays_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.npz").write_bytes(content)
    assert kept.read_arrays(tmp_path / "index.npz") == {}


def test_a_single_array_counts_as_none(tmp_path: Path) -> None:
    np.save(tmp_path / "index.npy", np.arange(3))
    assert kept.read_arrays(tmp_path / "index.npy") == {}


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
