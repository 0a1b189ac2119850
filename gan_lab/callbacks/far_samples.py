"""Real samples from far beyond the batches of any training. A finite set repeats its training samples there."""

import torch
from torch import Tensor

from gan_lab.data.module import FAR, GameData
from gan_lab.game.gan import GAN
from gan_lab.types import Batch


def far_samples(data: GameData, n: int) -> Batch:
    """The first n samples from there on and what belongs to them; on the CPU. A finite set has them all before, too."""
    with torch.random.fork_rng(devices=[]):  # a loader of files draws its workers' seed
        return data.take(n, FAR)


def conditions(gan: GAN, data: GameData, n: int) -> Tensor | None:
    """n conditions to generate for, as frequent as in the data; None where the game has none."""
    return far_samples(data, n).y if gan.conditional else None
