"""TensorBoard logger."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from torch import Tensor

from gan_lab.loggers.record import Introduction, Record


class TensorBoard(Record, TensorBoardLogger):
    """Lightning's TensorBoard logger in the run directory itself.

    The configuration is in the tab "hparams", beside the figures that have a direction; the summary is a text.
    """

    def __init__(self, directory: str) -> None:
        TensorBoardLogger.__init__(self, directory, name="", version="tensorboard", default_hp_metric=False)

    @rank_zero_only
    def log_run(self, run: Introduction) -> None:
        from torch.utils.tensorboard.summary import hparams

        config = {
            key: value if isinstance(value, bool | int | float) else str(value) for key, value in run.config.items()
        }
        for summary in hparams(config, dict.fromkeys(run.goals, 0.0)):  # it reads the names alone
            self.experiment.file_writer.add_summary(summary)

    @rank_zero_only
    def picture(self, name: str, picture: Tensor, at_round: int) -> None:
        self.experiment.add_image(name, picture, at_round)

    @rank_zero_only
    def histogram(self, name: str, values: Tensor, at_round: int) -> None:
        self.experiment.add_histogram(name, values, at_round)

    @rank_zero_only
    def log_summary(self, summary: Mapping[str, Any], directory: Path) -> None:
        rows = "\n".join(f"| {name} | {value} |" for name, value in summary.items())
        self.experiment.add_text("summary", f"| figure | value |\n|---|---|\n{rows}", summary["rounds"])
        self.experiment.close()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if status != "success":  # else `conclude` follows
            super().finalize(status)

    @rank_zero_only
    def truncate(self, last_round: int, names: Collection[str]) -> None:
        """TensorBoard hides what earlier event files say of the rounds from the start of a new session on."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        start = SessionLog(status=SessionLog.START)
        self.experiment.file_writer.add_event(Event(step=last_round + bool(names), session_log=start))
