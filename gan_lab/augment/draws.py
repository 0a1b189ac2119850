"""Random numbers of a batch of images, from torch's global generator."""

import torch
from torch import Tensor


def chosen(drawn: Tensor, neutral: float, p: Tensor) -> Tensor:
    """For each image, with probability p (), what was drawn (N, ...), else `neutral`."""
    use = torch.rand(len(drawn), device=drawn.device) < p
    return torch.where(use.view(-1, *[1] * (drawn.ndim - 1)), drawn, neutral)


def uniform(x: Tensor, low: float, high: float) -> Tensor:
    """One number from [low, high) for each image of x: (N,)."""
    return low + (high - low) * torch.rand(len(x), device=x.device)


def normal(x: Tensor, sigma: float) -> Tensor:
    """One number from N(0, sigma^2) for each image of x: (N,)."""
    return sigma * torch.randn(len(x), device=x.device)


def upright(x: Tensor) -> Tensor:
    """The identity for each image of x: (N, 2, 2)."""
    return torch.eye(2, device=x.device).expand(len(x), 2, 2)
