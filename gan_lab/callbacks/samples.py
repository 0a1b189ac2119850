"""Samples of one fixed batch of noise, so that two pictures of a run differ by the generator alone."""

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from gan_lab.callbacks.held import conditions
from gan_lab.gan import GAN
from gan_lab.pictures import class_by_class, picture_of, save_picture
from gan_lab.ranges import PositiveInt
from gan_lab.seeds import derive_seed


class Samples(pl.Callback):
    """`samples/round_NNNNNN.png` at each `every`-th round and at the end; also to loggers that take pictures.

    `n` samples; None: 64 pictures, or 2048 points. Of a class-conditional game the rows are the classes, and
    n / classes columns each have one noise. Other conditions are the data's first n held ones.
    """

    def __init__(self, directory: str, every: PositiveInt = 500, n: PositiveInt | None = None) -> None:
        self.directory = Path(directory) / "samples"
        self.every, self.n = every, n

    def on_train_batch_end(self, trainer: pl.Trainer, gan: GAN, *_: Any) -> None:  # type: ignore[override]
        if not trainer.is_global_zero or (gan.round % self.every and not trainer.should_stop):
            return
        noise = torch.Generator().manual_seed(derive_seed(gan.seed, "fixed noise"))
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        n = self.n or (64 if len(data.shape) == 3 else 2048)
        if gan.conditional and data.num_classes:
            columns = max(1, n // data.num_classes)
            z, y = class_by_class(gan.latent.sample(columns, noise), data.num_classes)
            picture = picture_of(gan.sample(z, y), columns)
        else:
            picture = picture_of(gan.sample(gan.latent.sample(n, noise), conditions(gan, data, n)))
        save_picture(picture, self.directory / f"round_{gan.round:06d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image("samples", [picture.permute(1, 2, 0).numpy()], step=gan.round)
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("samples", picture, gan.round)
