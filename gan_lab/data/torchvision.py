"""Labelled image sets of torchvision: MNIST, Fashion-MNIST, KMNIST, CIFAR-10."""

import http.client
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from gan_lab.data.memory import ImagesInMemory, resize, scale
from gan_lab.errors import UserError
from gan_lab.io.files import patience
from gan_lab.ranges import ImageShape, NonNegativeInt, PositiveInt
from gan_lab.types import Batch


class TorchvisionImages(ImagesInMemory):
    """A torchvision set that holds its pictures in `data` and its labels in `targets`.

    `dataset` is its class, or anything to be called as `dataset(root=..., train=..., download=...)`. The set is
    downloaded into `root` if it is not there already, and `root` is only written to for that.
    """

    def __init__(
        self,
        dataset: Callable[..., Any],
        root: str,
        split: Literal["train", "test"],
        shape: ImageShape,
        num_classes: PositiveInt | None,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        subset: PositiveInt | None = None,
        labels: PositiveInt | None = None,
        labels_seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__(shape, num_classes, batch_size, seed, subset, labels, labels_seed)
        self.dataset, self.root, self.split = dataset, root, split

    @property
    def class_names(self) -> list[str] | None:
        _ = self.whole
        known = len(self._classes) == self.num_classes
        return self._classes if known else super().class_names

    def load(self) -> tuple[Tensor, Tensor]:
        return self._open_split(self.split)

    def test(self) -> Batch:
        """The test set, or where that is what is learnt, the pictures that `subset` leaves out."""
        if self.split == "test":
            return super().test()
        images, labels = self._open_split("test")
        return Batch(scale(resize(images, self.shape[1:])), labels)

    def unseen(self, n: int) -> Batch | None:
        """Of the test set, or where that is what is learnt, of what `subset` leaves out."""
        if self.split == "test":
            return super().unseen(n)
        return self._like_batches(*(part[:n] for part in self._open_split("test")))

    def _open_split(self, split: str) -> tuple[Tensor, Tensor]:
        found = self._find(split)
        self._classes = [str(name) for name in getattr(found, "classes", ())]
        images = torch.as_tensor(found.data)  # (N, H, W) or (N, H, W, C), bytes
        images = images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2)
        return images.contiguous(), torch.as_tensor(found.targets, dtype=torch.int64)

    def _find(self, split: str) -> Any:
        """The set as torchvision opens it, downloaded if need be."""
        try:
            return self._open(split, download=False)
        except (AssertionError, EOFError, OSError, RuntimeError, ValueError) as why:
            if "not found" not in str(why):  # torchvision's words for files that are missing
                raise UserError(f"data.root={self.root}: {self._title} cannot be read ({brief(why)})") from why
        try:
            with patience(seconds=10):
                return self._open(split, download=True)
        except (http.client.HTTPException, OSError, RuntimeError) as why:
            problem = f"{self._title} is not there and could not be downloaded ({brief(why)})"
            raise UserError(f"data.root={self.root}: {problem}") from why

    def _open(self, split: str, download: bool) -> Any:
        return self.dataset(root=self.root, train=split == "train", download=download)

    @property
    def _title(self) -> str:
        dataset = getattr(self.dataset, "func", self.dataset)  # a functools.partial hides the name
        return getattr(dataset, "__name__", str(dataset))


def brief(why: Exception) -> str:
    """An exception in a few words: the last line of its text."""
    lines = str(why).strip().splitlines()
    return lines[-1].strip() if lines else type(why).__name__
