"""Verdicts on runs made to end in each way: `python benchmarks/verdicts.py FOLDER` plays them and prints a table.

Eleven ways, toys and images, four seeds each; other seeds than those that the rule was tuned on (0 to 4). Runs that are
finished in FOLDER are not played again.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEEDS = "seed=100,101,102,103"
COMMON = [
    "-m", SEEDS, "callbacks.metrics.every=10", "callbacks.logit_landscape=null", "callbacks.progress=null",
    "callbacks.samples.every=100000", "callbacks.checkpoint.every=100000",
]  # fmt: skip
POINTS = ["model=mlp", "model.hidden=[32]", "data.batch_size=256", "latent.dim=4"]
WAYS = {  # folder: (the verdict that it was made for, overrides)
    "gaussian": ("near equilibrium", [*POINTS, "data=gaussian", "optimizer.lr=3e-3", "optimizer.betas=[0.0,0.9]",
        "schedule=cosine", "term@d_terms=[r1]", "d_terms.r1.weight=0.1", "rounds=3000"]),
    "ring_frozen": ("discriminator too weak", [*POINTS, "data=ring", "optimizer.d.lr=1e-6", "optimizer.g.lr=1e-6",
        "rounds=200"]),
    "digits_weak_d": ("discriminator too weak", ["optimizer.lr=2e-4", "optimizer.d.lr=1e-5", "optimizer.g.lr=1e-5",
        "rounds=300"]),
    "ring_frozen_g": ("discriminator wins", [*POINTS, "data=ring", "optimizer.g.lr=1e-6", "optimizer.d.lr=1e-2",
        "rounds=400"]),
    "digits_frozen_g": ("discriminator wins", ["optimizer.g.lr=1e-6", "optimizer.d.lr=1e-3", "rounds=250"]),
    "ring_collapse": ("generator collapsed", [*POINTS, "data=ring", "model.hidden=[128,128]", "latent.dim=32",
        "optimizer.lr=5e-4", "rounds=600"]),
    "gaussian_wasserstein": ("oscillating", [*POINTS, "data=gaussian", "loss=wasserstein", "optimizer.lr=3e-3",
        "rounds=1000"]),
    "gaussian_diverged": ("diverged", [*POINTS, "data=gaussian", "loss=wasserstein", "optimizer.lr=1",
        "optimizer.betas=[0.0,0.9]", "rounds=300"]),
    "gaussian_short": ("too short to tell", [*POINTS, "data=gaussian", "optimizer.lr=1e-3", "rounds=50"]),
    "digits_on_their_way": ("still moving", ["optimizer.lr=2e-4", "rounds=300"]),
    "digits_relativistic": ("discriminator leads", ["loss=relativistic", "term@d_terms=[r1,r2]",
        "d_terms.r1.weight=0.1", "d_terms.r2.weight=0.1", "optimizer.lr=1e-3", "optimizer.betas=[0.0,0.99]",
        "schedule=cosine", "rounds=1500"]),
}  # fmt: skip


def main(folder: Path) -> None:
    right = total = 0
    print("| made for | run | verdicts | auditor's AUC | the game's D |\n|---|---|---|---|---|")
    for name, (wanted, overrides) in WAYS.items():
        sweep = folder / name
        command = [sys.executable, str(ROOT / "train.py"), *COMMON, f"hydra.sweep.dir={sweep}", *overrides]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = [json.loads(path.read_text()) for path in sorted(sweep.glob("*/summary.json"))]
        verdicts = Counter(summary["equilibrium/verdict"] for summary in found)
        right, total = right + verdicts[wanted], total + len(found)
        shown = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        aucs = (", ".join(f"{s[key]:.2f}" for s in found if key in s) for key in ("audit/auc", "audit/game_auc"))
        print("|", " | ".join([wanted, name, shown, *aucs]), "|", flush=True)
    print(f"\n{right} of {total} as made for")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    main(parser.parse_args().folder)
