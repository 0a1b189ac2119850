"""Proposals: a stream of samples, logits and uniform numbers for each of several samples to be drawn."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gan_lab.sampling.estimation import judged
from gan_lab.sampling.protocol import Trained
from gan_lab.seeding import derive_seed


class Proposals:
    """For each row of a batch, G's samples of z, the first, and of further noise of the row's own.

    Row i's stream follows from z_i, y_i, the seed and its number `first` + i, whichever others are asked for.
    """

    def __init__(self, trained: Trained, z: Tensor, y: Tensor | None, seed: int, first: int) -> None:
        self._trained, self._z, self._y = trained, z.clone(), y
        self._seed, self._first = seed, first
        self._round = 0
        self.streams = [torch.Generator().manual_seed(derive_seed(seed, "proposals", first + i)) for i in range(len(z))]

    def next(self, rows: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """x, D's logits and u ~ U(0, 1) of these rows' next proposals; a row that is left out has none again."""
        z = self._z[list(rows)]
        if self._round > 0:
            z = torch.cat([self._trained.latent.sample(1, self.streams[row]) for row in rows])
        u = torch.cat([torch.rand(1, generator=self.streams[row], dtype=torch.float64) for row in rows])
        numbers = [self._first + row for row in rows]
        y = None if self._y is None else self._y[list(rows)]
        x, d = judged(self._trained, z, y, derive_seed(self._seed, "proposal", self._round), numbers)
        self._round += 1
        return x, d, u
