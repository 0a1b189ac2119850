"""Sampler of a game that is being played."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.networks.evaluating import evaluating
from gan_lab.sampling import Plain, Sampler, Sampling, Trained


@contextmanager
def sampler_of(gan: GAN, data: GameData, sampling: Sampling) -> Iterator[Sampler]:
    """What draws samples of the game as it is; meanwhile both players are in evaluation mode."""
    with evaluating(gan.sampler()) as generator, evaluating(gan.d.network) as discriminator:
        classes = data.num_classes
        yield sampling.sampler(
            Trained(generator, gan.latent, gan.conditional, classes, discriminator, data.unseen, gan.device)
        )


@contextmanager
def omitted_if_refused(gan: GAN, sampling: Sampling, what: str) -> Iterator[None]:
    """Leave out, with a warning, what cannot be drawn any more: a game that plays is not ended by a look at it.

    Before the first round a refusal is the user's mistake, and is raised; so is one under plain sampling, which refuses
    nothing itself.
    """
    try:
        yield
    except UserError as error:
        if gan.round == 0 or isinstance(sampling, Plain):
            raise
        warnings.warn(f"{what} left out: {error}", stacklevel=1)  # the same line is shown once
