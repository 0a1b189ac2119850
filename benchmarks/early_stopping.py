"""Early stopping replayed on recorded runs: `python benchmarks/early_stopping.py METRIC PATIENCE SHARE FOLDER [...]`.

Each metrics.csv below the folders goes through the callback, with `min_delta` SHARE of the metric's first value, by the
test (error 5 %) and without one. A run, of a metric that is best low, is ended too early if the mean of the next
PATIENCE values is lower than that of the last by `min_delta` or more, and too early for what came later if that of any
further ones is. It is over from the look on after which no further mean is.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import beta

from gan_lab.callbacks.early_stopping import EarlyStopping
from gan_lab.game.history import History
from gan_lab.io.metrics_table import read_rows


def end_of(rows: Sequence[dict[str, float]], metric: str, **options: Any) -> int | None:
    """After how many values the callback ends the run; None: it does not."""
    stopping = EarlyStopping(metric, **options)
    gan: Any = SimpleNamespace(history=History())
    trainer: Any = SimpleNamespace(should_stop=False)
    for number, row in enumerate(rows, 1):
        gan.history.add(row, number)
        stopping.after_round(trainer, gan)
        if trainer.should_stop:
            return number
    return None


def gains(values: np.ndarray, end: int, patience: int) -> np.ndarray:
    """By how much the means of the further windows of `patience` values are lower than that of the last one."""
    windows = [values[at : at + patience].mean() for at in range(end, len(values) - patience + 1, patience)]
    return values[end - patience : end].mean() - np.array(windows)


def share(count: int, of: int) -> str:
    """With the interval of Clopper & Pearson, 95 %."""
    low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return f"{count} of {of} ({100 * low:.0f} to {100 * high:.0f} %)"


def main(metric: str, patience: int, part: float, *folders: Path) -> None:
    paths = sorted(path for folder in folders for path in folder.rglob("metrics.csv"))
    tables = [[numbers for _, numbers in read_rows(path) if metric in numbers] for path in paths]
    runs = [rows for rows in tables if len(rows) >= 2 * patience and np.isfinite([row[metric] for row in rows]).all()]
    if not runs:
        sys.exit(f"{metric}: no run of {len(paths)} has {2 * patience} values of it or more, all finite")
    lengths = sorted(len(rows) for rows in runs)
    print(f"{len(runs)} runs of {lengths[0]} to {lengths[-1]} values")
    print("| rule | could be ended too early: were | for what came later | over: were ended | values after that |")
    print("|---" * 5 + "|")
    for name, error in (("test, 5 %", 0.05), ("patience alone", None)):
        early = later = improving = over = ended = 0
        waits = []
        for rows in runs:
            values = np.array([row[metric] for row in rows])
            least = part * abs(values[0])
            end = end_of(rows, metric, patience=patience, min_delta=least, error=error)
            ahead = {at: gains(values, at, patience) for at in range(patience, len(values) - patience + 1, patience)}
            improving += any(gain[0] >= least for gain in ahead.values())
            last = patience * ((end or 0) // patience)
            if end is not None and last in ahead:
                early += ahead[last][0] >= least
                later += ahead[last].max() >= least
            over_at = next((at for at, gain in ahead.items() if gain.max() < least), None)
            if over_at is not None:
                over += 1
                ended += end is not None
                waits += [end - over_at] if end is not None else []
        middle = f"{np.median(waits):.0f}" if waits else "-"
        print(f"| {name} | {share(early, improving)} | {share(later, improving)} | {share(ended, over)} | {middle} |")


if __name__ == "__main__":
    if len(sys.argv) < 5:
        raise SystemExit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *map(Path, sys.argv[4:]))
