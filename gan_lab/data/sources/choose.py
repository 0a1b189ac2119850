"""Choice of a source by what is there."""

import os
from pathlib import Path

from gan_lab.data.listing import why_not
from gan_lab.data.sources.archive import Archive
from gan_lab.data.sources.arrays import Hdf5, Numpy
from gan_lab.data.sources.folder import Folder
from gan_lab.data.sources.huggingface import HUB, HuggingFace
from gan_lab.data.sources.labels import classes_of, is_list, read_list
from gan_lab.data.sources.lmdb import Lmdb
from gan_lab.data.sources.shards import Shards, is_pattern
from gan_lab.data.sources.source import Source
from gan_lab.errors import UserError


def open_source(root: str, labels: str = "auto") -> Source:
    """The pictures at `root`: a folder (of image, tar, .parquet or .arrow files), a file that is a ZIP, .npy, .npz,
    HDF5, LMDB or tar, or a data set of Hugging Face's by its name.

    `labels` says where the classes come from: `auto` (dataset.json where there is one, else sub-folders, or the labels
    that the format has), `folders`, `none`, or a CSV or JSONL with the columns file and label, by its path, from `root`
    on or from here.

    Raises UserError where there is nothing to read, or the labels do not fit.
    """
    listed = is_list(labels)
    if labels not in ("auto", "folders", "none") and not listed:
        raise UserError(f"data.labels={labels}: must be auto, folders, none, or a list that ends in .csv or .jsonl")
    source = _opened(root, labels)
    if listed:
        path = next((p for p in (Path(root, labels), Path(labels)) if p.is_file()), Path(labels))
        source.classes, source.labels = classes_of(read_list(path), source.names, f"data.labels={path}")
    elif source.given:
        source.classes, source.labels = classes_of(source.given, source.names, f"{root}: its labels")
        source.given = None  # of a million pictures it takes 200 MB
    return source


def _opened(root: str, labels: str) -> Source:
    with_classes, with_json, path = labels in ("auto", "folders"), labels == "auto", Path(root)
    ending = path.suffix.lower()
    if root.startswith(HUB):
        return _unlabelled(HuggingFace(root, with_json), labels)
    if is_pattern(root) and not path.exists():
        return _unlabelled(Shards(root, with_json), labels)
    if path.is_dir():
        if Path(root, "data.mdb").is_file():
            return _unlabelled(Lmdb(root), labels)
        if Path(root, "dataset_dict.json").is_file():
            parts = sorted(part.name for part in path.iterdir() if part.is_dir())
            part = "train" if "train" in parts else parts[0]
            raise UserError(f"data.root={root}: has the parts {', '.join(parts)}; take one, data.root={path / part}")
        inside = _files_without_pictures(path)
        if ".tar" in inside:
            return _unlabelled(Shards(root, with_json), labels)
        if inside & {".arrow", ".parquet"}:
            return _unlabelled(HuggingFace(root, with_json), labels)
        return Folder(root, with_classes, with_json)
    if not path.exists():
        raise UserError(f"data.root={root}: no such folder or file")
    if not os.access(path, os.R_OK):
        raise UserError(f"data.root={root}: permission denied; chmod u+r makes it readable to its owner")
    if ending == ".zip":
        return Archive(root, with_classes, with_json)
    if ending in (".npy", ".npz"):
        return _unlabelled(Numpy(root, with_json), labels)
    if ending in (".h5", ".hdf5"):
        return _unlabelled(Hdf5(root, with_json), labels)
    if ending in (".lmdb", ".mdb"):
        return _unlabelled(Lmdb(root), labels)
    if ending == ".tar":
        return _unlabelled(Shards(root, with_json), labels)
    if ending in (".arrow", ".parquet"):
        return _unlabelled(HuggingFace(root, with_json), labels)
    endings = ".zip, .npy, .npz, .h5, .hdf5, .lmdb, .tar, .parquet or .arrow"
    raise UserError(f"data.root={root}: must be a folder, or a file that ends in {endings}")


def _files_without_pictures(folder: Path) -> set[str]:
    """The endings of the files in a folder that has neither pictures nor folders in it; empty where it has."""
    found = set()
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    if entry.is_dir() or why_not(entry.name) is None:
                        return set()
                    found.add(Path(entry.name).suffix.lower())
    except OSError:
        return set()  # what lists the folder says what is wrong
    return found


def _unlabelled(source: Source, labels: str) -> Source:
    if labels == "folders":
        raise UserError(f"data.labels=folders: {source.root} has no folders in it")
    return source
