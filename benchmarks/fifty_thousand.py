"""Memory of an evaluation at 5,000 and at 50,000 samples: `python benchmarks/fifty_thousand.py [N ...]`.

frechet: two folders of N made-up PNG files of 64 pixels, read by this process alone and by two others, through a light
network of 2,048 random features in place of Inception. neighbours: precision, recall, density and coverage of N points
of 64 numbers on either side. Each in a process of its own; says figures, seconds, processor seconds and peak memory.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from evaluating import cost
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from gan_lab.evaluation import sets
from gan_lab.features.protocol import Lessons
from gan_lab.metrics.measures.distance import Frechet
from gan_lab.metrics.precision_recall import density_coverage, precision_recall

SIDE, FEATURES, DIMENSIONS = 64, 2048, 64


class Light:
    """As many features as Inception's, of images averaged to 16 x 16 pixels, by one random layer with a ReLU."""

    resize, identity = "none", "light"
    learns: ClassVar[bool] = False

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None:
        drawn = torch.Generator().manual_seed(0)
        self.layer = torch.randn(3 * 16 * 16, FEATURES, generator=drawn) / 16

    def __call__(self, x: Tensor) -> Tensor:
        return (F.adaptive_avg_pool2d(x, 16).flatten(1) @ self.layer).relu()


def write_pictures(folder: Path, n: int, darker: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(darker)
    for i in range(n):
        coarse = rng.integers(0, 256 - darker, (8, 8, 3), dtype=np.uint8)
        fine = coarse.repeat(SIDE // 8, axis=0).repeat(SIDE // 8, axis=1)
        Image.fromarray(fine).save(folder / f"{i:05d}.png", compress_level=1)


def frechet(place: Path, workers: int) -> None:
    sets.WORKERS = workers
    fake, real = (sets.pictures(place / name, None, None, 0, 250) for name in "ab")
    metrics = {"frechet": Frechet(groups=0)}
    seen_real, seen_fake = sets.compare_sets(fake, real, sets.prepared(Light(), real.shape), metrics, "cpu")
    print("frechet", *metrics["frechet"](seen_real, seen_fake).values())


def neighbours(n: int) -> None:
    drawn = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, n, DIMENSIONS, generator=drawn).unbind()
    print(*precision_recall(real, 1.1 * fake), *density_coverage(real, 1.1 * fake))


def row(name: str, n: int, arguments: list[str], cache: Path) -> None:
    found = cost([__file__, *arguments], cache)
    figures = ", ".join(f"{float(word):.9g}" for word in found.said.split() if word != "frechet")
    print(f"| {name} | {n} | {figures} | {found.wall:.0f} | {found.cpu:.0f} | {found.memory:.0f} |", flush=True)


def main(numbers: list[int]) -> None:
    heads = ["what", "samples a side", "figures", "seconds", "processor seconds", "peak memory (MB)"]
    print(f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", sep="\n")
    for n in numbers:
        with tempfile.TemporaryDirectory() as place:
            for name, darker in (("a", 40), ("b", 0)):
                write_pictures(Path(place) / name, n, darker)
            for workers in (0, 2):
                reading = f"frechet, read by {'itself' if workers == 0 else 'two processes'}"
                row(reading, n, ["frechet", place, str(workers)], Path(place) / f"cache{workers}")
            row("precision, recall, density, coverage", n, ["neighbours", str(n)], Path(place))


if __name__ == "__main__":
    torch.set_num_threads(1)
    match sys.argv[1:]:
        case ["frechet", place, workers]:
            frechet(Path(place), int(workers))
        case ["neighbours", n]:
            neighbours(int(n))
        case given:
            main([int(n) for n in given] or [5000, 50_000])
