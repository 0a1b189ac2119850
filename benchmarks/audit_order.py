"""Whether the audit orders runs as a classifier does that is trained at length: `python benchmarks/audit_order.py SET`.

SET is `mnist FOLDER DATA_ROOT` (ten runs) or `pictures FOLDER` (six, on a folder of PNG files that is made first). The
runs are played in FOLDER; those that are finished are not played again. Both look at features: of MNIST those of the
digits' classifier, of pictures those of EfficientNet-Lite0. The audit is given N samples of each kind; a perceptron is
trained on 80 % of many more and is asked about the rest. No training, nor the features', saw any of these real images.
Prints a table, with the audit that each run ended with, and Spearman's rank correlations with the perceptron's figures.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mnist import judge_of, mnist
from scipy.stats import spearmanr
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torchvision.utils import save_image

import gan_lab
from gan_lab.cli.evaluate import configure, data_of
from gan_lab.data.photographs import Photographs
from gan_lab.equilibrium.audit import Audit, audit, figures
from gan_lab.features.classifier import judge
from gan_lab.features.extractors import EfficientNetLite0

ROOT = Path(__file__).parents[1]
COMMON = [
    "-m", "callbacks.metrics.every=50", "callbacks.samples.every=100000", "callbacks.checkpoint.every=100000",
    "callbacks.logit_landscape=null", "callbacks.progress=null", "hydra.sweep.subdir=${rounds}",
]  # fmt: skip
MNIST = ["experiment=dcgan_mnist", "update=alternating", "data.batch_size=64", "data.subset=50000", "ema=none"]
PICTURES = [
    "model=dcgan", "model.width=32", "ema=none", "data=images", "data.image_size=32", "data.batch_size=32",
    "data.subset=4000", "callbacks.audit.n=500",
]  # fmt: skip
RUNS = {
    "mnist": {
        "DCGAN": [*MNIST, "model.width=32", "rounds=150,300,600,1200,2400,3000"],
        "DCGAN, hinge loss, seed 1": [*MNIST, "model.width=32", "rounds=800,2000", "loss=hinge", "seed=1"],
        "multilayer perceptron": [*MNIST, "model=mlp", "rounds=1000,3000"],
    },
    "pictures": {"DCGAN": [*PICTURES, "rounds=50,100,200,400,800,1600"]},
}
AUDITED = {"mnist": 1000, "pictures": 300}
JUDGED = {"mnist": 5000, "pictures": 1000}
View = Callable[[Tensor], Tensor]


def write_pictures(folder: Path, n: int = 6000) -> None:
    """Windows of 32 pixels, cut at random out of six photographs."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for i, x in enumerate(Photographs("train", (3, 32, 32), n, seed=0).take(n).x):
            save_image(x / 2 + 0.5, folder / f"{i:04d}.png")


def play(folder: Path, name: str, data_root: str) -> list[Path]:
    """The directories of the runs, the shortest first."""
    for label, choices in RUNS[name].items():
        places = [f"data.root={data_root}", f"hydra.sweep.dir='{folder / label}'"]
        command = [sys.executable, str(ROOT / "train.py"), *COMMON, *choices, *places]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return sorted((path.parent for path in folder.glob("*/*/summary.json")), key=lambda run: int(run.name))


def rounded(x: Tensor) -> Tensor:
    """Images with 256 grey levels, as real ones have."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def view_of(name: str, data_root: str) -> View:
    if name == "mnist":
        network = judge_of(data_root)
        return lambda x: judge(network, x).features
    see = EfficientNetLite0()
    see.prepare((3, 32, 32), NotImplemented)
    return lambda x: torch.cat([see(part) for part in x.split(100)])


def by_perceptron(real: Tensor, fake: Tensor) -> Audit:
    """Its figures on the last fifth of both."""
    cut = len(real) * 4 // 5
    perceptron = make_pipeline(StandardScaler(), MLPClassifier((256,), max_iter=60, random_state=0))
    perceptron.fit(torch.cat([real[:cut], fake[:cut]]).numpy(), np.repeat([1, 0], cut))
    p = [torch.from_numpy(perceptron.predict_proba(x[cut:].numpy()))[:, 1].clamp(1e-6, 1 - 1e-6) for x in (real, fake)]
    return figures(*(share.logit() for share in p))


def row_of(run: Path, name: str, view: View, real: Tensor) -> dict[str, Any]:
    """Of a finished run: its own audit, that in features, and the perceptron's figures. `real` are features."""
    fake = view(rounded(gan_lab.load(run).samples(JUDGED[name], seed=1)))
    summary, n = json.loads((run / "summary.json").read_text()), AUDITED[name]
    audited, judged = audit(real[-n:], fake[-n:], seed=0), by_perceptron(real, fake)
    return {
        "run": f"{run.parent.name}, {run.name} rounds", "the run's own audit: AUC": summary["audit/auc"],
        f"audit, N = {n}: AUC": audited.auc.value, "JSD >=": audited.jsd_bound.value,
        "perceptron: AUC": judged.auc.value, "its JSD >=": judged.jsd_bound.value,
    }  # fmt: skip


def main(name: str, folder: Path, data_root: str) -> None:
    if name == "pictures":
        write_pictures(Path(data_root))
    runs, view = play(folder / "runs", name, data_root), view_of(name, data_root)
    unseen = mnist(data_root, train=False) if name == "mnist" else data_of(runs[0], configure([])).unseen(JUDGED[name])
    assert unseen is not None
    real, rows = view(unseen.x[: JUDGED[name]]), []
    for run in runs:
        rows.append(row_of(run, name, view, real))
        if len(rows) == 1:
            print(f"| {' | '.join(rows[0])} |", "|---" * len(rows[0]) + "|", sep="\n")
        print(f"| {' | '.join(v if isinstance(v, str) else f'{v:.4f}' for v in rows[-1].values())} |", flush=True)
    _, *audits, auc, bound = rows[0]
    for figure in audits:
        found = [spearmanr([row[figure] for row in rows], [row[truth] for row in rows]) for truth in (auc, bound)]
        print(f"{figure}: {', '.join(f'{f.statistic:.2f} (p = {f.pvalue:.1g})' for f in found)}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["mnist", folder, data_root]:
            main("mnist", Path(folder), data_root)
        case ["pictures", folder]:
            main("pictures", Path(folder), str(Path(folder) / "pictures"))
        case _:
            raise SystemExit(__doc__)
