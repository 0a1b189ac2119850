"""Real digits of scikit-learn, and damage to the cache of what judges them."""

import torch
from sklearn.datasets import load_digits

from gan_lab.types import Batch


def digits() -> tuple[Batch, Batch]:
    bunch = load_digits()
    x = torch.as_tensor(bunch.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
    y = torch.as_tensor(bunch.target)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return Batch(x[order[:1200]], y[order[:1200]]), Batch(x[order[1200:]], y[order[1200:]])


def few() -> tuple[Batch, Batch]:
    train, test = digits()
    return Batch(train.x[:200], train.y[:200]), Batch(test.x[:100], test.y[:100])


def flip_a_bit_of_the_last_weight(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


DAMAGE = {
    "empty": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "no such format": lambda data: b"what is this?" * 100,
    "a wrong bit": flip_a_bit_of_the_last_weight,
    "a better accuracy": lambda data: data.replace(b'"accuracy":"0', b'"accuracy":"1'),
}
