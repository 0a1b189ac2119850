"""NaN guard: a run ends when a loss is not finite."""

from pathlib import Path
from typing import ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.game_callback import GameCallback
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.io.anew import anew, is_saved
from gan_lab.ranges import PositiveInt

NAMES = {"d": "the discriminator", "g": "the generator"}


class TerminateOnNaN(GameCallback):
    """End the run with one line when a player's loss is NaN or infinite, naming the player and the round.

    Losses are kept on the device, and looked at together in every `every`-th round, which alone waits for it. That a
    checkpoint with such numbers replaces a good one is prevented by the checkpoint itself, which looks at the weights.
    """

    last: ClassVar[bool] = True

    def __init__(self, every: PositiveInt = 50) -> None:
        self.every = every
        self._unseen: list[tuple[int, dict[str, Tensor]]] = []  # rounds and their losses, since the last look

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._unseen.append((gan.round, {p: gan.record[f"{p}/loss"] for p in NAMES if f"{p}/loss" in gan.record}))
        super().after_round(trainer, gan)

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        seen = [(played, name, loss) for played, losses in self._unseen for name, loss in losses.items()]
        self._unseen = []
        if not seen:
            return
        directory = Path(trainer.default_root_dir)
        finite = torch.stack([loss for *_, loss in seen]).isfinite().tolist()
        for (played, name, _), good in zip(seen, finite, strict=True):
            if not good:
                raise UserError(
                    f"{NAMES[name]}'s loss became NaN or infinite in round {played}; {remedy(name, directory)}"
                )


def remedy(player: str, directory: Path) -> str:
    """What to try, in words of the command line."""
    kept = "the last good checkpoint is kept: " if is_saved(directory) else ""
    tried = f"lower optimizer.{player}.lr, set gan.clip_norm, or add a term such as term@d_terms=[r1]"
    return f"{kept}{tried}, and {anew(directory)}"
