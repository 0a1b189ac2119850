"""Overfitting of D: its logits on training images and on images that it has not seen."""

from typing import ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.augment import Augmented
from gan_lab.callbacks.far_samples import far_samples
from gan_lab.callbacks.game_callback import data_of
from gan_lab.callbacks.measuring import Measuring
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.ranges import PositiveInt
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch


class Overfitting(Measuring):
    """What D says of training images, of real ones that it never saw, and of generated ones, of each `every`-th round
    and the last:

    * logits_train, logits_held_out, logits_generated: their means.
    * accuracy_train, accuracy_held_out, accuracy_generated: the shares of them on the right side of the loss's
      boundary, where it has one.
    * r_v = (E D_train - E D_held_out) / (E D_train - E D_generated): 0 where D does not overfit, 1 where held-out
      images look generated to it (Karras et al. 2020, eq. 1).

    All under `overfitting/`. D is asked as it plays, in training mode and by batches of one kind, but at p = 0:
    without augmentation. `n` images of each kind, those held out being the first that `data.subset` leaves out. The
    game is left as it is.

    Raises:
        UserError: the data are no finite set of images, or `data.subset` leaves out too few.
    """

    goals: ClassVar = {"overfitting/r_v": "min"}

    def __init__(self, every: PositiveInt = 250, n: PositiveInt = 500) -> None:
        self.every, self.n = every, n
        self._real: dict[str, Batch] = {}

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        data = data_of(trainer)
        if not hasattr(data, "held_out"):
            raise UserError("overfitting: the data have no images to hold out; take data=mnist data.subset=500")
        self._real = {"train": far_samples(data, self.n), "held_out": data.held_out(self.n)}

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        logits = self._logits(gan, data_of(trainer).batch_size)
        mean = {name: of.mean().item() for name, of in logits.items()}
        r_v = (mean["train"] - mean["held_out"]) / (mean["train"] - mean["generated"] or float("nan"))
        report = {"r_v": r_v, **{f"logits_{name}": value for name, value in mean.items()}}
        if (boundary := gan.loss.boundary) is not None:
            right = {name: of < boundary if name == "generated" else of > boundary for name, of in logits.items()}
            report |= {f"accuracy_{name}": of.float().mean().item() for name, of in right.items()}
        return {f"overfitting/{name}": value for name, value in report.items()}

    @torch.no_grad()
    def _logits(self, gan: GAN, batch_size: int) -> dict[str, Tensor]:
        noise = torch.Generator().manual_seed(derive_seed(gan.seed, "overfitting"))
        found: dict[str, list[Tensor]] = {"train": [], "held_out": [], "generated": []}

        def ask(name: str, x: Tensor, y: Tensor | None) -> None:
            found[name].append(gan.d.network(x.to(gan.device), y).logits.float().flatten())

        with torch.random.fork_rng(devices=[]), gan.d.preserve_buffers(), gan.g.preserve_buffers():
            for part in gan.d.network.modules():
                if isinstance(part, Augmented):
                    part.p.zero_()  # a buffer: put back with the others
            for name, (x, y, _) in self._real.items():
                for rows in torch.arange(self.n).split(batch_size):
                    condition = y[rows].to(gan.device) if gan.conditional and y is not None else None
                    ask(name, x[rows], condition)
                    if name == "train":
                        z = gan.latent.sample(len(rows), noise).to(gan.device)
                        ask("generated", gan.g.network(z, condition), condition)
        return {name: torch.cat(parts) for name, parts in found.items()}
