"""How fast pictures are read: the lab's formats, torchvision's ImageFolder, and StyleGAN3's reader of ZIPs.

    python benchmarks/data.py [--side 64] [--pictures 2000] [--jpegs 100 200] [--turns 15] [--batches 4]
        [--only WORD ...] [--stylegan3 CHECKOUT]

from the root of the repository. The same made-up pictures lie in a folder of JPEGs of other sizes, and ready, as PNGs
of the wanted size, in all formats. Batches of 64 are drawn by turns from all contestants, in one process and thread
without workers, in seconds of the processor: pictures a second and core. CHECKOUT is a copy of NVlabs/stylegan3, whose
reader is measured where it is given. `--jpegs` is the range of their sides, up to 400; each of the `--turns` draws so
many `--batches`; `--only` takes the contestants with one of the words in their names. Writes OUT.md.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import torch
from PIL import Image
from racing.folder import write

from gan_lab.data.images import Images

BATCH = 64


def pngs(side: int, count: int, folder: Path) -> list[bytes]:
    """The JPEGs of the folder as PNGs of this size."""
    found = []
    for file in sorted(folder.rglob("*.jpg"))[:count]:
        out = BytesIO()
        Image.open(file).resize((side, side)).save(out, "PNG")
        found.append(out.getvalue())
    return found


def formats(pictures: list[bytes], root: Path) -> dict[str, str]:
    """The pictures in each format, by its name."""
    import datasets
    import h5py
    import lmdb

    def name(i: int) -> str:
        return f"{i % 10:05}/img{i:08}.png"

    with ZipFile(root / "made.zip", "w", ZIP_STORED) as archive:
        for i, picture in enumerate(pictures):
            archive.writestr(name(i), picture)
        archive.writestr("dataset.json", json.dumps({"labels": [[name(i), i % 10] for i in range(len(pictures))]}))
    for i, picture in enumerate(pictures):
        file = root / "png" / name(i)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture)
    decoded = np.stack([np.asarray(Image.open(BytesIO(picture)).convert("RGB")) for picture in pictures])
    np.save(root / "made.npy", decoded)
    with h5py.File(root / "made.h5", "w") as hdf5:
        hdf5["images"] = decoded
    with lmdb.open(str(root / "lmdb"), map_size=2**32) as database, database.begin(write=True) as transaction:
        for i, picture in enumerate(pictures):
            transaction.put(f"{i:08}".encode(), picture)
    (root / "tars").mkdir()
    _shards(pictures, root / "tars")
    datasets.disable_progress_bars()
    rows = [{"bytes": picture, "path": None} for picture in pictures]
    features = datasets.Features({"image": datasets.Image()})
    datasets.Dataset.from_dict({"image": rows}, features=features).save_to_disk(str(root / "arrow"))
    return {
        "folder of PNGs": str(root / "png"),
        "ZIP": str(root / "made.zip"),
        "tar shards": str(root / "tars"),
        "LMDB": str(root / "lmdb"),
        "arrow (Hugging Face)": str(root / "arrow"),
        ".npy": str(root / "made.npy"),
        "HDF5": str(root / "made.h5"),
    }


def _shards(pictures: list[bytes], folder: Path) -> None:
    import tarfile

    for shard in range(2):
        with tarfile.open(folder / f"shard-{shard:06}.tar", "w") as tar:
            for i in range(shard, len(pictures), 2):
                entry = tarfile.TarInfo(f"{i:08}.png")
                entry.size = len(pictures[i])
                tar.addfile(entry, BytesIO(pictures[i]))


def by_lab(root: str, side: int, **knobs: Any) -> Iterator[Any]:
    return Images(root, (3, side, side), None, BATCH, seed=0, workers=0, **{"memory": 0, **knobs}).batches(0)


def by_torchvision(root: str, side: int) -> Iterator[Any]:
    """As PyTorch's DCGAN example has it."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    steps = [
        transforms.Resize(side), transforms.CenterCrop(side), transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ]  # fmt: skip
    pictures = datasets.ImageFolder(root, transforms.Compose(steps))
    while True:
        yield from DataLoader(pictures, BATCH, shuffle=True, drop_last=True)


def by_stylegan3(checkout: str, root: str) -> Iterator[Any]:
    """Its data set behind a DataLoader, as its training loop has it but for the workers."""
    from torch.utils.data import DataLoader

    sys.path.insert(0, checkout)
    from training.dataset import ImageFolderDataset  # type: ignore[import-not-found]

    pictures = ImageFolderDataset(root, use_labels=True)
    while True:
        yield from DataLoader(pictures, BATCH, shuffle=True, drop_last=True)


def race(contestants: dict[str, Iterator[Any]], turns: int, at_once: int) -> dict[str, list[float]]:
    """Pictures a second of each, turn by turn."""
    paces: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-1, turns):  # the first one warms up
        for name, batches in contestants.items():
            before = time.process_time()
            for _ in range(at_once):
                next(batches)
            if turn >= 0:
                paces[name].append(BATCH * at_once / (time.process_time() - before))
    return paces


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--jpegs", type=int, nargs=2, default=(100, 200))
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=[""])
    parser.add_argument("--stylegan3", help="a checkout of NVlabs/stylegan3")
    parser.add_argument("--out", default="data")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["XDG_CACHE_HOME"] = os.environ["HF_HOME"] = str(root / "cache")
        write(root / "jpg", given.pictures, *given.jpegs)
        made = formats(pngs(given.side, given.pictures, root / "jpg"), root)
        contestants = {
            "lab: folder of JPEGs": by_lab(str(root / "jpg"), given.side),
            "lab: folder of JPEGs, bilinear": by_lab(str(root / "jpg"), given.side, resample="bilinear"),
            "torchvision: folder of JPEGs": by_torchvision(str(root / "jpg"), given.side),
            "torchvision: folder of PNGs": by_torchvision(made["folder of PNGs"], given.side),
            **{f"lab: {name}": by_lab(path, given.side) for name, path in made.items()},
            "lab: ZIP, kept in memory": by_lab(made["ZIP"], given.side, memory=2**40),
            "lab: ZIP, data.cache": by_lab(made["ZIP"], given.side, cache=str(root / "kept")),
        }
        if given.stylegan3:
            contestants["StyleGAN3: ZIP"] = by_stylegan3(given.stylegan3, made["ZIP"])
        contestants = {
            name: batches for name, batches in contestants.items() if any(word in name for word in given.only)
        }
        for name in {"lab: ZIP, kept in memory", "lab: ZIP, data.cache"} & contestants.keys():
            for _ in range(given.pictures // BATCH + 1):  # the first epoch decodes
                next(contestants[name])
        paces = race(contestants, given.turns, given.batches)
    lines = [f"| {given.side} x {given.side} | pictures a second: median | most |", "|---|---|---|"]
    lines += [f"| {name} | {statistics.median(found):,.0f} | {max(found):,.0f} |" for name, found in paces.items()]
    text = "\n".join(lines)
    print(text)
    Path(f"{given.out}.md").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
