"""Data for the loops by hand: out of memory, or sample by sample as in most public code."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from racing.workloads import Workload


def bytes_of(workload: Workload, root: str) -> Tensor:
    """All pictures, (N, C, H, W) uint8: MNIST's, or where they are in colour 5,000 of noise, which take as long."""
    if workload.shape[0] == 1:
        from torchvision.datasets import MNIST  # here, since the loops that need it not are asked for their memory

        return MNIST(root).data.unsqueeze(1)
    return torch.randint(256, (5000, *workload.shape), dtype=torch.uint8)


def ring(n: int) -> Tensor:
    """Points of eight Gaussians on a circle."""
    angles = torch.randint(8, (n,)) * (math.pi / 4)
    return torch.randn(n, 2).mul_(0.01).add_(torch.stack([angles.cos(), angles.sin()], 1))


def from_memory(workload: Workload, root: str) -> Callable[[], Tensor]:
    """Draws a batch: fresh points, or pictures by index, each once an epoch."""
    if workload.shape == (2,):
        return lambda: ring(workload.batch)
    whole, size = bytes_of(workload, root), workload.batch

    def batches() -> Iterator[Tensor]:
        while True:
            order = torch.randperm(len(whole))
            for indices in order[: len(order) // size * size].split(size):
                yield whole.index_select(0, indices).float().div_(127.5).sub_(1)

    return batches().__next__


class Pictures(Dataset[Tensor]):
    """Each picture by itself, through PIL and transforms, as torchvision's sets give them."""

    def __init__(self, whole: Tensor) -> None:
        from torchvision.transforms import Compose, Normalize, ToPILImage, ToTensor

        self.whole = whole
        half = [0.5] * whole.shape[1]
        self.transform = Compose([ToPILImage(), ToTensor(), Normalize(half, half)])

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(self.whole[index])


def from_loader(workload: Workload, root: str) -> Iterator[Tensor]:
    """A shuffling DataLoader over single samples, epoch after epoch."""
    points = workload.shape == (2,)
    samples = TensorDataset(ring(100_000)) if points else Pictures(bytes_of(workload, root))
    while True:
        for batch in DataLoader(samples, workload.batch, shuffle=True, drop_last=True):
            yield batch[0] if points else batch
