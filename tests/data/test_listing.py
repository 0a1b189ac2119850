"""What a folder of pictures holds: nothing is selected, left out or counted twice without a word."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.made_up_sets import Make, numbers, take
from PIL import Image

from gan_lab.data import index as indexing
from gan_lab.data import kept, listing
from gan_lab.data.index import index
from gan_lab.data.listing import Listing, endings, list_pictures
from gan_lab.data.names import Names
from gan_lab.errors import UserError


def fill(*folders: Path, count: int = 3, ending: str = ".png") -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("RGB", (8, 8)).save(folder / f"{i}{ending}", format=None if ending != ".jfif" else "JPEG")


def test_every_kind_of_picture_that_pillow_reads(tmp_path: Path) -> None:
    for ending in (".ppm", ".jfif", ".jpg", ".TGA", ".webp"):
        fill(tmp_path / f"class{ending}", ending=ending)
    found = list_pictures(str(tmp_path))
    assert set(found.counts.values()) == {3} and len(found.classes) == 5
    assert found.passed_over == {}
    assert not endings() & {".eps", ".pdf", ".h5", ".mpg"}  # they ask other programs, or are not read


def test_an_ending_does_not_decide_what_a_file_is(make: Make, tmp_path: Path) -> None:
    """PostScript is a program, and Pillow would have another program run it."""
    folder = tmp_path / "one"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "a.eps")
    (folder / "a.eps").rename(folder / "a.png")
    with pytest.raises(UserError, match=r"a\.png: not a readable picture"):
        take(make("images", root=str(folder), batch_size=1), 1)


def test_a_stray_picture_leaves_the_classes_alone_and_is_told(tmp_path: Path) -> None:
    fill(tmp_path / "cat", tmp_path / "dog")
    Image.new("L", (8, 8)).save(tmp_path / "preview.png")
    found = list_pictures(str(tmp_path))
    assert found.counts == {"cat": 3, "dog": 3}
    assert found.passed_over == {"beside the folders of classes": ["preview.png"]}


def test_most_pictures_in_the_root_are_no_classes(tmp_path: Path) -> None:
    fill(tmp_path, count=4)
    fill(tmp_path / "more")
    found = list_pictures(str(tmp_path))
    assert (len(found.files), found.classes, found.passed_over) == (7, [], {})


def test_an_archive_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "pictures.zip").touch()
    with pytest.raises(UserError, match=r"pictures\.zip: is a file, and must be a folder"):
        list_pictures(str(tmp_path / "pictures.zip"))
    with pytest.raises(UserError, match="none: no such folder"):
        list_pictures(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("parts", "take"), [(["train", "val"], "train"), (["Test"], "Test"), (["test", "train"], "train")]
)
def test_parts_of_a_data_set_are_no_classes(tmp_path: Path, parts: list[str], take: str) -> None:
    fill(*(tmp_path / part / name for part in parts for name in ("cat", "dog")))
    with pytest.raises(UserError, match=f"parts of a data set and no classes; .*data.root={tmp_path / take}$"):
        list_pictures(str(tmp_path))
    assert list_pictures(str(tmp_path / take)).classes == ["cat", "dog"]  # the advice, followed
    fill(tmp_path / "boat")
    assert len(list_pictures(str(tmp_path)).classes) == len(parts) + 1  # trains are a class beside boats


def loop(root: Path) -> None:
    (root / "a" / "up").symlink_to("..", target_is_directory=True)


def around(root: Path) -> None:
    (root / "a" / "up").symlink_to("../..", target_is_directory=True)


def crossed(root: Path) -> None:
    (root / "a" / "to_b").symlink_to("../b", target_is_directory=True)
    (root / "b" / "to_a").symlink_to("../a", target_is_directory=True)


def itself(root: Path) -> None:
    (root / "a" / "self").symlink_to("self", target_is_directory=True)


@pytest.mark.parametrize("tie", [loop, around, crossed, itself])
def test_no_loop_of_links_shows_a_picture_twice(tmp_path: Path, tie: Callable[[Path], None]) -> None:
    fill(tmp_path / "root" / "a", tmp_path / "root" / "b", tmp_path / "elsewhere")
    before = list_pictures(str(tmp_path / "root"))
    tie(tmp_path / "root")
    found = list_pictures(str(tmp_path / "root"))
    assert (found.digest, found.counts) == (before.digest, before.counts)
    assert found.passed_over


def test_links_out_of_the_folder_are_followed(tmp_path: Path) -> None:
    fill(tmp_path / "store" / "cat", tmp_path / "root" / "dog")
    (tmp_path / "root" / "cat").symlink_to(tmp_path / "store" / "cat", target_is_directory=True)
    (tmp_path / "root" / "dog" / "linked.png").symlink_to(tmp_path / "store" / "cat" / "0.png")
    assert list_pictures(str(tmp_path / "root")).counts == {"cat": 3, "dog": 4}


def test_what_is_passed_over_is_told(make: Make, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    fill(root / "cat", root / "dog")
    (root / "bird").mkdir()
    (root / "cat" / "notes.txt").touch()
    (root / "cat" / ".DS_Store").touch()
    (root / "cat" / "README").touch()
    (root / "dog" / "gone.png").symlink_to("nowhere.png")
    os.mkfifo(root / "dog" / "pipe.png")
    data = make("images", root=str(root))
    told = "\n".join(data.found)
    assert "6 samples in 2 classes: cat 3, dog 3" in told
    for file in ("bird", "cat/notes.txt", "cat/.DS_Store", "cat/README", "dog/gone.png", "dog/pipe.png"):
        assert file in told


def test_the_digest_follows_names_and_sizes_and_not_the_place(tmp_path: Path) -> None:
    fill(tmp_path / "here" / "cat")
    before = list_pictures(str(tmp_path / "here")).digest
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert list_pictures(str(tmp_path / "there")).digest == before
    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "there" / "cat" / "0.png")
    assert list_pictures(str(tmp_path / "there")).digest != before
    (tmp_path / "here" / "cat").rename(tmp_path / "here" / "dog")
    assert list_pictures(str(tmp_path / "here")).digest != before


def test_order_of_pictures_is_that_of_their_paths(make: Make, tmp_path: Path) -> None:
    files = [*list_pictures(str(tmp_path / "folder")).files]
    assert files == sorted(files)
    assert sorted(numbers(take(make("images", batch_size=23), 1)[0])) == list(range(23))


def test_names_in_one_buffer() -> None:
    given = ["", "a/b.png", "é\udcff.png", "z"]  # the third is no UTF-8 on the disk
    names = Names.of(given)
    assert [*names] == given and [names[i] for i in range(4)] == given
    assert (names[-1], names[1:3], len(names), "z" in names) == ("z", given[1:3], 4, True)
    with pytest.raises(IndexError):
        names[4]


@pytest.mark.parametrize("tie", [None, crossed, loop])
def test_paths_come_sorted_whatever_lies_beside_what(tmp_path: Path, tie: Callable[[Path], None] | None) -> None:
    """A folder's name sorts with its separator: a-b.png, a/x.png, a.png in the order of -, / and ."""
    root = tmp_path / "root"
    fill(root / "a" / "deep", root / "a", root / "a-b", root / "b", root / "a.c", root)
    (root / "a-b.png").write_bytes((root / "0.png").read_bytes())
    (root / "elsewhere").symlink_to(tmp_path / "store", target_is_directory=True)
    fill(tmp_path / "store")
    if tie is not None:
        tie(root)
    files = [*list_pictures(str(root), with_classes=False).files]
    assert files == sorted(files) and len(files) == 22


# --- the index that is kept ----------------------------------------------------------------------------------------


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The folders that were searched; all count as large, and as settled."""
    found: list[str] = []

    def search(root: str, with_classes: bool) -> Any:
        found.append(root)
        return listing.search(root, with_classes)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "LARGE", 1)
    monkeypatch.setattr(kept, "SETTLED", 0)
    monkeypatch.setattr(indexing, "search", search)
    return found


def as_plain(found: tuple[Listing, str]) -> Any:
    listing, digest = found
    labels = None if listing.labels is None else listing.labels.tolist()
    return [*listing.files], listing.sizes.tolist(), listing.classes, labels, listing.passed_over, digest


def test_an_index_is_read_from_the_cache_while_no_folder_changes(tmp_path: Path, searches: list[str]) -> None:
    root = tmp_path / "root"
    fill(root / "cat" / "deep", root / "dog")
    (root / "dog" / "notes.txt").touch()
    first = index(str(root))
    assert as_plain(index(str(root))) == as_plain(first) and len(searches) == 1
    assert as_plain(first)[:5] == as_plain((list_pictures(str(root)), ""))[:5] and first[1] == first[0].digest
    assert index(str(root), with_classes=False)[0].classes == [] and len(searches) == 2
    fill(root / "cat" / "deep", count=4)
    assert len(index(str(root))[0].files) == 7 and len(searches) == 3
    (root / "dog" / "0.png").unlink()
    assert len(index(str(root))[0].files) == 6 and len(searches) == 4
    (root / "dog" / "1.png").write_bytes(b"in its place")
    assert index(str(root))[0].sizes.min() == 12 and len(searches) == 5


def test_a_folder_that_is_small_or_changes_is_listed_again(
    tmp_path: Path, searches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "root")
    for name, value in (("LARGE", 4), ("SETTLED", 10**12)):
        monkeypatch.setattr(kept, name, value)
        assert len([index(str(tmp_path / "root")) for _ in range(2)]) == 2
    assert len(searches) == 4


@pytest.mark.parametrize("change", ["damaged", "link", "writable", "escape", "pickle"])
def test_an_index_that_a_stranger_could_have_written_is_not_used(
    tmp_path: Path, searches: list[str], change: str
) -> None:
    root = tmp_path / "root"
    fill(root)
    expected = as_plain(index(str(root)))
    (path,) = (tmp_path / "cache" / "gan_lab").glob("index-*.npz")
    if change == "damaged":
        path.write_bytes(path.read_bytes()[:-300])
    elif change == "link":
        path.symlink_to(path.rename(tmp_path / "elsewhere.npz"))
    elif change == "writable":
        path.chmod(0o666)
    else:
        with np.load(path) as arrays:
            changed = dict(arrays)
        bad: Any = np.array([{}], dtype=object)
        if change == "escape":
            bad = np.frombuffer(Names.of(["0.png", "../root/1.png", "2.png"]).text, np.uint8)
        np.savez(path, **changed | {"files": bad})
    assert as_plain(index(str(root))) == expected and len(searches) == 2
