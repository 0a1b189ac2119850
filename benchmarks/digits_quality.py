"""How good are a run's digits? `python benchmarks/digits_quality.py RUN_DIR` asks a classifier of real ones.

An SVC (RBF kernel) is fitted to two thirds of scikit-learn's real digits and labels 1,000 samples; the held-out
third is measured beside them. Prints the share of each class and the mean top probability.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from gan_lab.sample import Options, sample


def main(directory: str) -> None:
    x, y = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(x / 8 - 1, y, test_size=1 / 3, random_state=0, stratify=y)
    svc = CalibratedClassifierCV(SVC(), ensemble=False).fit(train_x, train_y)

    out = Path(directory) / "quality.npz"
    sample(Path(directory), Options(n=1000, out=out))
    fake = np.load(out)["samples"].reshape(1000, 64)
    out.unlink()

    print(f"accuracy on held-out real digits {svc.score(test_x, test_y):.3f}")
    for name, images in (("real, held out", test_x), ("samples", fake)):
        probability = svc.predict_proba(images)
        shares = np.bincount(probability.argmax(1), minlength=10) / len(images)
        print(f"{name:>15}: mean top probability {probability.max(1).mean():.3f}; shares of 0-9 in %:", end=" ")
        print(" ".join(f"{100 * share:.1f}" for share in shares))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
