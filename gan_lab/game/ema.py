"""Exponential moving average (EMA) of a network's weights."""

import torch
from torch import nn


class EMA:
    """`kept` follows `network`, without bias towards where it began: with b = `decay`, after round t,

        w_kept = sum_s b^(t - s) w_s / sum_s b^(t - s),  s = 1 ... t
        w_kept <- w_kept + (1 - b) / (1 - b^t) (w - w_kept)

    It is the mean over all rounds while these are few, and forgets at the rate b once there are more than 1 / (1 - b).
    Batch statistics are averaged like the weights that they belong to; other buffers are copied, such as counters, and
    the singular vectors of spectral normalisation, whose means would be none. Both networks' tensors are looked up
    once: from here on they change in place only, as optimisers and layers change them.
    """

    def __init__(self, kept: nn.Module, network: nn.Module, decay: float) -> None:
        buffers = dict(network.named_buffers())
        statistics = [name for name in buffers if name.endswith(("running_mean", "running_var"))]
        own = dict(kept.named_buffers())
        self._decay = decay
        self._averaged = [*kept.parameters(), *(own[name] for name in statistics)]
        self._current = [*network.parameters(), *(buffers[name] for name in statistics)]
        self._copied = [(own[name], buffers[name]) for name in buffers if name not in statistics]

    @torch.no_grad()
    def update(self, t: int) -> None:
        """After round t, from 1."""
        share = (1 - self._decay) / (1 - self._decay**t)
        torch._foreach_lerp_(self._averaged, self._current, share)
        for kept, current in self._copied:
            kept.copy_(current)
