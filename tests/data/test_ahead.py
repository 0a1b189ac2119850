"""Batches that are copied to a GPU one ahead, with stand-ins for its streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from gan_lab.data.ahead import ahead, delivered
from gan_lab.errors import UserError
from gan_lab.types import Batch

CPU = torch.device("cpu")


def batches() -> Iterator[Batch]:
    for i in range(100):
        yield Batch(torch.full((2,), float(i)), torch.tensor([i, i]), Batch(torch.full((1,), -float(i))))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the stand-ins of the GPU's streams were asked for."""
    done: list[str] = []
    user = SimpleNamespace(wait_stream=lambda copies: done.append(f"wait for {copies}"))

    @contextmanager
    def stream(copies: str) -> Iterator[None]:
        done.append(f"copy in {copies}")
        yield

    monkeypatch.setattr(torch.cuda, "Stream", lambda device: "the copies")
    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: user)
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: tensor)
    monkeypatch.setattr(Tensor, "record_stream", lambda tensor, by: None)
    return done


def test_a_batch_that_cannot_be_read_ends_the_game_when_its_turn_comes(done: list[str]) -> None:
    def unreadable() -> Iterator[Batch]:
        yield from islice(batches(), 2)
        raise UserError("b.png: not a readable picture")

    copied = ahead(unreadable(), CPU)
    assert [next(copied).x[0].item() for _ in range(2)] == [0, 1] and done
    with pytest.raises(UserError, match=r"b\.png"):
        next(copied)


def test_each_copy_begins_as_the_batch_before_it_is_handed_out(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[Tensor] = []
    used: list[Tensor] = []
    monkeypatch.setattr(Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
    monkeypatch.setattr(Tensor, "record_stream", lambda tensor, by: used.append(tensor))
    copied = ahead(batches(), CPU)
    for i in range(3):
        batch = next(copied)
        assert [tensor[0].item() for tensor in batch.tensors] == [i, i, -i]
        assert done == ["copy in the copies", *(i + 1) * ["wait for the copies", "copy in the copies"]]
        assert (len(pinned), len(used)) == (3 * (i + 2), 3 * (i + 1))


def test_without_a_gpu_no_batch_is_made_before_it_is_asked_for() -> None:
    made: list[int] = []

    def counted() -> Iterator[Batch]:
        for i, batch in enumerate(batches()):
            made.append(i)
            yield batch

    copied = delivered(counted(), CPU)
    next(copied), next(copied)
    assert made == [0, 1]
