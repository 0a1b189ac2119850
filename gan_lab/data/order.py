"""Order of the data: which samples make up batch i, for epochs and for ranks."""

from functools import lru_cache

import torch
from torch import Tensor

from gan_lab.seeding import derive_seed


class Order:
    """The endless sequence of sample numbers, cut into batches and shared out among processes.

    The sequence is the concatenation of one permutation of 0..n-1 per epoch, and permutation e depends on (seed, e)
    alone. Batch i is the stretch [i B, (i + 1) B) of it, so that a batch may straddle two epochs but every epoch
    shows every sample exactly once, whatever B. Rank r of w takes the stretch [r B/w, (r + 1) B/w) of every batch.

    Needs B <= n and w to divide B. `numbers` (n,) are the samples' numbers where these are not 0..n-1.
    """

    def __init__(
        self, samples: int, batch_size: int, seed: int, rank: int = 0, world: int = 1, numbers: Tensor | None = None
    ) -> None:
        self.samples, self.batch_size, self.seed, self.numbers = samples, batch_size, seed, numbers
        self.share = batch_size // world
        self.rank = rank
        self._permutation = lru_cache(maxsize=2)(self._permute)  # two: a batch touches at most two epochs

    def positions(self, batch: int) -> range:
        """This rank's stretch of the endless sequence in batch number `batch`."""
        first = batch * self.batch_size + self.rank * self.share
        return range(first, first + self.share)

    def indices(self, batch: int) -> Tensor:
        """The samples at those positions: (B/w,) int64."""
        epoch, offset = divmod(self.positions(batch).start, self.samples)
        indices = self._permutation(epoch)[offset : offset + self.share]
        missing = self.share - len(indices)
        return indices if missing == 0 else torch.cat([indices, self._permutation(epoch + 1)[:missing]])

    def _permute(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "epoch", epoch))
        order = torch.randperm(self.samples, generator=generator)
        return order if self.numbers is None else self.numbers[order]
