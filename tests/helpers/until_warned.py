"""Runs of SLURM's jobs that wait for their warning, however fast the machine plays."""

import os
import time

import pytorch_lightning as pl

from gan_lab.callbacks.game_callback import GameCallback, callbacks_of
from gan_lab.callbacks.stopping import Interruption
from gan_lab.game.gan import GAN
from gan_lab.runtime.slurm import requeued


class UntilWarned(GameCallback):
    """In a job's first start, waits after round number `after` until a signal asks for the end of the run."""

    def __init__(self, after: int) -> None:
        self.every = after

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        (interruption,) = [each for each in callbacks_of(trainer) if isinstance(each, Interruption)]
        while "SLURM_JOB_ID" in os.environ and not requeued() and interruption.signal is None:
            time.sleep(0.01)
