"""Sampling by class: exact shares, no sample preferred to another of its class, the same on any number of processes."""

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.made_up_sets import Make, numbers, same, stand_in, take
from torch import Tensor

from gan_lab.data.balance import BalancedOrder, shares_of
from gan_lab.errors import UserError

LABELS = torch.tensor([0] * 7 + [1] * 2 + [2] * 3)  # 12 samples


def stream(order: BalancedOrder, epochs: int) -> Tensor:
    return torch.cat([order.indices(i) for i in range(epochs * order.samples // order.batch_size)])


@pytest.mark.parametrize("weights, places", [([1, 1, 1], [4, 4, 4]), ([3, 2, 1], [6, 4, 2]), ([1, 0, 2], [4, 0, 8])])
@pytest.mark.parametrize("batch_size", [1, 5, 12])
def test_shares_are_exact_in_every_epoch_and_fair_within_a_class(
    weights: list[int], places: list[int], batch_size: int
) -> None:
    shares = torch.tensor(weights) / sum(weights)
    shown = stream(BalancedOrder(LABELS, shares, batch_size, seed=1), 35)[: 12 * 35]
    for epoch in shown[: 12 * 30].view(30, 12):
        assert LABELS[epoch].bincount(minlength=3).tolist() == places
    for c in range(3):
        often = shown.bincount(minlength=12)[LABELS == c]
        assert often.max() - often.min() <= 1
    assert torch.equal(shown[:60], stream(BalancedOrder(LABELS, shares, 4, seed=1), 5))
    assert not torch.equal(shown[:60], stream(BalancedOrder(LABELS, shares, 4, seed=2), 5))


def test_ranks_share_out_each_batch() -> None:
    shares = torch.full((3,), 1 / 3)
    whole, ranks = (
        BalancedOrder(LABELS, shares, 4, 0),
        [BalancedOrder(LABELS, shares, 4, 0, rank, 2) for rank in range(2)],
    )
    for i in (8, 0, 5):  # in any order
        assert torch.equal(whole.indices(i), torch.cat([order.indices(i) for order in ranks]))


@pytest.mark.parametrize(
    "labels, weights, message", [([0, 0], [1, 1], "class 1 has no sample"), ([0, 0, 0, 1], [99, 1], "never")]
)
def test_a_class_that_cannot_be_shown_is_refused(labels: list[int], weights: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        BalancedOrder(torch.tensor(labels), torch.tensor(weights) / sum(weights), 1, 0)


@pytest.mark.parametrize(
    "balance, message",
    [
        ({"cat": 1}, "must give each class a weight: no weight for dog$"),
        ({"cat": 1, "dog": 1, "bird": 1}, "bird is none of the classes$"),
        ({"cat": 0, "dog": 0}, "some class must have a weight above 0$"),
    ],
)
def test_weights_are_one_for_each_class(balance: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        shares_of(balance, ["cat", "dog"])
    assert shares_of({"dog": 3, "cat": 1}, ["cat", "dog"]).tolist() == [0.25, 0.75]


@pytest.mark.parametrize("balance", ["classes", {"class0": 1, "class1": 0, "class2": 3}])
def test_pictures_by_class_go_on_in_mid_epoch_with_any_workers(make: Make, tmp_path: Path, balance: Any) -> None:
    for i in range(8, 23):
        (tmp_path / "folder" / "class0" / f"{i:02}.{'PNG' if i % 2 else 'bmp'}").unlink(missing_ok=True)
    knobs: dict[str, Any] = {"balance": balance, "crop": "random", "flip": True}
    data = make("images", **knobs)
    shown = take(data, 12)
    classes = torch.cat([batch.y for batch in shown if batch.y is not None])[: data.size].bincount(minlength=3).tolist()
    assert max(classes) - min(classes) <= 1 if balance == "classes" else classes[1] == 0 and classes[2] > 2 * classes[0]
    for batch in shown:
        assert batch.y is not None and batch.y.tolist() == [number % 3 for number in numbers(batch)]
    for workers in (0, 2):
        assert all(map(same, take(make("images", workers=workers, **knobs), 3, start=4), shown[4:7]))
    for rank in range(2):
        part = make("images", **knobs)
        part.trainer = stand_in(world_size=2, global_rank=rank)
        assert all(torch.equal(a.x, b.x[3 * rank : 3 * rank + 3]) for a, b in zip(take(part, 4), shown, strict=False))
    every = data.reordered(0).take(data.size).x[:, 0, 0, 0]
    assert len(every.unique()) == data.size  # figures are of the set as it is


def test_there_must_be_classes(make: Make) -> None:
    with pytest.raises(UserError, match=r"^data\.balance=classes: the data show no classes$"):
        make("images", labels="none", balance="classes")
