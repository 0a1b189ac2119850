"""Laws of the data's order and of a data module, on a set whose samples are their numbers."""

import pickle
from collections.abc import Iterator
from itertools import islice

import pytest
import torch
from torch import Tensor

from gan_lab.data.identity import DataIdentity
from gan_lab.data.module import GameData
from gan_lab.data.order import Order
from gan_lab.errors import UserError
from gan_lab.types import Batch


class Numbered(GameData):
    """Samples 0, ..., n - 1; their class is the remainder, if there are classes."""

    def __init__(self, n: int | None = 10, classes: int | None = 3, batch_size: int = 4, seed: int = 5) -> None:
        super().__init__((1,), classes, batch_size, seed)
        self.n = n

    @property
    def size(self) -> int | None:
        return self.n

    def batches(self, start: int) -> Iterator[Batch]:
        assert self.n is not None
        order = self.order(self.n)
        for batch in range(start, start + 1000):
            numbers = order.indices(batch)
            yield Batch(numbers[:, None].float(), None if self.num_classes is None else numbers % self.num_classes)


def numbers(data: GameData, n: int, start: int = 0) -> list[int]:
    return data.take(n, start).x[:, 0].int().tolist()


@pytest.mark.parametrize("batch_size", [1, 4, 5, 10])
def test_every_epoch_shows_every_sample_once_whatever_the_batch(batch_size: int) -> None:
    order = Order(10, batch_size, seed=1)
    stream = torch.cat([order.indices(i) for i in range(40 // batch_size)])
    epochs = stream.view(4, 10)
    assert all(sorted(epoch.tolist()) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 4  # each in an order of its own
    assert torch.equal(stream, torch.cat([Order(10, 2, seed=1).indices(i) for i in range(20)]))
    assert not torch.equal(
        stream, torch.cat([Order(10, batch_size, seed=2).indices(i) for i in range(40 // batch_size)])
    )


def test_ranks_share_out_each_batch() -> None:
    whole, ranks = Order(10, 4, 0), [Order(10, 4, 0, rank, 2) for rank in range(2)]
    for i in range(9):
        assert torch.equal(whole.indices(i), torch.cat([order.indices(i) for order in ranks]))
        assert [order.positions(i) for order in ranks] == [range(4 * i, 4 * i + 2), range(4 * i + 2, 4 * i + 4)]


def test_two_epochs_are_kept_for_the_batches_that_straddle_them() -> None:
    order = Order(10, 4, 0)
    for i in (2, 2, 2):  # the last two of epoch 0 and the first two of epoch 1
        order.indices(i)
    assert order._permutation.cache_info().misses == 2


def test_samples_may_have_other_numbers() -> None:
    order = Order(3, 3, 0, numbers=torch.tensor([7, 8, 9]))
    assert sorted(order.indices(0).tolist()) == [7, 8, 9]


def test_a_take_begins_at_a_batch_and_leaves_the_place() -> None:
    data = Numbered()
    first = numbers(data, 6)
    assert first == numbers(data, 6, 0) and first[4:] == numbers(data, 2, 1)
    assert data.drawn == 0
    assert torch.equal(data.take(6).y, torch.tensor(first) % 3)  # type: ignore[arg-type]
    assert Numbered(classes=None).take(6).y is None


def test_halves_share_no_sample_and_are_the_same_for_all_runs() -> None:
    one, two = Numbered(seed=1).halves()
    assert (one.available, two.available, Numbered().available, Numbered(n=None).available) == (5, 5, 10, None)
    assert {*numbers(one, 5)} | {*numbers(two, 5)} == set(range(10)) and (one.half, two.half) == (0, 1)
    assert {*numbers(one, 5)} == {*numbers(Numbered(seed=2).halves()[0], 5)} == {0, 2, 4, 7, 8}
    assert Numbered(n=None).halves()[1].available is None
    assert torch.equal(Numbered().numbers(4), torch.arange(4))
    with pytest.raises(UserError, match=r"^data.batch_size=6: larger than the data set, which has 5 samples$"):
        Numbered(batch_size=6).halves()[0].order(10)


def test_what_is_reordered_follows_from_the_seed_alone() -> None:
    of = [numbers(Numbered(seed=seed, batch_size=size).reordered(3), 10) for seed, size in ((1, 2), (2, 5))]
    assert of[0] == of[1] and sorted(of[0]) == list(range(10))
    assert Numbered().reordered(3).batch_size == 10 and Numbered().reordered(3, 7).batch_size == 7


def test_what_a_set_says_of_itself() -> None:
    data = Numbered()
    assert data.class_names == ["0", "1", "2"] and Numbered(classes=None).class_names is None
    assert [s.has_labels for s in (data, Numbered(classes=None), Numbered(n=None))] == [True, False, False]
    assert (data.identity, Numbered(n=None).identity) == (DataIdentity(10), DataIdentity(None))
    assert data.found == [data.identity.description()]
    assert data.levels is None and data.unseen(3) is None
    images = Numbered()
    images.shape = (1, 4, 4)
    assert images.levels == 256


def test_labelled_samples_are_all_of_them_in_one_order_or_none() -> None:
    found = [Numbered(seed=seed).labelled() for seed in (1, 2)]
    assert torch.equal(found[0].x, found[1].x) and sorted(found[0].x[:, 0].tolist()) == list(range(10))
    assert len(Numbered().labelled(4).x) == 4
    for without in (Numbered(classes=None), Numbered(n=None)):
        with pytest.raises(UserError, match="^needs class labels, and the data show none$"):
            without.labelled()


def test_the_place_is_the_whole_state() -> None:
    data, other = Numbered(), Numbered()
    data.drawn = 7
    other.load_state_dict(pickle.loads(pickle.dumps(data.state_dict())))
    assert other.drawn == 7
    assert torch.equal(next(islice(data.batches(7), 1)).x, data.take(4, 7).x)
    assert isinstance(data.take(1).x, Tensor)
