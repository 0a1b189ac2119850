"""Controller of ADA and APA: the strength of augmentation follows D's overfitting."""

from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.augment import Augmented
from gan_lab.callbacks.game_callback import data_of, is_due
from gan_lab.callbacks.measuring import Measuring
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.ranges import PositiveFloat, PositiveInt, UnitInterval
from gan_lab.updates import APA


class AdaptiveAugment(Measuring):
    """Moves the probability p of D's augmentation towards r_t = `target` (Karras et al. 2020, section 3).

    It may be that of `Augmented`, or of `update=apa` (Jiang et al. 2021, section 3.3, where r_t is lambda_r).

        p <- clamp(p + sign(r_t - target) batch interval / (1000 kimg), 0, most),    r_t = E sign D(T(x))

    after each `interval` rounds, r_t over the real images of D's last step in each of them, which are what counts as
    seen for `kimg`. It changes the game: p is to the augmentation what a schedule is to an optimiser, and follows from
    what D said.

    Publishes `augment/p` and `augment/r_t`, the last that p followed, of each `every`-th round and the last.

    Args:
        kimg: thousand images after which p could have gone from 0 to 1; the paper's 500.
        most: where p ends at last; above .8 transformed samples may leak (the paper's section 2.2).

    Raises:
        UserError: D has no augmentation, or the loss no logit between real and fake.
    """

    intervals: ClassVar[tuple[str, ...]] = ("each_round",)
    steers: ClassVar[bool] = True  # p of what is `steered`

    def __init__(
        self,
        target: UnitInterval = 0.6,
        interval: PositiveInt = 4,
        kimg: PositiveFloat = 500.0,
        most: UnitInterval = 1.0,
        every: PositiveInt = 50,
    ) -> None:
        self.target, self.interval, self.kimg, self.most, self.every = target, interval, kimg, most, every
        self._signs: list[Tensor] = []  # the mean of each round since p last moved; on the device
        self._r_t = 0.0

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        if not _augmentations(gan):
            raise UserError(
                "adaptive_augment: the discriminator is not augmented; add wrapper@d_wrappers=[adaptive_augment], "
                "or take update=apa"
            )
        if gan.loss.boundary is None:
            raise UserError(
                f"adaptive_augment: {type(gan.loss).__name__} has no logit between real and fake; "
                "choose a loss that has, such as loss=non_saturating"
            )

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._follow(trainer, gan)
        super().after_round(trainer, gan)

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        return {"augment/p": _augmentations(gan)[0].p.item(), "augment/r_t": self._r_t}

    def _follow(self, trainer: pl.Trainer, gan: GAN) -> None:
        if gan.loss.boundary is None or "logits/real" not in gan.record:
            return
        self._signs.append((gan.record["logits/real"] - gan.loss.boundary).sign().mean())
        if is_due(gan.round, self.interval):
            self._r_t = torch.stack([sign.to(gan.device) for sign in self._signs]).mean().item()
            step = data_of(trainer).batch_size * len(self._signs) / (1000 * self.kimg)
            direction = (self._r_t > self.target) - (self._r_t < self.target)
            for augmented in _augmentations(gan):
                augmented.p.add_(step * direction).clamp_(0, self.most)
            self._signs = []

    def state_dict(self) -> dict[str, Any]:
        return {"signs": list(self._signs), "r_t": self._r_t}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._signs, self._r_t = list(state["signs"]), state["r_t"]


def _augmentations(gan: GAN) -> list[Augmented | APA]:
    found: list[Augmented | APA] = [part for part in gan.d.network.modules() if isinstance(part, Augmented)]
    return [*found, gan.update] if isinstance(gan.update, APA) else found
