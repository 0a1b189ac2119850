"""Protocol of the loggers of this lab: pictures, histograms, the run and its summary."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from torch import Tensor


class Introduction(NamedTuple):
    """A run before its first round.

    Attributes:
        name: what sets it apart from others, in words of the command line.
        group: the sweep that it is a job of, if it is.
        config: the resolved configuration, flat: dotted keys, plain values.
        goals: which published figures are better when lower ("min") or higher ("max").
    """

    name: str
    group: str | None
    config: Mapping[str, Any]
    goals: Mapping[str, str]


class Record(Logger):
    """A logger whose x-axis is rounds; each takes what it can of the following, and nothing by default.

    Its record has neither a gap nor a double after a resume; `truncate(round, names)`, where it is needed for that,
    forgets what was logged after that round, and of that round all figures but `names`.
    """

    def log_run(self, run: Introduction) -> None:
        """Before the first round of each part of the run."""

    def picture(self, name: str, picture: Tensor, at_round: int) -> None:
        """An RGB picture (3, H, W), uint8."""

    def histogram(self, name: str, values: Tensor, at_round: int) -> None:
        """The distribution of some finite numbers, of any shape."""

    def log_summary(self, summary: Mapping[str, Any], directory: Path) -> None:
        """After the last round: what summary.json says, and what the tests for copies have found, where figures of
        quality are in it; all files of the run are in the directory. Closes the record.

        Not called where the run fails: `finalize("failed")` is.
        """

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: see `introduce`."""


def records(trainer: pl.Trainer) -> list[Record]:
    """Those of the trainer's loggers that are this lab's."""
    return [logger for logger in trainer.loggers if isinstance(logger, Record)]
