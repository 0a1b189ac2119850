"""The judge of MNIST and what real images score: `python benchmarks/judge_mnist.py DATA_ROOT`.

Trains the classifier of gan_lab/features/classifier.py on the 60,000 training images, or takes it from the cache, and
prints its accuracy on the 10,000 test images. Then the marks that a conditional generator is measured against: the
1-nearest-neighbour test error with the first n real training images (the protocol of the DCGAN paper's appendix, in
which generated images take their place), and the distances of the real training images' features to the test images'.
"""

import sys
import time

from mnist import mnist

from gan_lab.features.classifier import default_cache_dir, judge, load_or_train
from gan_lab.metrics.distances import frechet_distance, kernel_distance, nearest_neighbour_error


def main(root: str) -> None:
    train, test = mnist(root, train=True), mnist(root, train=False)
    assert train.y is not None and test.y is not None

    wall, cpu = time.perf_counter(), time.process_time()
    classifier, accuracy = load_or_train(default_cache_dir(), train, test, seed=0)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"classifier: {100 * accuracy:.2f} % of the test images right; {wall:.0f} s, {cpu:.0f} s of processor time")

    for n in (1_000, 10_000, 50_000):
        error = nearest_neighbour_error(train.x[:n], train.y[:n], test.x, test.y)
        print(f"1-NN test error with {n} real training images: {100 * error:.2f} %", flush=True)

    real, held_out = (judge(classifier, images).features for images in (train.x[:10_000], test.x))
    value, error = kernel_distance(real, held_out)
    print(f"features of 10000 real training images to the test images': Frechet {frechet_distance(real, held_out):.4f}")
    print(f"    KID {value:.6f} +- {error:.6f}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
