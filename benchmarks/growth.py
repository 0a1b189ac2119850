"""How the cost of a round grows with the batch, the width and the size of a DCGAN, beside the machine's limit.

    python benchmarks/growth.py [--seconds 5] [--out growth]

One thread, seconds of the processor, the least of some rounds. Writes OUT.md and OUT.png. The limit is what a product
of two 1024 x 1024 matrices takes for as many FLOPs.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import matplotlib

matplotlib.use("agg")

import torch
from by_hand import Bare
from gpu import Found, Workload, by_lab, configured, meter
from matplotlib import pyplot
from racing.gate import Untracked
from racing.report import table
from torch.utils.flop_counter import FlopCounterMode

from gan_lab.experiment.build import build

CPU = torch.device("cpu")
SERIES = {  # of (size, batch, width), with what changes
    "batch": [(32, batch, 16) for batch in (8, 16, 32, 64, 128)],
    "width": [(32, 16, width) for width in (8, 16, 32, 64)],
    "size": [(size, 16, 16) for size in (16, 32, 64, 128)],
}
CHANGES = {"batch": 1, "width": 2, "size": 0}
UNITS = {"batch": "images", "width": "channels of the largest map", "size": "pixels a side"}


def limit() -> float:
    """FLOPs a second of a product of matrices, at most."""
    one, least = torch.randn(1024, 1024), float("inf")
    for _ in range(15):
        began = time.process_time()
        torch.mm(one, one)
        least = min(least, time.process_time() - began)
    return 2 * 1024**3 / least


def measured(size: int, batch: int, width: int, seconds: float) -> tuple[float, float]:
    """Seconds and FLOPs of a round."""
    workload = Workload(size, batch, ("model=dcgan", "latent.dim=64", f"model.width={width}", "trainer=cpu"), ())
    found = Found()
    with tempfile.TemporaryDirectory() as directory:
        config = configured(workload, Path(directory), False, "callbacks.progress=null")
        by_lab(config, meter(found, CPU, seconds, warm=2, block=1), found)
        gan, data = build(config)
        loop = Bare(gan, data, config, CPU, None)
        counter = FlopCounterMode(display=False)
        counter.mod_tracker = Untracked()  # type: ignore[assignment]
        with counter:
            loop.round()
    return min(found.blocks), counter.get_total_flops()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of the settings")
    parser.add_argument("--out", default="growth")
    given = parser.parse_args()
    torch.set_num_threads(1)
    figure, panels = pyplot.subplots(1, len(SERIES), figsize=(11, 3.4), constrained_layout=True)
    rows = []
    for panel, (name, settings) in zip(panels, SERIES.items(), strict=True):
        peak = limit()
        found = [measured(*setting, given.seconds) for setting in settings]
        at = [setting[CHANGES[name]] for setting in settings]
        for setting, (spent, flops) in zip(settings, found, strict=True):
            size, batch, width = setting
            share = f"{flops / peak / spent:.0%}"
            rows.append(
                [name, f"{size}", f"{batch}", f"{width}", f"{1e3 * spent:.1f}", f"{1 / spent:.2f}",
                 f"{batch / spent:.0f}", f"{flops / 1e9:.2f}", share]
            )  # fmt: skip
        panel.loglog(at, [spent for spent, _ in found], "o-", label="lab")
        panel.loglog(at, [flops / peak for _, flops in found], "--", color="grey", label="matrix product")
        panel.set_xlabel(f"{name} ({UNITS[name]})")
        panel.set_xticks(at, [str(value) for value in at], minor=False)
        panel.minorticks_off()
    panels[0].set_ylabel("time of a round (s)")
    panels[0].legend(frameon=False)
    head = ["varied", "size", "batch", "width", "ms a round", "rounds/s", "images/s", "GFLOP", "of the limit"]
    told = table(head, rows) + f"\n\nload {' '.join(f'{load:.1f}' for load in os.getloadavg())}\n"
    print(told)
    Path(f"{given.out}.md").write_text(told)
    figure.savefig(f"{given.out}.png", dpi=110)


if __name__ == "__main__":
    main()
