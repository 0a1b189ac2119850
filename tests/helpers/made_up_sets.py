"""Data sets of N made-up pictures in the layouts of real ones, and how a test looks at any set."""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from helpers.commands import ROOT
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

import gan_lab.config.image_shape  # noqa: F401 - registers the resolver
from gan_lab.data.module import GameData
from gan_lab.types import Batch

CONF = ROOT / "conf" / "data"
N = 23  # samples in the made-up sets
MADE_UP = {"mnist", "fashion_mnist", "kmnist", "images", "paired_folder"}
STACKED = {"stacked_mnist"}  # made up, and without epochs
OFFLINE = sorted(
    {"digits", "ring", "grid", "mixture_1d", "gaussian", "cartpole", "photographs"} | MADE_UP | STACKED
)  # cifar10 checks hashes, so it cannot be made up

Make = Callable[..., Any]  # a GameData, or what its YAML makes of it


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_sets(root: Path) -> None:
    """N grey pictures, number i filled with the value i, in the layouts of MNIST's kin and of a plain folder."""
    images = np.broadcast_to(np.arange(N)[:, None, None], (N, 28, 28))
    for name, (split, count) in itertools.product(
        ("MNIST", "FashionMNIST", "KMNIST"), {"train": N, "t10k": N - 1}.items()
    ):
        write_idx(root / name / "raw" / f"{split}-images-idx3-ubyte", images[:count])
        write_idx(root / name / "raw" / f"{split}-labels-idx1-ubyte", np.arange(count) % 10)
    for i in range(N):
        path = root / "folder" / f"class{i % 3}" / f"{i:02}.{'PNG' if i % 2 else 'bmp'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 12), i).save(path)
        for part, level in (("target", i), ("given", 2 * i)):
            path = root / "pairs" / part / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (9, 12), level).save(path)


def stand_in(**attributes: int) -> Any:
    """A trainer as far as data sets look at it."""
    return SimpleNamespace(**attributes)


def take(data: GameData, count: int, start: int = 0) -> list[Batch]:
    return list(itertools.islice(data.batches(start), count))


def same(a: Batch, b: Batch) -> bool:
    if a.y is None or b.y is None:
        return torch.equal(a.x, b.x) and a.y is b.y
    return torch.equal(a.x, b.x) and torch.equal(a.y, b.y)


def numbers(batch: Batch) -> list[int]:
    """Which of the made-up pictures these are, from their grey level."""
    return ((batch.x[:, 0, 0, 0] + 1) * 127.5).round().int().tolist()


def maker(root: Path) -> Make:
    """Instantiate a data set from its YAML with some knobs turned, as `data.knob=value` does."""
    write_sets(root)

    def make(name: str, seed: int = 0, **knobs: Any) -> Any:
        defaults: dict[str, Any] = {}
        if name in MADE_UP | STACKED:
            defaults = {"root": str(root), "batch_size": 6}
        if name == "cartpole":
            defaults = {"transitions": 300, "batch_size": 64}
        if name in ("images", "paired_folder"):
            folder = "folder" if name == "images" else "pairs"
            defaults |= {"root": str(root / folder), "image_size": 8, "channels": 1, "workers": 0}
        config = OmegaConf.merge(OmegaConf.load(CONF / f"{name}.yaml"), defaults, knobs)
        config = OmegaConf.create({"seed": seed, "data": config})
        try:
            data = instantiate(config.data.module)
        except InstantiationException as error:
            raise error.__cause__ or error from None
        assert list(data.shape) == config.data.shape
        return data

    return make
