"""Loggers: one file each."""

from gan_lab.loggers.csv import CSV
from gan_lab.loggers.record import Introduction, Record, records
from gan_lab.loggers.tensorboard import TensorBoard
from gan_lab.loggers.wandb import WandB

__all__ = ["CSV", "Introduction", "Record", "TensorBoard", "WandB", "records"]
