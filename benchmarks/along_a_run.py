"""What the metrics say along one run: `python benchmarks/along_a_run.py RUN_DIR OUT.png`, of a run such as

python train.py experiment=dcgan_mnist update=alternating data.root=PATH model.width=32 data.batch_size=64 \
    rounds=3000 'callbacks=[default,evaluation]' callbacks.evaluation.every=100 \
    'metric@callbacks.evaluation.metrics=[frechet,kernel,density_coverage,precision_recall]'

Draws them over the rounds, and prints the order in which each puts five of these.
"""

import csv
import sys
from pathlib import Path

from gan_lab.plots.figures import Panel, curves
from gan_lab.plots.images import save_picture

ROUNDS = (600, 1200, 1800, 2400, 3000)
PANELS = {  # title: the figures, and whether the scale is logarithmic
    "Frechet distance (lower is better)": (["frechet"], True),
    "kernel distance (lower is better)": (["kernel"], True),
    "near the data (higher is better)": (["precision", "density"], False),
    "all of the data (higher is better)": (["recall", "coverage"], False),
}


def main(run: Path, out: Path) -> None:
    with (run / "metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("evaluation/frechet")]
    rounds = [float(row["round"]) for row in rows]
    found = {name: [float(row[f"evaluation/{name}"]) for row in rows] for names, _ in PANELS.values() for name in names}
    panels = [Panel(title, {n: found[n] for n in names}, logarithmic=log) for title, (names, log) in PANELS.items()]
    save_picture(curves(rounds, panels, f"What the metrics say along one run of {rounds[-1]:.0f} rounds"), out)
    for name, values in found.items():
        at = {round_: value for round_, value in zip(rounds, values, strict=True) if round_ in ROUNDS}
        order = sorted(at, key=lambda r: at[r], reverse=name not in ("frechet", "kernel"))
        told = ", ".join(f"{round_:.0f}: {value:.4g}" for round_, value in at.items())
        print(f"{name}: {told}; best first: {' '.join(f'{round_:.0f}' for round_ in order)}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
