"""The lab's contestant in a race against a peer: a game with the peer's own networks."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from racing.lab import Turnstile

from gan_lab.config.compose import compose_experiment
from gan_lab.data.module import GameData
from gan_lab.experiment.run import play
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch


def images(shape: Sequence[int], batch: int, seed: int = 0) -> Iterator[torch.Tensor]:
    """Four batches of noise in [-1, 1], over and over: what either contestant is given."""
    draw = torch.Generator().manual_seed(derive_seed(seed, "noise"))
    kept = [torch.rand(batch, *shape, generator=draw) * 2 - 1 for _ in range(4)]
    while True:
        yield from kept


class Images(GameData):
    """The same for the lab."""

    def batches(self, start: int) -> Iterator[Batch]:
        drawn = images(self.shape, self.batch_size, self.seed)
        for _ in range(start % 4):
            next(drawn)
        return (Batch(x) for x in drawn)


def by_lab(
    networks: dict[str, dict[str, Any]], batch: int, directory: str, after: Callable[[], None], *overrides: str
) -> None:
    """What `train.py` runs, on images of 3 x 32 x 32, with its default callbacks; `networks` by their roles."""
    Turnstile.after = after
    config = compose_experiment(
        ["model=dcgan", "data=digits", "data.image_size=32", "data.num_classes=null", f"data.batch_size={batch}",
         "trainer=cpu", "rounds=100000", *overrides],
        Path(directory),
    )  # fmt: skip
    config.data.shape = [3, 32, 32]
    config.data.module = {
        "_target_": f"{__name__}.Images", "shape": [3, 32, 32], "num_classes": None, "batch_size": batch, "seed": 0,
    }  # fmt: skip
    config.model.generator, config.model.discriminator = networks["generator"], networks["discriminator"]
    config.callbacks.turnstile = {"_target_": "racing.lab.Turnstile"}
    play(config)
