"""What a generator makes of few images: `python benchmarks/few_images.py DATA_ROOT RUN_DIR [RUN_DIR ...]`.

For each run of `experiment=mnist_500`, of 10,000 samples of its averaged generator:

Frechet, KID: distances to the 10,000 test images, of features of the classifier in gan_lab/features/classifier.py.
nearest: the mean Euclidean distance to the nearest training image, and to the nearest of the next so many images, which
    the run never saw. Samples that are nearer to the former by more than real images are, have been learnt by heart.
D right about: the shares of training, held-out and generated images that D takes for what they are, and r_v, by the
    callback `overfitting` at the end of the run.

Then the same of real images in place of samples: the training images themselves, and 10,000 that no run saw.
"""

import json
import sys
from pathlib import Path

import torch
from mnist import generator_of, judge_of, mnist
from omegaconf import OmegaConf
from torch import Tensor

from gan_lab.features.classifier import Classifier, judge
from gan_lab.metrics.distances import frechet_distance, kernel_distance

SAMPLES = 10_000


def samples_of(directory: str) -> Tensor:
    generate = generator_of(directory)
    return generate(generate.latent.sample(SAMPLES, torch.Generator().manual_seed(0)))


def nearest(x: Tensor, images: Tensor) -> float:
    """The mean distance of images x to the nearest of `images`."""
    known = images.flatten(1)
    exact = "donot_use_mm_for_euclid_dist"  # exact zeros
    distances = [torch.cdist(part.flatten(1), known, compute_mode=exact).amin(1) for part in x.split(1000)]
    return torch.cat(distances).mean().item()


def row(name: str, x: Tensor, test: Tensor, seen: Tensor, unseen: Tensor, classifier: Classifier) -> None:
    features = judge(classifier, x).features
    value, error = kernel_distance(features, test)
    print(f"{name}\n    Frechet {frechet_distance(features, test):.3f}, KID {value:.5f} +- {error:.5f}")
    print(f"    nearest training image at {nearest(x, seen):.3f}, other image at {nearest(x, unseen):.3f}", flush=True)


def main(root: str, *directories: str) -> None:
    classifier, train = judge_of(root), mnist(root, train=True)
    features = judge(classifier, mnist(root, train=False).x).features
    subsets = {int(OmegaConf.load(Path(directory) / "config.yaml").data.subset) for directory in directories}
    if len(subsets) != 1:
        sys.exit(f"the runs must have one data.subset, not {sorted(subsets)}")
    n = subsets.pop()
    seen, unseen = train.x[:n], train.x[n : 2 * n]
    for directory in directories:
        row(directory, samples_of(directory), features, seen, unseen, classifier)
        summary = json.loads((Path(directory) / "summary.json").read_text())
        kinds = ("train", "held_out", "generated")
        shares = ", ".join(f"{kind} {100 * summary[f'overfitting/accuracy_{kind}']:.1f} %" for kind in kinds)
        p = f", p {summary['augment/p']:.3f}" if "augment/p" in summary else ""
        print(f"    D right about: {shares}; r_v {summary['overfitting/r_v']:.3f}{p}; {summary['seconds']:.0f} s")
    row(f"the {n} training images", seen, features, seen, unseen, classifier)
    row(f"{SAMPLES} real images", train.x[2 * n :][:SAMPLES], features, seen, unseen, classifier)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
