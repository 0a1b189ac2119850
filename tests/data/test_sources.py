"""Sources of pictures: the same pictures, labels and batches, whatever they lie in."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import formats
from helpers.formats import ARRAY, COUNT, FORMATS, LABELLED, as_folder, as_hdf5, as_npy, as_shards, as_zip, name
from helpers.made_up_sets import Make, numbers, same, take
from helpers.runs import assert_resumes
from omegaconf import DictConfig

from gan_lab.config.arguments import quoted
from gan_lab.data import kept
from gan_lab.data.identity import DataIdentity
from gan_lab.data.module import GameData, Stream
from gan_lab.data.sources import arrays
from gan_lab.errors import UserError
from gan_lab.types import Batch

pytestmark = pytest.mark.usefixtures("own_cache")


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
    for text in ("file,label\na\n", 'file,label\n"a"b,c\n', "file,label\na,b\na,c\n"):  # too short; no CSV; two things
        (root / "list.csv").write_text(text)
        with pytest.raises(UserError, match=r"data\.labels=.*list\.csv: (must have|not readable|has two rows for a, )"):
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


def test_labels_of_very_many_digits_are_names(make: Make, tmp_path: Path) -> None:
    """Python makes no number of more than 4,300."""
    root, labels = as_folder(tmp_path), ["1" * 5000, "2" * 19]
    (root / "list.csv").write_text("file,label\n" + "".join(f"{name(i)},{labels[i % 2]}\n" for i in range(COUNT)))
    assert make("images", root=str(root), labels="list.csv").class_names == labels


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
            patch.setattr(formats, "ARRAY", other)
            (tmp_path / str(changed)).mkdir()
            root = str(made(tmp_path / str(changed)))
        assert (make("images", root=root).identity != before) == seen


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
