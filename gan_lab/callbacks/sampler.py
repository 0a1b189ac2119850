"""Sampler of a game that is being played."""

from collections.abc import Iterator
from contextlib import contextmanager

from gan_lab.data.module import GameData
from gan_lab.game.gan import GAN
from gan_lab.networks.evaluating import evaluating
from gan_lab.types import Sampler, Sampling, Trained


@contextmanager
def sampler_of(gan: GAN, data: GameData, sampling: Sampling) -> Iterator[Sampler]:
    """What draws samples of the game as it is; meanwhile both players are in evaluation mode."""
    with evaluating(gan.sampler()) as generator, evaluating(gan.d.network) as discriminator:
        classes = data.num_classes
        yield sampling.sampler(
            Trained(generator, gan.latent, gan.conditional, classes, discriminator, data.unseen, gan.device)
        )
