"""The laws of all data sets, each taken from its YAML: batch number i is a pure function of (seed, i)."""

import itertools
import re
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from gan_lab.data.module import GameData
from gan_lab.data.order import Order
from gan_lab.errors import UserError
from gan_lab.types import Batch

CONF = Path(__file__).parents[1] / "conf" / "data"
N = 23  # samples in the made-up sets
MADE_UP = {"mnist", "fashion_mnist", "kmnist", "image_folder", "paired_folder"}
STACKED = {"stacked_mnist"}  # made up, and without epochs
OFFLINE = sorted(
    {"digits", "ring", "grid", "mixture_1d", "gaussian", "cartpole", "photographs"} | MADE_UP | STACKED
)  # cifar10 checks hashes, so it cannot be made up

Make = Callable[..., Any]  # a GameData, or what its YAML makes of it


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_sets(root: Path) -> None:
    """N grey pictures, number i filled with the value i, in the layouts of MNIST's kin and of a plain folder."""
    images = np.broadcast_to(np.arange(N)[:, None, None], (N, 28, 28))
    for name, (split, count) in itertools.product(
        ("MNIST", "FashionMNIST", "KMNIST"), {"train": N, "t10k": N - 1}.items()
    ):
        write_idx(root / name / "raw" / f"{split}-images-idx3-ubyte", images[:count])
        write_idx(root / name / "raw" / f"{split}-labels-idx1-ubyte", np.arange(count) % 10)
    for i in range(N):
        path = root / "folder" / f"class{i % 3}" / f"{i:02}.{'PNG' if i % 2 else 'bmp'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 12), i).save(path)
        for part, level in (("target", i), ("given", 2 * i)):
            path = root / "pairs" / part / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (9, 12), level).save(path)


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Instantiate a data set from its YAML with some knobs turned, as `data.knob=value` does."""
    write_sets(tmp_path)

    def make(name: str, seed: int = 0, **knobs: Any) -> Any:
        defaults: dict[str, Any] = {}
        if name in MADE_UP | STACKED:
            defaults = {"root": str(tmp_path), "batch_size": 6}
        if name == "cartpole":
            defaults = {"transitions": 300, "batch_size": 64}
        if name in ("image_folder", "paired_folder"):
            folder = "folder" if name == "image_folder" else "pairs"
            defaults |= {"root": str(tmp_path / folder), "image_size": 8, "channels": 1, "workers": 0}
        config = OmegaConf.merge(OmegaConf.load(CONF / f"{name}.yaml"), defaults, knobs)
        config = OmegaConf.create({"seed": seed, "data": config})
        try:
            data = instantiate(config.data.module)
        except InstantiationException as error:
            raise error.__cause__ or error from None
        assert list(data.shape) == config.data.shape
        return data

    return make


def stand_in(**attributes: int) -> Any:
    """A trainer as far as data sets look at it."""
    return SimpleNamespace(**attributes)


def take(data: GameData, count: int, start: int = 0) -> list[Batch]:
    return list(itertools.islice(data.batches(start), count))


def same(a: Batch, b: Batch) -> bool:
    if a.y is None or b.y is None:
        return torch.equal(a.x, b.x) and a.y is b.y
    return torch.equal(a.x, b.x) and torch.equal(a.y, b.y)


def numbers(batch: Batch) -> list[int]:
    """Which of the made-up pictures these are, from their grey level."""
    return ((batch.x[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def test_every_yaml_is_tested() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == {
        *OFFLINE,
        "cifar10",
        "dirac",
    }  # dirac: every batch is the same


@pytest.mark.parametrize("name", OFFLINE)
class TestEverySet:
    def test_types_and_ranges(self, make: Make, name: str) -> None:
        data = make(name)
        for x, y, _ in take(data, 2):
            assert x.shape == (data.batch_size, *data.shape) and x.dtype == torch.float32
            told = (data.num_classes, data.condition_dim, data.condition_shape)
            assert (y is not None) == any(size is not None for size in told)
            if y is not None and data.condition_shape is not None:
                assert y.shape == (data.batch_size, *data.condition_shape) and y.dtype == torch.float32
            if y is not None and data.condition_dim is not None:
                assert y.shape == (data.batch_size, data.condition_dim) and y.dtype == torch.float32
            if y is not None and data.num_classes is not None:
                assert y.shape == (data.batch_size,) and y.dtype == torch.int64
                assert 0 <= y.min() and y.max() < data.num_classes
            if len(data.shape) == 3:
                assert -1 <= x.min() and x.max() <= 1

    def test_a_batch_is_a_function_of_seed_and_number(self, make: Make, name: str) -> None:
        state = torch.get_rng_state()
        batches = take(make(name), 8)
        later = take(make(name), 3, start=5)
        assert all(map(same, batches[5:], later))
        assert not torch.equal(batches[0].x, take(make(name, seed=1), 1)[0].x)
        assert not torch.equal(batches[0].x, batches[1].x)
        assert torch.equal(state, torch.get_rng_state())

    def test_ranks_share_the_global_batch(self, make: Make, name: str) -> None:
        whole = take(make(name, batch_size=6), 9)
        parts = []
        for rank in range(3):
            data = make(name, batch_size=6)
            data.trainer = stand_in(global_rank=rank, world_size=3)
            parts.append(take(data, 9))
        for batch, *shares in zip(whole, *parts, strict=True):
            assert [len(share.x) for share in shares] == [2, 2, 2]
            y = None if batch.y is None else torch.cat([share.y for share in shares if share.y is not None])
            assert same(batch, Batch(torch.cat([share.x for share in shares]), y))

    def test_ranks_must_divide_the_batch(self, make: Make, name: str) -> None:
        data = make(name, batch_size=6)
        data.trainer = stand_in(global_rank=0, world_size=4)
        with pytest.raises(UserError, match="data.batch_size=6: .* 4 processes"):
            data.setup("fit")

    def test_stream_counts_what_is_drawn(self, make: Make, name: str) -> None:
        data = make(name)
        expected = take(data, 5)
        stream = data.train_dataloader()
        rounds = iter(stream)
        assert next(rounds) is next(rounds) is stream.to("cpu")
        assert same(stream.draw(), expected[0]) and same(stream.draw(), expected[1])
        state = data.state_dict()
        assert state == {"drawn": 2}
        assert same(stream.draw(), expected[2])

        data.load_state_dict(state)  # back to the third batch, though the iterator has passed it
        assert same(stream.draw(), expected[2])
        resumed = make(name)
        resumed.load_state_dict(state)
        assert same(resumed.train_dataloader().draw(), expected[2])


@pytest.mark.parametrize("samples, batch_size", [(7, 7), (7, 3), (12, 4), (10, 1), (10, 9), (5, 4)])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_epoch_shows_every_sample_once(samples: int, batch_size: int, world: int) -> None:
    batch_size *= world
    samples *= world
    ranks = [Order(samples, batch_size, 0, rank, world) for rank in range(world)]
    sequence = [i for batch in range(samples * 4) for order in ranks for i in order.indices(batch).tolist()]
    positions = [p for batch in range(samples * 4) for order in ranks for p in order.positions(batch)]
    epochs = [sequence[i : i + samples] for i in range(0, 4 * samples, samples)]
    assert positions == list(range(len(positions)))
    assert all(sorted(epoch) == list(range(samples)) for epoch in epochs)
    assert samples < 5 or epochs[0] != epochs[1]
    assert ranks[0].indices(3).tolist() == Order(samples, batch_size, 0, 0, world).indices(3).tolist()


@pytest.mark.parametrize("name", sorted(MADE_UP))
@pytest.mark.parametrize("batch_size", [1, 5, N])
def test_every_epoch_shows_every_picture_once(make: Make, name: str, batch_size: int) -> None:
    shown = [number for batch in take(make(name, batch_size=batch_size), 2 * N) for number in numbers(batch)]
    assert sorted(shown[:N]) == sorted(shown[N : 2 * N]) == list(range(N))


@pytest.mark.parametrize("name", sorted(MADE_UP - {"paired_folder"}))
def test_labels_stay_with_their_pictures(make: Make, name: str) -> None:
    data = make(name)
    for batch in take(data, 4):
        assert batch.y is not None and data.num_classes is not None
        assert batch.y.tolist() == [number % data.num_classes for number in numbers(batch)]


@pytest.mark.parametrize("name", ["digits", *sorted(MADE_UP)])
def test_a_batch_larger_than_the_set(make: Make, name: str) -> None:
    with pytest.raises(UserError, match=r"data.batch_size=2000: larger than the data set, which has \d+ samples"):
        make(name, batch_size=2000).setup("fit")


def test_digits_are_scikit_learns(make: Make) -> None:
    from sklearn.datasets import load_digits  # type: ignore[import-untyped]

    images, labels = make("digits").whole
    np.testing.assert_allclose((images[:, 0] + 1) * 8, load_digits().images, atol=1e-5)
    assert labels.tolist() == load_digits().target.tolist()


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_image_size_subset_and_labels_are_knobs(make: Make, name: str) -> None:
    data = make(name, image_size=16, subset=20, num_classes=None, batch_size=20)
    (batch,) = take(data, 1)
    assert batch.x.shape == (20, 1, 16, 16) and batch.y is None
    assert -1 <= batch.x.min() and batch.x.max() <= 1


def test_resizing_keeps_the_mean(make: Make) -> None:
    small, large = (make("digits", image_size=size).whole[0] for size in (8, 32))
    torch.testing.assert_close(small[:100].mean(), large[:100].mean(), atol=0.02, rtol=0)


def test_the_test_split(make: Make) -> None:
    assert len(make("mnist", split="test").whole[0]) == N - 1


def test_wrong_channels_and_classes(make: Make) -> None:
    with pytest.raises(UserError, match=re.escape("data.shape=[3, 28, 28]")):
        make("mnist", shape=[3, 28, 28]).setup("fit")
    with pytest.raises(UserError, match="data.num_classes=5: the labels go from 0 to 9"):
        make("mnist", num_classes=5).setup("fit")


def unreachable(root: str, train: bool, download: bool) -> None:
    raise RuntimeError("Error downloading\nTried one\n<urlopen error no network>" if download else "not found")


def test_a_set_that_cannot_be_had(make: Make, tmp_path: Path) -> None:
    data = make("mnist")
    data.dataset = unreachable
    with pytest.raises(UserError) as caught:
        data.prepare_data()
    expected = "unreachable is not there and could not be downloaded (<urlopen error no network>)"
    assert str(caught.value) == f"data.root={tmp_path}: {expected}"


def test_a_damaged_set(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(UserError, match="MNIST cannot be read"):
        make("mnist").prepare_data()


def write_photos(root: Path) -> None:
    generator = np.random.default_rng(0)
    root.mkdir()
    for i in range(6):
        pixels = generator.integers(0, 256, (20 + i, 30 - i, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{i}.{'jpg' if i % 2 else 'webp'}")


@pytest.mark.parametrize("crop, flip", [("center", False), ("random", True), ("center", True)])
def test_workers_change_nothing(make: Make, tmp_path: Path, crop: str, flip: bool) -> None:
    write_photos(tmp_path / "photos")
    knobs: dict[str, Any] = {"root": str(tmp_path / "photos"), "channels": 3, "crop": crop, "flip": flip}
    alone, helped = (take(make("image_folder", workers=workers, **knobs), 4, start=2) for workers in (0, 2))
    assert all(map(same, alone, helped))
    assert alone[0].x.shape == (6, 3, 8, 8) and alone[0].y is None


def test_crop_and_flip_differ_from_position_to_position(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 32), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    center, cropped, flipped = (
        {tuple(batch.x.flatten().tolist()) for batch in take(data, 200)}
        for data in (
            make("image_folder", root=str(folder), batch_size=1, **knobs)
            for knobs in ({}, {"crop": "random"}, {"flip": True})
        )
    )
    assert len(center) == 1 and len(flipped) == 2 and center < flipped
    assert len(cropped) == 25  # every place in a picture 24 pixels too wide


def test_center_crop_without_resize_is_exact(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    pixels = np.arange(8 * 14, dtype=np.uint8).reshape(8, 14)
    Image.fromarray(pixels).save(folder / "a.png")
    (batch,) = take(make("image_folder", root=str(folder), batch_size=1), 1)
    np.testing.assert_allclose((batch.x[0, 0] + 1) * 127.5, pixels[:, 3:11], atol=1e-4)


def test_sixteen_bits_are_not_clipped(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    Image.fromarray(np.full((8, 8), 100 * 256, dtype=np.uint16)).save(folder / "a.png")
    (batch,) = take(make("image_folder", root=str(folder), batch_size=1), 1)
    assert numbers(batch) == [100]


def test_a_folder_without_pictures_and_one_that_is_not_there(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").touch()
    with pytest.raises(UserError, match=r"empty: holds no pictures \(files ending in .*\.jpg"):
        make("image_folder", root=str(tmp_path / "empty"))
    with pytest.raises(UserError, match=r"data.root=.*missing: no such folder"):
        make("image_folder", root=str(tmp_path / "missing"))


def test_classes_must_be_the_stated_ones(make: Make, tmp_path: Path) -> None:
    assert make("image_folder", num_classes=3).num_classes == make("image_folder").num_classes == 3
    with pytest.raises(UserError, match="data.num_classes=4: .* in 3 sub-folders"):
        make("image_folder", num_classes=4)
    Image.new("L", (8, 8)).save(tmp_path / "folder" / "stray.png")
    assert make("image_folder").num_classes is None


@pytest.mark.parametrize("workers", [0, 2])
class TestCorruptPictures:
    @pytest.fixture
    def bad(self, tmp_path: Path, make: Make) -> Path:
        bad = tmp_path / "folder" / "class1" / "07.PNG"
        bad.write_bytes(bad.read_bytes()[:40])
        return bad

    def test_one_line_names_the_file(self, make: Make, bad: Path, workers: int) -> None:
        with pytest.raises(UserError) as caught:
            take(make("image_folder", workers=workers), 4)
        assert "\n" not in str(caught.value)
        assert str(bad) in str(caught.value) and "data.skip_corrupt=true" in str(caught.value)

    def test_another_takes_its_place(self, make: Make, bad: Path, workers: int) -> None:
        with pytest.warns(UserWarning) as caught:
            batches = take(make("image_folder", workers=workers, skip_corrupt=True), 8)
        assert sum(str(bad) in str(warning.message) for warning in caught) == 1  # torch may warn of few cores
        shown = [number for batch in batches for number in numbers(batch)][:N]
        assert sorted(shown) == sorted([*({*range(N)} - {7}), 10])  # 10 is the next one in the same sub-folder
        for batch in batches:
            assert batch.y is not None and batch.y.tolist() == [number % 3 for number in numbers(batch)]

    def test_none_is_readable(self, make: Make, tmp_path: Path, workers: int) -> None:
        folder = tmp_path / "bad"
        folder.mkdir()
        for i in range(3):
            (folder / f"{i}.jpg").write_bytes(b"no picture")
        data = make("image_folder", root=str(folder), batch_size=2, workers=workers, skip_corrupt=True)
        with pytest.raises(UserError, match="no picture is readable"):
            take(data, 1)


class TestStacked:
    def test_each_channel_is_a_picture_and_the_mode_its_classes(self, make: Make) -> None:
        for batch in take(make("stacked_mnist"), 3):
            pixels = ((batch.x + 1) * 127.5).round().int()
            assert torch.equal(pixels, pixels[:, :, :1, :1].expand_as(pixels))  # as made up: one level a picture
            digits = pixels[:, :, 0, 0] % 10
            assert batch.y is not None
            assert batch.y.tolist() == [100 * r + 10 * g + b for r, g, b in digits.tolist()]

    def test_all_pictures_come_equally_often(self, make: Make) -> None:
        x = make("stacked_mnist", batch_size=5000).take(5000).x
        shown = torch.bincount(((x[:, :, 0, 0] + 1) * 127.5).round().long().flatten(), minlength=N)
        assert shown.min() > 0.8 * 15000 / N and shown.max() < 1.2 * 15000 / N

    def test_the_base_must_fit(self, make: Make) -> None:
        with pytest.raises(UserError, match="data.num_classes=10: must be 1000, the number of modes, or null"):
            make("stacked_mnist", num_classes=10)
        assert take(make("stacked_mnist", num_classes=None), 1)[0].y is None
        with pytest.raises(UserError, match=re.escape("data.shape=[3, 28, 28]: needs grey pictures")):
            make("stacked_mnist", module={"base": {"num_classes": None}})
