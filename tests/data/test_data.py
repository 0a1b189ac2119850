"""The laws of all data sets, each taken from its YAML: batch number i is a pure function of (seed, i)."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.made_up_sets import CONF, MADE_UP, OFFLINE, Make, N, numbers, same, stand_in, take

from gan_lab.data.order import Order
from gan_lab.errors import UserError
from gan_lab.types import Batch


def test_every_yaml_is_tested() -> None:
    assert {path.stem for path in CONF.glob("*.yaml")} == {*OFFLINE, "cifar10", "dirac"}  # dirac: one batch for ever


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
    with pytest.raises(UserError, match="data.num_classes=5: the data have 10 classes"):
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
