"""Clock of the fading blur."""

from typing import ClassVar

import pytorch_lightning as pl

from gan_lab.callbacks.game_callback import GameCallback
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.networks.fading_blur import FadingBlur


class BlurClock(GameCallback):
    """Tells `wrapper=fading_blur` before each round how many were played, as a schedule tells an optimiser.

    The blur follows from the number of the round alone, so that a run that was stopped goes on with the same one.

    Raises:
        UserError: D has no such wrapper.
    """

    intervals: ClassVar[tuple[str, ...]] = ("each_round",)
    counts_for_fading: ClassVar[bool] = True

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._blurs = [part for part in gan.d.network.modules() if isinstance(part, FadingBlur)]
        if not self._blurs:
            raise UserError("fading_blur: the discriminator is not blurred; add wrapper@d_wrappers=[fading_blur]")
        self._tell(max(gan.round - 1, 0))  # of the round behind, for what looks before the next one

    def before_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._tell(gan.round)

    def _tell(self, played: int) -> None:
        for blur in self._blurs:
            blur.played = played
