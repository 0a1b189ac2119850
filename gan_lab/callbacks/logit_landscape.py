"""Logit landscape: D's logits over the plane, drawn along a run."""

from pathlib import Path
from typing import ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.far_samples import conditions
from gan_lab.callbacks.game_callback import GameCallback, data_of
from gan_lab.densities import GaussianMixture
from gan_lab.game.gan import GAN
from gan_lab.loggers import records
from gan_lab.networks.evaluating import evaluating
from gan_lab.plots.figures import animate, field
from gan_lab.plots.images import save_picture
from gan_lab.ranges import PositiveInt
from gan_lab.seeding import derive_seed


class LogitLandscape(GameCallback):
    """D's logits over the plane: `samples/logit_landscape_NNNNNN.png`, then `logit_landscape.gif` of all.

    Drawn after each `every`-th round and at the end; for data in the plane.

    D's logit as filled contours, circles of 3 sigma around a mixture's modes (within them a sample counts as good),
    and `n` generated points of one fixed batch of noise. Of a conditional game, both for one condition: the data's
    first far sample.

    Args:
        cells: D is asked at cells^2 points.
        frames: the animation has at most so many, spread evenly.
    """

    last: ClassVar[bool] = True

    def __init__(
        self, directory: str, every: PositiveInt = 500, n: PositiveInt = 1000, cells: PositiveInt = 120,
        frames: PositiveInt = 120,
    ) -> None:  # fmt: skip
        self.directory = Path(directory)
        self.every, self.n, self.cells, self.frames = every, n, cells, frames
        self._box: tuple[float, ...] = ()
        self._y: Tensor | None = None
        self._discs: tuple[Tensor, float] | None = None

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        data = data_of(trainer)
        if data.shape != (2,) or not trainer.is_global_zero:
            return
        real = data.take(data.batch_size).x
        self._y = conditions(gan, data, 1)
        middle, reach = (real.amax(0) + real.amin(0)) / 2, 0.65 * (real.amax(0) - real.amin(0)).max()
        self._box = tuple(float(edge) for axis in middle for edge in (axis - reach, axis + reach))
        density = getattr(data, "density", None)
        if isinstance(density, GaussianMixture):
            self._discs = (density.means, 3 * density.sigma)

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        if not self._box:
            return
        noise = torch.Generator().manual_seed(derive_seed(gan.seed, "fixed noise"))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            fake = gan.sample(gan.latent.sample(self.n, noise), self._repeated(self.n)).float().cpu()
            x, y = self._points(), self._repeated(self.cells**2)
            with evaluating(gan.d.network) as d:
                logits = d(x.to(gan.device), None if y is None else y.to(gan.device)).logits.float().cpu()
        picture = field(fake, logits.view(self.cells, -1), self._discs, self._box, f"round {gan.round:,}")
        save_picture(picture, self.directory / "samples" / f"logit_landscape_{gan.round:06d}.png")
        for record in records(trainer):
            record.picture("logit_landscape", picture, gan.round)

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        panels = sorted((self.directory / "samples").glob("logit_landscape_*.png")) if self._box else []
        if len(panels) > 1:
            stride = -(-len(panels) // self.frames)
            animate(panels[::-1][::stride][::-1], self.directory / "logit_landscape.gif")

    def _repeated(self, n: int) -> Tensor | None:
        return None if self._y is None else self._y.repeat(n, *[1] * (self._y.ndim - 1))

    def _points(self) -> Tensor:
        left, right, bottom, top = self._box
        ys, xs = torch.linspace(bottom, top, self.cells), torch.linspace(left, right, self.cells)
        return torch.cartesian_prod(ys, xs).flip(1)
