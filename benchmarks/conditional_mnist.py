"""Does a conditional generator draw what it is asked for? `python benchmarks/conditional_mnist.py ROOT RUN_DIR ...`.

Each run's generator is asked for 1,000 digits of each class. Printed, after what real training images in place of
samples would have:

    as asked: the share in which the classifier of gan_lab/features/classifier.py sees the class asked for (and of the
        worst class);
    1-NN 1k, 10k: the test error of the nearest neighbour among the first 1,000 and all 10,000 samples, each with the
        label asked for (the protocol of the DCGAN paper, Radford, Metz & Chintala 2016, appendix);
    frechet: the distance of the samples' features, of that classifier, to those of the test images.

classes.png in each RUN_DIR has a row for each class, of the same noise down the columns.
"""

import sys
from pathlib import Path

import torch
from mnist import generator_of, judge_of, mnist
from torch import Tensor

from gan_lab.features.classifier import Classifier, judge
from gan_lab.metrics.conditional import accuracy_by_class
from gan_lab.metrics.distances import frechet_distance, nearest_neighbour_error
from gan_lab.plots.images import class_by_class, picture_of, save_picture
from gan_lab.types import Batch

CLASSES, EACH = 10, 1000


def figures(classifier: Classifier, images: Tensor, labels: Tensor, test: Batch) -> str:
    """One row of the table, of images with the labels asked for."""
    assert test.y is not None
    seen = judge(classifier, images)
    right = accuracy_by_class(seen.labels, labels, CLASSES)
    errors = [nearest_neighbour_error(images[:n], labels[:n], test.x, test.y) for n in (1_000, 10_000)]
    frechet = frechet_distance(seen.features, judge(classifier, test.x).features)
    return (
        f"as asked {100 * right.mean():.2f} % (worst {100 * right.min():.1f} %)  "
        f"1-NN 1k {100 * errors[0]:.2f} %  10k {100 * errors[1]:.2f} %  frechet {frechet:.3f}"
    )


def main(root: str, *directories: str) -> None:
    classifier, test, real = judge_of(root), mnist(root, train=False), mnist(root, train=True)
    assert real.y is not None
    n = CLASSES * EACH
    print(f"real images  {figures(classifier, real.x[:n], real.y[:n], test)}", flush=True)
    labels = torch.arange(n) % CLASSES  # any first samples have equal shares of each class
    for directory in directories:
        generate = generator_of(directory)
        noise = torch.Generator().manual_seed(0)
        images = generate(generate.latent.sample(n, noise), labels)
        print(f"{directory}  {figures(classifier, images, labels, test)}", flush=True)
        grid = generate(*class_by_class(generate.latent.sample(16, noise), torch.arange(CLASSES)))
        save_picture(picture_of(grid, 16), Path(directory) / "classes.png")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
