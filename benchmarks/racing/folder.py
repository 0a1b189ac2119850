"""A folder of pictures: how fast they are decoded, by the lab and by torchvision's ImageFolder with a DataLoader."""

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from gan_lab.data.images import Images
from gan_lab.data.photographs import FILES, read

SIDE, BATCH = 64, 64


def write(folder: Path, n: int = 5000, least: int = 100, most: int = 200) -> None:
    """JPEGs of `least` to `most` (up to 400) pixels a side, cut out of photographs, in ten sub-folders."""
    rng = torch.Generator().manual_seed(0)
    photographs = [read(file) for file in FILES["train"]]
    for number in range(n):
        whole = photographs[number % len(photographs)]
        height, width = (int(side) for side in torch.randint(least, most + 1, (2,), generator=rng))
        top, left = (
            int(torch.randint(room, (1,), generator=rng))
            for room in (whole.shape[1] - height + 1, whole.shape[2] - width + 1)
        )
        file = folder / f"{number % 10}" / f"{number:05d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        window = whole[:, top : top + height, left : left + width]
        Image.fromarray(window.permute(1, 2, 0).numpy()).save(file, quality=90)


def by_lab(folder: str, after: Callable[[], None]) -> None:
    """Batch by batch, in this process."""
    for _ in Images(folder, (3, SIDE, SIDE), None, BATCH, seed=0, workers=0, memory=0).batches(0):
        after()


def by_torchvision(folder: str, after: Callable[[], None]) -> None:
    """The same of PyTorch's DCGAN example: its data set, transforms and loader, in this process."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    steps = [
        transforms.Resize(SIDE), transforms.CenterCrop(SIDE), transforms.ToTensor(),
        transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ]  # fmt: skip
    pictures = datasets.ImageFolder(folder, transforms.Compose(steps))
    while True:
        for _ in DataLoader(pictures, BATCH, shuffle=True, drop_last=True):
            after()
