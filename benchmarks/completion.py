"""Several right answers: `python benchmarks/completion.py DATA_ROOT RUN_DIR [RUN_DIR ...]`.

The runs are those with degradation=half.

Each run completes 500 test images of MNIST 20 times. Of each are printed

    kept: mean absolute error in the given rows, in grey levels of 256;
    mean, nearest: that in the other rows, of all completions and of the best of the 20;
    distance: mean Euclidean distance between two completions of one input, pixels in [-1, 1];
    right: the share that the classifier of gan_lab/features/classifier.py takes for the true digit;
    classes: how many different digits it sees among the 20;
    sure, sure classes: the share that it gives a probability of .9 or more, and how many different digits are among
    those: what is no digit at all seldom is, though it, too, is taken for some digit.

completion.png in the first RUN_DIR has a row for each of ten inputs: what is given, the truth, and eight completions by
each run.
"""

import sys
from pathlib import Path

import torch
from hydra.utils import instantiate
from mnist import generator_of, judge_of, mnist
from torch import Tensor

from gan_lab.features.classifier import Classifier, judge
from gan_lab.io.generator import load_generator
from gan_lab.metrics.conditional import distinct_classes, pairwise_distance
from gan_lab.plots.images import picture_of, save_picture

INPUTS, ANSWERS = 500, 20
ROWS, COLUMNS = 10, 8
SURE = 0.9


def complete(directory: str, x: Tensor) -> tuple[Tensor, int, Tensor]:
    """What the run's generator is given of x (N, C, H, W), in how many rows, and its answers (N, 20, C, H, W)."""
    generate = generator_of(directory)
    given = instantiate(load_generator(Path(directory) / "generator.safetensors").recipe["degradation"])
    y = given(x)
    z = generate.latent.sample(len(x) * ANSWERS, torch.Generator().manual_seed(0))
    return y, given.rows(x.shape[2]), generate(z, y.repeat_interleave(ANSWERS, 0)).unflatten(0, (len(x), ANSWERS))


def figures(classifier: Classifier, x: Tensor, labels: Tensor, rows: int, answers: Tensor) -> dict[str, float]:
    """What is printed of answers (N, k, C, H, W) to images x (N, C, H, W), whose first rows were given."""
    error = 127.5 * (answers - x[:, None]).abs()
    missed = error[..., rows:, :].mean((2, 3, 4))
    chances = judge(classifier, answers.flatten(0, 1)).logits.softmax(1).view(*answers.shape[:2], -1)
    seen, sure = chances.argmax(2), chances >= SURE  # (N, k, 10): of one digit at most
    return {
        "kept": error[..., :rows, :].mean().item(),
        "mean": missed.mean().item(),
        "nearest": missed.amin(1).mean().item(),
        "distance": pairwise_distance(answers).mean().item() if answers.shape[1] > 1 else 0.0,
        "right": (seen == labels[:, None]).double().mean().item(),
        "classes": distinct_classes(seen).double().mean().item(),
        "sure": sure.any(2).double().mean().item(),
        "sure classes": sure.any(1).double().sum(1).mean().item(),
    }


def main(root: str, *directories: str) -> None:
    classifier, test = judge_of(root), mnist(root, train=False)
    assert test.y is not None
    x, labels = test.x[:INPUTS], test.y[:INPUTS]

    table = {"the truth": figures(classifier, x, labels, x.shape[2] // 2, x[:, None])}
    shown: list[Tensor] = []
    for directory in directories:
        y, rows, answers = complete(directory, x)
        table[directory] = figures(classifier, x, labels, rows, answers)
        shown += [y[:ROWS, None], x[:ROWS, None]] if not shown else []
        shown.append(answers[:ROWS, :COLUMNS])
    for name, row in table.items():
        print(name, *(f"{key} {value:.3f}" for key, value in row.items()), sep="  ", flush=True)

    picture = picture_of(torch.cat(shown, 1).flatten(0, 1), 2 + COLUMNS * len(directories))
    save_picture(picture, Path(directories[0]) / "completion.png")
    print(f"{Path(directories[0]) / 'completion.png'}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
