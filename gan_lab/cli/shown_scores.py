"""Scores of a run as `gan-lab evaluate` prints them."""

import shlex
import sys
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from gan_lab.cli.compare import DOUBTS, FLOOR, PROCEDURE
from gan_lab.io.reading import read_json

TEST_OF_COPYING = ("metric=copying", "features=pixels", "real=all")


def show(directory: Path, config: DictConfig, scores: dict[str, dict[str, Any]]) -> None:
    """Print what was measured of a run, by the key of its procedure, and what the tests for copies say beside it."""
    print(directory)
    for key, record in scores.items():
        for name, value in record.items():
            if isinstance(value, float) and not name.endswith("/error") and not name.startswith(PROCEDURE):
                error, floor = record.get(f"{name}/error"), record.get(PROCEDURE + FLOOR + name)
                source = record.get(f"{PROCEDURE}error")
                sure = "" if error is None else f" ± {error:.2g} (standard error: {source})"
                beside = "" if floor is None else f", of real samples {floor:.5g}"
                print(f"  {name} {value:.5g}{sure}{beside}  [{key}]")
    used = {name.removeprefix(PROCEDURE): value for name, value in record.items()}
    print(f"  copies of training data: {_copying(directory, config, scores)}")
    drawn = f", {used['sampling']}" if "sampling" in used else ""
    print(f"  {used['n']} samples and {used['n_real']} real ones, seed {used['seed']}, {used['features']}{drawn}")
    for doubt in dict.fromkeys(record[DOUBTS] for record in scores.values() if DOUBTS in record):
        print(f"warning: {doubt}", file=sys.stderr)


def _copying(directory: Path, config: DictConfig, scores: dict[str, dict[str, Any]]) -> str:
    """What the copying tests say of the samples: among these scores, else among those of the run's last generator."""
    from gan_lab.evaluation.copying import in_words, most

    now = {
        f"score/{key}/{name}": value
        for key, record in scores.items()
        for name, value in record.items()
        if name != f"{PROCEDURE}weights"  # of a checkpoint, where one was asked for
    }
    path = directory / "summary.json"
    z = most(now)
    if z is None and config.checkpoint is None and path.is_file():
        z = most(read_json(path))
    same = [f"{name}={config[name]}" for name in ("checkpoint", "root", "trust") if config[name]]
    ask = shlex.join(["gan-lab", "evaluate", str(directory), *TEST_OF_COPYING, *same])
    return in_words(z) + (f"; where the data have a test set: {ask}" if z is None else "")
