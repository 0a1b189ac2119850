"""Replacement of a network's batch normalisations."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gan_lab.distributed.collectives import mean, world

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


class SharedBatchNorm(nn.BatchNorm2d):
    """gamma x^ + beta, the same for all classes: what makes other batch normalisations conditional leaves it alone."""


def replace_batch_norms(
    network: nn.Module, replacement: Callable[[BatchNorm], nn.Module], affine: bool = True, shared: bool = True
) -> bool:
    """Put `replacement(norm)` where each batch normalisation within the network is; whether there were any.

    `affine`: only those that have a scale of their own. `shared`: also those that are the same for all classes.
    """
    found = False
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, SharedBatchNorm) and not shared:
                continue
            if isinstance(child, BatchNorm) and (child.affine or not affine):
                setattr(parent, name, replacement(child))
                found = True
    return found


class GlobalBatchNorm(_BatchNorm):
    """x^ = (x - m) / sqrt(v + eps), m and v over the parts (N, C, ...) of the batch that all processes hold.

    It takes the place of `norm`, with its weights and buffers. Every process has to call it in training mode. Unlike
    torch's SyncBatchNorm it works on any device and has derivatives of every order, for penalties on gradients.
    """

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        """Whatever has channels."""

    def forward(self, x: Tensor) -> Tensor:
        if world() == 1 or not self.training:
            return super().forward(x)
        axes, channels = (0, *range(2, x.ndim)), (-1,) + (1,) * (x.ndim - 2)
        values = x.float()
        (m,) = mean([values.mean(axes)])
        centred = values - m.view(channels)
        (v,) = mean([centred.square().mean(axes)])
        self._follow(m.detach(), v.detach(), x.numel() // x.shape[1] * world())
        normal = centred / (v + self.eps).sqrt().view(channels)
        if self.affine:
            normal = normal * self.weight.view(channels) + self.bias.view(channels)
        return normal.to(x.dtype)

    @torch.no_grad()
    def _follow(self, m: Tensor, v: Tensor, count: int) -> None:
        """Running statistics, the variance without bias."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(m, share)
        self.running_var.lerp_(v * count / (count - 1), share)
