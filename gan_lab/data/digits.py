"""Digits of scikit-learn: 1,797 images that need no download."""

import torch
from torch import Tensor

from gan_lab.data.memory import ImagesInMemory


class Digits(ImagesInMemory):
    """1,797 grey 8 x 8 digits in ten classes (test set of UCI's Optical Recognition of Handwritten Digits).

    Their grey levels 0..16 become x / 8 - 1.
    """

    @property
    def levels(self) -> int:
        return 17

    def load(self) -> tuple[Tensor, Tensor]:
        from sklearn.datasets import load_digits  # slow, so here only

        bunch = load_digits()
        images = torch.as_tensor(bunch.images, dtype=torch.float32).unsqueeze(1)
        return images / 8 - 1, torch.as_tensor(bunch.target, dtype=torch.int64)
