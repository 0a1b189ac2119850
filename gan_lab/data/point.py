"""Point mass: the simplest data."""

from collections.abc import Iterator

import torch

from gan_lab.data.module import GameData
from gan_lab.ranges import NonNegativeInt, PositiveInt, Shape
from gan_lab.types import Batch


class PointMass(GameData):
    """Every sample is the same: `at` in each of its coordinates; (B, *shape), without labels."""

    def __init__(self, shape: Shape, batch_size: PositiveInt, seed: NonNegativeInt, at: float = 0.0) -> None:
        super().__init__(shape, None, batch_size, seed)
        self.at = at

    def setup(self, stage: str) -> None:
        _ = self.rank_and_world  # complains before the first round rather than in it

    def batches(self, start: int) -> Iterator[Batch]:
        batch = Batch(torch.full((self.batch_size // self.rank_and_world[1], *self.shape), float(self.at)))
        while True:
            yield batch
