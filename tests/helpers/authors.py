"""Inputs drawn from seeds, and few numbers of many outputs, for parts beside their authors' own code."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lab.networks.wrappers import spectral_norm


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(seed).randn(*shape))


def sums(output: Tensor) -> list[float]:
    flat = output.detach().double().flatten()
    return [float(flat @ numbers(seed, flat.numel())) for seed in (101, 102, 103)]


def fill(parameters: Iterable[Tensor], seed: int, scale: float = 0.3) -> None:
    """Normal numbers of this standard deviation in these parameters, which become double."""
    draw = np.random.RandomState(seed)
    for parameter in parameters:
        parameter.data = torch.from_numpy(np.asarray(scale * draw.randn(*parameter.shape)))


def normalised(network: nn.Module) -> nn.Module:
    """W / sigma(W) with sigma as it is, whatever the steps of the power iteration that lead there."""
    spectral_norm(network)
    for module in network.modules():
        if parametrize.is_parametrized(module):
            own = module.parametrizations.weight
            left, _, right = torch.linalg.svd(own.original.detach().flatten(1), full_matrices=False)
            own[0]._u.data, own[0]._v.data = left[:, 0].clone(), right[0].clone()
            own.eval()
    return network


def slopes(network: nn.Module, x: Tensor, y: Tensor | None, normal: bool) -> list[float]:
    """Sums of what a network gives, and of the gradient of one more sum of it in x and in all weights that move."""
    network.double()
    fill(network.parameters(), 40)
    order = [name for name, weight in network.named_parameters() if weight.requires_grad]
    output = (normalised(network) if normal else network)(x.requires_grad_(), *([] if y is None else [y]))
    logits = [output] if isinstance(output, Tensor) else output.all_logits
    output = torch.cat([each.flatten() for each in logits])
    weights = {n.replace("parametrizations.weight.original", "weight"): p for n, p in network.named_parameters()}
    value = output @ numbers(201, output.numel())
    first, *others = torch.autograd.grad(value, [x, *(weights[name] for name in order)])
    return [*sums(output), *sums(first), *sums(torch.cat([slope.flatten() for slope in others]))]


CLASSES = torch.tensor([0, 2, 1, 2])
