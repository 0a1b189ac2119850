"""What the benchmarks on MNIST share: the images, their judge, and a run's generator."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.datasets import MNIST

from gan_lab.cli.sample import rebuilt
from gan_lab.data.memory import scale
from gan_lab.features.classifier import Classifier, default_cache_dir, load_or_train
from gan_lab.io.generator import load_generator
from gan_lab.types import Batch, Latent


class Generated(NamedTuple):
    """A finished run's generator, averaged where the run kept an average, and the distribution of its noise."""

    generator: nn.Module
    latent: Latent

    @torch.no_grad()
    def __call__(self, z: Tensor, y: Tensor | None = None, chunk: int = 500) -> Tensor:
        """Samples for noise (N, latent dim) and conditions (N, ...), `chunk` at a time."""
        zs = z.split(chunk)
        ys = [None] * len(zs) if y is None else y.split(chunk)
        return torch.cat([self.generator(*pair) for pair in zip(zs, ys, strict=True)])


def generator_of(directory: str) -> Generated:
    """That of RUN_DIR/generator.safetensors, in evaluation mode."""
    return Generated(*rebuilt(load_generator(Path(directory) / "generator.safetensors"), "average", trust=""))


def mnist(root: str, train: bool) -> Batch:
    """Images (N, 1, 28, 28) in [-1, 1] and labels (N,)."""
    found = MNIST(root, train=train)
    return Batch(scale(found.data.unsqueeze(1)), found.targets)


def judge_of(root: str) -> Classifier:
    """The classifier of all training images; says how good it is."""
    classifier, accuracy = load_or_train(default_cache_dir(), mnist(root, train=True), mnist(root, train=False), seed=0)
    print(f"classifier: {100 * accuracy:.2f} % of the test images right", flush=True)
    return classifier
