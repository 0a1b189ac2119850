"""Twelve made-up pictures, in three classes where the format has classes, in every format that the lab reads."""

import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

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


LABELLED = [as_folder, as_zip, as_npz, as_hdf5, as_shards, as_pattern, as_arrow, as_parquet]
FORMATS = [*LABELLED, as_npy, as_lmdb]
