"""Points from known densities."""

from collections.abc import Iterator

import torch

from gan_lab.data.module import FAR, GameData
from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeInt, PositiveInt, Shape
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch, Density


class Toy(GameData):
    """Endless fresh points x ~ `density`, (B, d), without labels; no epochs, since no point comes twice.

    The attribute `density` is there for whatever compares the game with the truth.
    """

    def __init__(self, density: Density, shape: Shape, batch_size: PositiveInt, seed: NonNegativeInt) -> None:
        super().__init__(shape, None, batch_size, seed)
        self.density = density
        drawn = tuple(density.sample(1, torch.Generator()).shape[1:])
        if drawn != self.shape:
            raise UserError(f"data.shape={list(self.shape)}: the density's points have shape {list(drawn)}")

    def setup(self, stage: str) -> None:
        _ = self.rank_and_world  # complains before the first round rather than in it

    def unseen(self, n: int) -> Batch:
        """Fresh points, from another stretch than the game's."""
        return self.take(n, FAR)

    def batches(self, start: int) -> Iterator[Batch]:
        rank, world = self.rank_and_world
        share = self.batch_size // world
        batch = start
        while True:
            generator = torch.Generator().manual_seed(derive_seed(self.seed, "toy", batch))
            x = self.density.sample(self.batch_size, generator)  # all of it: the same points for any number of ranks
            yield Batch(x[rank * share : (rank + 1) * share])
            batch += 1
