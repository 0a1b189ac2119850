"""Stop as soon as the numbers stop being numbers."""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.gan import GAN
from gan_lab.ranges import PositiveInt

NAMES = {"d": "the discriminator", "g": "the generator"}


class FiniteLosses(pl.Callback):
    """End the run with one line when a player's loss is NaN or infinite, naming the player and the round.

    The first bad round is noted on the device, so that only every `every`-th round waits for it. That a checkpoint
    with such numbers replaces a good one is prevented by the checkpoint itself, which looks at the weights.
    """

    def __init__(self, every: PositiveInt = 50) -> None:
        self.every = every
        self._first: dict[str, Tensor] = {}  # first bad round of each player; infinity while there is none

    def on_train_batch_end(self, trainer: pl.Trainer, gan: GAN, *_: Any) -> None:  # type: ignore[override]
        for name in NAMES:
            loss = gan.record.get(f"{name}/loss")
            if loss is None:
                continue
            first = self._first.get(name, torch.full_like(loss, math.inf))
            self._first[name] = torch.where(loss.isfinite(), first, first.clamp(max=gan.round))
        if gan.round % self.every == 0 or trainer.should_stop:
            self._check()

    def _check(self) -> None:
        bad = {name: first.item() for name, first in self._first.items() if math.isfinite(first.item())}
        if bad:
            name = min(bad, key=lambda player: bad[player])
            raise UserError(
                f"{NAMES[name]}'s loss became NaN or infinite in round {bad[name]:.0f}; the last good checkpoint is "
                f"kept: {remedy(name)}"
            )


def remedy(player: str) -> str:
    """What to try, in words of the command line."""
    return f"lower optimizer.{player}.lr, set gan.clip_norm, or add a term such as term@d_terms=[r1]"
