"""Exponential moving average (EMA) of a network's weights."""

import torch
from torch import Tensor, nn

from gan_lab.types import Averaging


class EMA:
    """`kept` follows `network`: after round t

        w_kept <- w_kept + share(t) (w - w_kept)

    with the share that its averaging says. Batch statistics are averaged like the weights that they belong to; other
    buffers are copied, such as counters, StyleGAN2's mean of w, and the singular vectors of spectral normalisation,
    whose means would be none. (StyleGAN2's code copies all, BigGAN's averages all.) Both networks' tensors are looked
    up once: from here on they change in place only, as optimisers and layers change them.
    """

    def __init__(self, kept: nn.Module, network: nn.Module, averaging: Averaging) -> None:
        own, current, names = _tensors(kept), _tensors(network), averaged(network)
        self._averaging = averaging
        self._averaged, self._current = ([tensors[name] for name in names] for tensors in (own, current))
        rest = [name for name in current if name not in names]
        self._copies, self._copied = ([tensors[name] for name in rest] for tensors in (own, current))

    @torch.no_grad()
    def update(self, t: int) -> None:
        """After round t, from 1."""
        torch._foreach_lerp_(self._averaged, self._current, self._averaging.share(t))
        if self._copies:
            torch._foreach_copy_(self._copies, self._copied)


def averaged(network: nn.Module) -> list[str]:
    """The names of what is averaged: the parameters, and the batch statistics that belong to them."""
    buffers = (name for name, _ in network.named_buffers() if name.endswith(("running_mean", "running_var")))
    return [*(name for name, _ in network.named_parameters()), *buffers]


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}
