"""How good are the digits of some runs? `python benchmarks/digits_quality.py RUN_DIR ...` asks judges of its own.

Each judge is trained afresh to tell 1,000 samples from as many real digits, and asked by 5-fold cross-validation: a
support vector machine (RBF kernel), the nearest neighbour, and a random forest, all as scikit-learn has them. An
accuracy of 0.5 is the best that a generator can get; the row of other real digits says what real ones get. Samples are
rounded to the data's grey levels 0..16 first: number formats shall not give them away.

Also: the smallest and largest share of a class, by a support vector machine that knows the real digits; and, against
copies, the median distance of samples to the nearest training digit, over that of training digits to the nearest other
one. It is below 1 where samples lie nearer to training digits than those lie to each other.

A run with data.subset=n is judged by the digits that it never saw; its row of real digits has those, too.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.svm import SVC

from gan_lab.cli.sample import Options, sample

SAMPLES = 1000
JUDGES = {
    "SVM": SVC(),
    "1-NN": KNeighborsClassifier(1),
    "forest": RandomForestClassifier(random_state=0),
}


def main(directories: Sequence[str]) -> None:
    digits, labels = load_digits(return_X_y=True)
    print(" | ".join([f"{'samples':>40}", *(f"{name:>6}" for name in JUDGES), "share of a class, %", "distance"]))
    for seen in sorted({seen_by(Path(directory), len(digits)) for directory in directories}, reverse=True):
        training, unseen = digits[:seen], digits[seen:]
        classes = SVC().fit(training, labels[:seen])
        floor = halves(digits) if len(unseen) == 0 else (unseen, training)
        print(row("other real digits", floor[0], floor[1], classes, floor[1]))
        for directory in directories:
            if seen_by(Path(directory), len(digits)) == seen:
                real = digits if len(unseen) == 0 else unseen
                print(row(directory, samples_of(Path(directory)), real, classes, training))


def row(name: str, samples: np.ndarray, real: np.ndarray, classes: SVC, training: np.ndarray) -> str:
    accuracies = (f"{accuracy(judge, samples, real):6.3f}" for judge in JUDGES.values())
    shares = 100 * np.bincount(classes.predict(samples), minlength=10) / len(samples)
    shown = f"{shares.min():4.1f} to {shares.max():4.1f}"
    return " | ".join([f"{name[-40:]:>40}", *accuracies, f"{shown:>19}", f"{distance(samples, training):8.2f}"])


def accuracy(judge: BaseEstimator, samples: np.ndarray, real: np.ndarray) -> float:
    """5-fold cross-validated, on as many of one kind as of the other."""
    n = min(len(samples), len(real))
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.permutation(samples)[:n], draw.permutation(real)[:n]])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(cross_val_score(judge, x, np.repeat([0, 1], n), cv=folds).mean())


def distance(samples: np.ndarray, training: np.ndarray) -> float:
    """To the nearest training digit, over that between training digits; medians."""
    nearest = NearestNeighbors(n_neighbors=2).fit(training)
    between = nearest.kneighbors(training)[0][:, 1]
    return float(np.median(nearest.kneighbors(samples)[0][:, 0]) / np.median(between))


def halves(digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shuffled = np.random.default_rng(0).permutation(digits)
    return shuffled[: len(digits) // 2], shuffled[len(digits) // 2 :]


def seen_by(directory: Path, size: int) -> int:
    """How many of the digits the run was trained on."""
    subset = yaml.safe_load((directory / "config.yaml").read_text())["data"]["subset"]
    return size if subset is None else int(subset)


def samples_of(directory: Path) -> np.ndarray:
    """The generator's, on the data's grid."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "samples.npz"
        sample(directory, Options(n=SAMPLES, out=out))
        x = np.load(out)["samples"].reshape(SAMPLES, -1)
    return np.clip(np.rint((x + 1) * 8), 0, 16)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1:])
