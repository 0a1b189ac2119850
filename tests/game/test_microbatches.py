"""Laws of a batch that is cut: nothing is lost, and what its parts gave is what it gives as a whole."""

from typing import Any

import pytest
import torch

from gan_lab.errors import UserError
from gan_lab.game.microbatches import averaging, cut, rows, together
from gan_lab.types import Batch

X, Y = torch.arange(24.0).view(12, 2), torch.arange(12)


@pytest.mark.parametrize("parts", [1, 2, 3, 12])
def test_parts_are_equal_and_together_the_whole_in_order(parts: int) -> None:
    batch = Batch(X, Y, Batch(X.flip(0), Y.flip(0)))
    found = [cut(batch, i, parts) for i in range(parts)]
    assert all(len(part.x) == 12 // parts for part in found)
    assert torch.equal(torch.cat([part.x for part in found]), X)
    assert torch.equal(torch.cat([part.y for part in found if part.y is not None]), Y)
    labelled = [part.labelled for part in found if part.labelled is not None]
    assert torch.equal(torch.cat([part.x for part in labelled]), X.flip(0))
    assert torch.equal(torch.cat([part.y for part in labelled if part.y is not None]), Y.flip(0))
    assert cut(Batch(X), 0, parts)[1:] == (None, None)


def test_parts_that_do_not_divide_the_batch_are_refused() -> None:
    with pytest.raises(UserError, match=r"gan.accumulate=5: does not divide the 12 samples"):
        rows(X, 0, 5)


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_means_of_gradients_and_scalars_and_batches_in_order(parts: int) -> None:
    """Two players with gradients of two weights each, of which every part saw its own."""
    gradients = torch.randn(parts, 2, 2, 3, generator=torch.Generator().manual_seed(0))
    played: Any = [
        ([[*gradients[i, 0]], [*gradients[i, 1]]], {"cost": gradients[i].sum(), "logits": rows(X, i, parts)})
        for i in range(parts)
        if 12 % parts == 0
    ]
    (d, g), seen = together(iter(played))
    torch.testing.assert_close(torch.stack([*d]), gradients.mean(0)[0])
    torch.testing.assert_close(torch.stack([*g]), gradients.mean(0)[1])
    torch.testing.assert_close(seen["cost"], gradients.flatten(1).sum(1).mean())
    assert torch.equal(seen["logits"], X)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_state_is_in_the_end_the_mean_of_what_the_parts_have_made_of_it(parts: int) -> None:
    """Each part begins with what there was before the first; whole numbers, such as counters, are the last part's."""
    strength, counter = torch.zeros(2), torch.tensor(0)

    def play() -> Any:
        for i in range(parts):
            strength.copy_(torch.tensor([2.0, 4.0]) + i + 1)
            counter.fill_(8)
            yield [], {}

    assert len(list(averaging(play(), [strength, counter]))) == parts
    assert strength.tolist() == pytest.approx([2 + (parts + 1) / 2, 4 + (parts + 1) / 2]) and counter == 8
