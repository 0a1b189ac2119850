"""Errors along semi-supervised runs: `python benchmarks/errors_along.py OUT.png RUN_DIR [RUN_DIR ...]`.

The runs are those of experiment=semi_supervised_mnist, each with its own choice of labels, by their metrics.csv as far
as all have come. Draws the errors of each run over rounds, by the averaged D and by D as it is, and prints mean and
standard deviation over the runs after each `EPOCHS`-th epoch.
"""

import csv
import statistics
import sys
from pathlib import Path

from gan_lab.plots.figures import Panel, curves
from gan_lab.plots.images import save_picture

EPOCHS, ROUNDS = 10, 600  # rounds in an epoch: 60,000 images in batches of 100
FIGURES = {"averaged D": "classifier/errors", "D as it is": "classifier/errors_now"}


def errors(run: Path, figure: str) -> dict[int, float]:
    """Of 10,000 test images, at each round at which they were counted."""
    with (run / "metrics.csv").open() as file:
        return {int(row["round"]): float(row[figure]) for row in csv.DictReader(file) if row[figure]}


def main(out: Path, *runs: Path) -> None:
    found = {name: [errors(run, figure) for run in runs] for name, figure in FIGURES.items()}
    rounds = sorted(set.intersection(*(set(run) for run in found["averaged D"])))
    for round_ in rounds:
        if round_ % (EPOCHS * ROUNDS) == 0 or round_ == rounds[-1]:
            told = []
            for name, of_runs in found.items():
                values = [run[round_] for run in of_runs]
                listed = ", ".join(f"{value:.0f}" for value in values)
                told.append(f"{name} {statistics.mean(values):.1f} +- {statistics.stdev(values):.1f} ({listed})")
            print(f"epoch {round_ // ROUNDS}: {'; '.join(told)}")
    panels = [
        Panel(name, {str(i): [run[r] for r in rounds] for i, run in enumerate(of_runs, 1)}, logarithmic=True)
        for name, of_runs in found.items()
    ]
    save_picture(
        curves([float(r) for r in rounds], panels, "Errors on 10,000 test images, by the choice of labels"), out
    )


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
