"""The check of an output directory before anything is written into it."""

import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from gan_lab.errors import UserError
from gan_lab.io.inside import demand_inside


class Inside(Callback):
    """Ends the program where something in the directory of the run, or of the sweep, leads out of it.

    Hydra's own notes (`.hydra/`, `multirun.yaml`) are the first that is written there, and follow links.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _check(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _check(Path(config.hydra.sweep.dir))


def _check(directory: Path) -> None:
    try:
        demand_inside(directory)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None  # Hydra makes warnings of exceptions
