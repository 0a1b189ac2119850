"""Sample grids of one fixed batch of noise: two pictures of a run differ by the generator alone."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.callbacks.far_samples import conditions, far_samples
from gan_lab.callbacks.game_callback import GameCallback, data_of
from gan_lab.callbacks.sampler import omitted_if_refused, sampler_of
from gan_lab.data.module import GameData
from gan_lab.game.gan import AT_ONCE, GAN
from gan_lab.loggers import records
from gan_lab.plots.images import captioned, class_by_class, picture_of, save_picture
from gan_lab.ranges import PositiveInt
from gan_lab.sampling import PLAIN, Plain, Sampling, in_batches
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch


class Samples(GameCallback):
    """`samples/round_NNNNNN.png` at each `every`-th round and at the end; also to loggers that take pictures.

    `n` samples; None: 64 pictures, or 2048 points. Of a class-conditional game the rows are the classes, or of many
    classes sqrt(n) of them, and n / rows columns each have one noise. Where images are given, each row has one of them:
    what is given, the truth, and sqrt(n) samples. Other conditions are those of the first n far samples.
    """

    last: ClassVar[bool] = True

    def __init__(
        self,
        directory: str,
        every: PositiveInt = 500,
        n: PositiveInt | None = None,
        sampling: Sampling = PLAIN,
    ) -> None:
        self.directory = Path(directory) / "samples"
        self.every, self.n, self.sampling = every, n, sampling

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        """Draw one sample where that can be refused: what cannot be drawn so ends the run here."""
        if not trainer.is_global_zero or isinstance(self.sampling, Plain):
            return
        data = data_of(trainer)
        y = conditions(gan, data, 1)
        if gan.conditional and y is None:
            return  # the first round says so
        z = gan.latent.sample(1, torch.Generator().manual_seed(0))
        with omitted_if_refused(gan, self.sampling, "samples"):
            self._drawn(gan, data, z, y)

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        if trainer.is_global_zero:
            with omitted_if_refused(gan, self.sampling, "samples"):
                self._show(trainer, gan)

    def _show(self, trainer: pl.Trainer, gan: GAN) -> None:
        noise = torch.Generator().manual_seed(derive_seed(gan.seed, "fixed noise"))
        data = data_of(trainer)
        n = self.n or (64 if len(data.shape) == 3 else 2048)
        if gan.conditional and data.num_classes:
            classes = shown_classes(data.num_classes, n)
            columns = max(1, n // len(classes))
            z, y = class_by_class(gan.latent.sample(columns, noise), classes)
            picture = picture_of(self._drawn(gan, data, z, y), columns)
            what = "rows: classes; columns: noises"
        elif gan.conditional and data.condition_shape is not None:
            rows = math.isqrt(n)
            z = gan.latent.sample(rows, noise)
            picture = picture_of(answers(partial(self._drawn, gan, data), z, far_samples(data, rows)), 2 + rows)
            what = "columns: given, truth, samples; rows: pairs of the data"
        else:
            picture = picture_of(self._drawn(gan, data, gan.latent.sample(n, noise), conditions(gan, data, n)))
            what = f"{n:,} samples"
        weights = "raw weights" if gan.average is None else f"EMA of the weights, {gan.ema}"
        picture = captioned(picture, f"round {gan.round:,}; {what}; {weights}")
        save_picture(picture, self.directory / f"round_{gan.round:06d}.png")
        for record in records(trainer):
            record.picture("samples", picture, gan.round)

    def _drawn(self, gan: GAN, data: GameData, z: Tensor, y: Tensor | None) -> Tensor:
        with sampler_of(gan, data, self.sampling) as sampler:
            return in_batches(sampler, z, y, derive_seed(gan.seed, "samples"), AT_ONCE)


def shown_classes(num_classes: int, n: int) -> Tensor:
    """The classes of a picture of about n samples: all, or where those are many, sqrt(n) that lie evenly among them."""
    if num_classes**2 <= 4 * n:
        return torch.arange(num_classes)
    return torch.linspace(0, num_classes - 1, min(num_classes, max(2, math.isqrt(n)))).round().long()


def answers(draw: Callable[[Tensor, Tensor], Tensor], z: Tensor, pairs: Batch) -> Tensor:
    """Of each pair (x, y) one row: y at the size of x, x, and the samples for y with each noise in z (k, latent dim).

    Rows one after the other: (N (2 + k), C, H, W).
    """
    assert pairs.y is not None
    n, k = len(pairs.x), len(z)
    samples = draw(z.repeat(n, 1), pairs.y.repeat_interleave(k, 0)).cpu()
    given = F.interpolate(pairs.y, pairs.x.shape[2:])  # pixel by pixel
    return torch.cat([given[:, None], pairs.x[:, None], samples.unflatten(0, (n, k))], 1).flatten(0, 1)
