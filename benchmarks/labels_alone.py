"""What the labels are worth without the game: `python benchmarks/labels_alone.py DATA_ROOT [OVERRIDE ...]`.

The D of experiment=semi_supervised_mnist learns its cross entropy on the shown labels and nothing else, by the same
optimiser and averaged by the same callback. Overrides are those of train.py, such as data.labels_seed=1 rounds=2000.
Prints how many of the 10,000 test images are wrong.
"""

import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from gan_lab.experiment.build import build

CONF = Path(__file__).resolve().parents[1] / "conf"
ROUNDS = 2000  # by far enough for a hundred pictures


class LabelsAlone:
    """An update in which D alone moves, by its term `supervised` alone."""

    def play(self, game: Any) -> None:
        context = game.context(game.d)
        game.move(game.d, game.gradient(game.d, game.d.terms["supervised"](context, game.d.step)))


def main(root: str, *overrides: str) -> None:
    given = ["experiment=semi_supervised_mnist", f"data.root={root}", "directory=none", f"rounds={ROUNDS}", *overrides]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("config", given)
    gan, data = build(config)
    gan.update = LabelsAlone()
    counting = instantiate(config.callbacks.classification, every=config.rounds)
    pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=config.rounds, callbacks=[counting], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).fit(gan, data)  # fmt: skip
    errors, now = (int(gan.history.last[f"classifier/{name}"]) for name in ("errors", "errors_now"))
    print(f"{config.data.labels} labels alone, {config.rounds} rounds: {errors} errors, {now} without the average")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
