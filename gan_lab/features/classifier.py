"""Classifier of real images, which judges samples.

A conditional generator is measured by whether a judge who knows the real thing recognises it. The
judge must be better than what is measured and the same in every comparison; hence one small network, one recipe,
and a cache from which the same data and seed always get the same weights.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

import torch
import torch.nn.functional as F
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import trange

from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.networks.evaluating import evaluating
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch

RECIPE = 1  # raise it with every change to the network or its training, so that no cache answers for the old ones
STEPS, BATCH = 2000, 128  # about four epochs of MNIST
SMALLEST = 8  # pixels; what two poolings and a 3 x 3 window need to see something


class Classifier(nn.Module):
    """Images (N, C, H, W) in [-1, 1], H and W at least 8, to logits (N, K) over the classes.

    Five 3 x 3 convolutions with batch normalisation, two poolings, an average over what is left of the plane: it takes
    images of any size, though it knows only the size that it was trained on.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *block(channels, 16, pool=True),
            *block(16, 32),
            *block(32, 32, pool=True),
            *block(32, 64),
            *block(64, 64),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(64, num_classes)
        self.to(memory_format=torch.channels_last)  # a fifth less time on a CPU

    def features(self, x: Tensor) -> Tensor:
        """The penultimate layer: (N, 64), not negative."""
        if x.ndim != 4 or min(x.shape[2:]) < SMALLEST:
            raise ValueError(f"the classifier takes images (N, C, H, W) of {SMALLEST} pixels or more: {tuple(x.shape)}")
        return self.body(x.contiguous(memory_format=torch.channels_last))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def block(inputs: int, outputs: int, pool: bool = False) -> list[nn.Module]:
    """The pooling comes first, since there is then a quarter left to normalise."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
    return [*layers, *([nn.MaxPool2d(2)] if pool else []), nn.BatchNorm2d(outputs), nn.ReLU()]


class Judgement(NamedTuple):
    """What the classifier makes of N images: features (N, F) and logits (N, K)."""

    features: Tensor
    logits: Tensor

    @property
    def labels(self) -> Tensor:
        """The likeliest class of each image: (N,) int64."""
        return self.logits.argmax(1)


@torch.no_grad()
def judge(classifier: Classifier, images: Tensor, chunk: int = 500) -> Judgement:
    """Look at images (N, C, H, W), `chunk` at a time, in evaluation mode; the answer does not depend on `chunk`."""
    with evaluating(classifier):
        features = torch.cat([classifier.features(part) for part in images.split(chunk)])
    return Judgement(features, classifier.head(features))


def accuracy(classifier: Classifier, images: Tensor, labels: Tensor) -> float:
    """The share of images (N, C, H, W) whose class in `labels` (N,) is recognised."""
    return (judge(classifier, images).labels == labels).double().mean().item()


def train_classifier(
    images: Tensor, labels: Tensor, seed: int, steps: int = STEPS, batch_size: int = BATCH
) -> Classifier:
    """A classifier of images (N, C, H, W) in [-1, 1] by their labels (N,) in 0..K-1, on the device of the images.

    AdamW under one cycle of the learning rate (Smith & Topin 2018), cross entropy with smoothed labels, images shifted
    by up to a fourteenth of their size. All randomness comes from `seed`; the global state is left alone.
    """
    if len(images) != len(labels) or labels.ndim != 1:
        raise ValueError(f"{tuple(images.shape)} images need as many labels (N,): {tuple(labels.shape)}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "classifier"))
        classifier = Classifier(images.shape[1], int(labels.max()) + 1).to(images.device).train()
    rng = torch.Generator().manual_seed(derive_seed(seed, "batches"))
    epochs = -(-steps * batch_size // len(images))
    order = torch.cat([torch.randperm(len(images), generator=rng) for _ in range(epochs)])
    optimizer = torch.optim.AdamW(classifier.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=steps)
    for step in trange(steps, desc="classifier", unit="step", mininterval=1):  # on stderr
        indices = order[step * batch_size : (step + 1) * batch_size].to(images.device)
        logits = classifier(shifted(images[indices], rng))
        loss = F.cross_entropy(logits, labels[indices], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return classifier.eval()


def shifted(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each image moved by whole pixels, at random, up to 1/14 of its size each way; the rim is continued."""
    n, _, height, width = images.shape
    by = max(1, min(height, width) // 14)
    windows = F.pad(images, (by,) * 4, mode="replicate").unfold(2, height, 1).unfold(3, width, 1)
    top, left = torch.randint(2 * by + 1, (2, n), generator=rng).to(images.device)
    return windows[torch.arange(n, device=images.device), :, top, left]


class Trained(NamedTuple):
    """A classifier and its accuracy on test images."""

    classifier: Classifier
    accuracy: float


def default_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/gan_lab`, or `~/.cache/gan_lab`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "gan_lab"


def check_cache() -> None:
    """Raises UserError where nothing can be kept in the cache, before anything is computed that would be."""
    try:
        directory = default_cache_dir()
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=directory):
            pass
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        why = getattr(error, "strerror", None) or error
        raise UserError(
            f"the cache of features, ~/.cache/gan_lab, cannot be written to ({why}); set XDG_CACHE_HOME to a folder "
            "that can"
        ) from error


def load_or_train(cache_dir: Path, train: Batch, test: Batch, seed: int, steps: int = STEPS) -> Trained:
    """The classifier of `train` and its accuracy on `test`, from the cache if it was ever trained before.

    The file is named by all that it follows from: both sets, the recipe and the seed. A damaged file is replaced; of
    several processes that want the same one, one trains and the others wait for it.
    """
    if train.y is None or test.y is None:
        raise ValueError("a classifier needs labels")
    key = digest([train.x, train.y, test.x, test.y], f"{RECIPE} {seed} {steps}")
    path = cache_dir / f"classifier-{key[:32]}.safetensors"
    cache_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        classifier = Classifier(train.x.shape[1], int(train.y.max()) + 1).to(train.x.device).eval()
        known = restore(classifier, path)
        if known is not None:
            return Trained(classifier, known)
        classifier = train_classifier(train.x, train.y, seed, steps)
        trained = Trained(classifier, accuracy(classifier, test.x, test.y))
        save(trained, path)
        return trained


def save(trained: Trained, path: Path) -> None:
    """Write the weights, and in the metadata the accuracy and the digest of both."""
    state = {key: value.detach().cpu().contiguous() for key, value in trained.classifier.state_dict().items()}
    known = repr(trained.accuracy)
    metadata = {"accuracy": known, "digest": digest(state.values(), known)}
    write_atomically(path, lambda temporary: save_file(state, temporary, metadata))


def restore(classifier: Classifier, path: Path) -> float | None:
    """Load the weights into `classifier`; their accuracy, or None where there is no such file or it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
        ordered = [state[key] for key in classifier.state_dict()]
        if digest(ordered, metadata["accuracy"]) != metadata["digest"]:  # the format would not notice a wrong bit
            return None
        classifier.load_state_dict(state)
        return float(metadata["accuracy"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError):
        return None


def digest(tensors: Iterable[Tensor], *words: str) -> str:
    """SHA-256 of words and tensors, with their types and shapes, as 64 hexadecimal digits."""
    found = hashlib.sha256(repr(words).encode())
    for tensor in tensors:
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()
