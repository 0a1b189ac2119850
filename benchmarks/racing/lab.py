"""The lab itself: what `python train.py` runs, with its default callbacks and logger."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra import compose, initialize_config_dir
from omegaconf import open_dict

from gan_lab.experiment.run import play
from racing.workloads import WORKLOADS

CONF = Path(__file__).parents[2] / "conf"


class Turnstile(pl.Callback):
    """The gate, called after the lab's own callbacks but the checkpoint's, which Lightning calls last."""

    after: Callable[[], None]

    def on_train_batch_end(self, *_: Any) -> None:
        Turnstile.after()


def lab(name: str, root: str, directory: str, after: Callable[[], None], *overrides: str) -> None:
    """Rounds to the experiment's own budget, which no race reaches."""
    workload = WORKLOADS[name]
    Turnstile.after = after
    files = [f"data.root={root}"] if workload.shape[0] == 1 else []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        where = [f"directory={directory}", "trainer=cpu"]
        config = compose("config", [*workload.overrides, *files, *where, *overrides])
    with open_dict(config):
        config.callbacks.turnstile = {"_target_": f"{__name__}.Turnstile"}
    play(config)
