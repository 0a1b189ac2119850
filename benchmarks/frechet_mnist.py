"""How far are samples from MNIST's test images? `python benchmarks/frechet_mnist.py DATA_ROOT RUN_DIR [RUN_DIR ...]`.

Of 10,000 samples of each run, Frechet distance and KID (with its standard error) to the 10,000 test images, of features
of the classifier in gan_lab/features/classifier.py; and, of several runs, mean and standard deviation of each.
"""

import sys

import torch
from mnist import generator_of, judge_of, mnist

from gan_lab.features.classifier import judge
from gan_lab.metrics.distances import frechet_distance, kernel_distance


def main(root: str, *directories: str) -> None:
    classifier = judge_of(root)
    real = judge(classifier, mnist(root, train=False).x).features
    found = []
    for directory in directories:
        generate = generator_of(directory)
        images = generate(generate.latent.sample(10_000, torch.Generator().manual_seed(0)))
        features = judge(classifier, images).features
        frechet, (kid, error) = frechet_distance(features, real), kernel_distance(features, real)
        print(f"{directory}  frechet {frechet:.3f}  kid {kid:.4f} +- {error:.4f}", flush=True)
        found.append([frechet, kid])
    if len(found) > 1:
        (frechet, kid), (spread, kid_spread) = torch.tensor(found).mean(0), torch.tensor(found).std(0)
        print(f"{len(found)} runs  frechet {frechet:.3f} +- {spread:.3f}  kid {kid:.4f} +- {kid_spread:.4f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
