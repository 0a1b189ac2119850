"""Page of a run at its end."""

import sys
from pathlib import Path
from typing import ClassVar

import pytorch_lightning as pl

from gan_lab.callbacks.far_samples import far_samples
from gan_lab.callbacks.game_callback import data_of
from gan_lab.config.words import one_line
from gan_lab.game.gan import GAN
from gan_lab.plots.images import picture_of, save_picture
from gan_lab.report.page import check_packages
from gan_lab.report.run import REAL, write_page

IMAGES, POINTS = 64, 2048  # real samples that are shown


class Report(pl.Callback):
    """`report.html`, the page of the run, and `data.png`, real samples, when all other files of the run are written;
    none where a signal has ended it.

    Where the page cannot be made, a line says why; the run has ended well nevertheless. `gan-lab report RUN_DIR` makes
    it at any time.
    """

    intervals: ClassVar[tuple[str, ...]] = ()

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)

    def close(self, gan: GAN) -> None:
        """See `types.Closing`."""
        try:
            check_packages()
            self._show_data(gan)
            print(f"  report  {write_page(self.directory)}")
        except Exception as error:  # of any kind: a page is not worth a run
            print(f"no report: {one_line(str(error) or type(error).__name__)}", file=sys.stderr)

    def _show_data(self, gan: GAN) -> None:
        if not (self.directory / REAL).exists():
            data = data_of(gan.trainer)
            real = far_samples(data, IMAGES if len(data.shape) == 3 else POINTS).x
            save_picture(picture_of(real), self.directory / REAL)
