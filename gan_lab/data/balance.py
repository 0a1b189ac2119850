"""Sampling balanced or weighted by class."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from gan_lab.data.order import Order
from gan_lab.errors import UserError
from gan_lab.seeding import derive_seed


class BalancedOrder(Order):
    """An order in which class c makes up the share s_c of each epoch, whatever its size.

    Of an epoch's n places class c has round(n s_c), up to one, in places drawn anew for each epoch. Its samples come in
    an endless sequence of their own, one permutation of the class after the other, so that no sample is shown twice
    more often than another of its class. All of it follows from (seed, epoch), as in `Order`.

    Args:
        labels: the class of each sample, (n,) int64.
        shares: s_c of each class, which add up to 1.
        numbers: the numbers of the samples, (n,), where these are not 0..n-1.

    Raises UserError where a class with a share has no sample, or no place in an epoch.
    """

    def __init__(
        self,
        labels: Tensor,
        shares: Tensor,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        numbers: Tensor | None = None,
    ) -> None:
        super().__init__(len(labels), batch_size, seed, rank, world, numbers)
        ends = (shares.double().cumsum(0) * len(labels)).round().long()
        self.places = ends.diff(prepend=ends.new_zeros(1)).tolist()
        self.members = [torch.nonzero(labels == c)[:, 0] for c in range(len(shares))]
        for c, (places, members, share) in enumerate(zip(self.places, self.members, shares.tolist(), strict=True)):
            if share > 0 and not (places and len(members)):
                why = "has no sample" if places else "would never be shown; give it a larger weight"
                raise UserError(f"data.balance: class {c} {why}")

    def _permute(self, epoch: int) -> Tensor:
        drawn = torch.cat([self._of_class(c, epoch) for c in range(len(self.places))])
        order = drawn[self._shuffled(len(drawn), "epoch", epoch)]
        return order if self.numbers is None else self.numbers[order]

    def _of_class(self, c: int, epoch: int) -> Tensor:
        """The stretch of the class's own sequence that this epoch shows."""
        places, members = self.places[c], self.members[c]
        if not places:
            return members[:0]
        first, offset = divmod(epoch * places, len(members))
        last = (epoch * places + places - 1) // len(members)
        shown = [members[self._shuffled(len(members), "class", c, k)] for k in range(first, last + 1)]
        return torch.cat(shown)[offset : offset + places]

    def _shuffled(self, n: int, purpose: str, *counters: int) -> Tensor:
        seed = derive_seed(self.seed, purpose, *counters)
        return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def shares_of(balance: Literal["classes"] | Mapping[str, float], classes: Sequence[str] | None) -> Tensor:
    """The share of each class in what is shown, (classes,) float64: one for all, or by their weights.

    Raises UserError where there are no classes, or the weights are not one for each.
    """
    if not classes:
        raise UserError(f"data.balance={balance}: the data show no classes")
    if balance == "classes":
        weights = torch.ones(len(classes), dtype=torch.float64)
    else:
        given = {str(name): float(weight) for name, weight in balance.items()}
        without = [name for name in classes if name not in given]
        unknown = [name for name in given if name not in classes]
        if without or unknown:
            what = f"no weight for {without[0]}" if without else f"{unknown[0]} is none of the classes"
            raise UserError(f"data.balance: must give each class a weight: {what}")
        weights = torch.tensor([given[name] for name in classes], dtype=torch.float64)
    if not weights.sum() > 0:
        raise UserError("data.balance: some class must have a weight above 0")
    return weights / weights.sum()
