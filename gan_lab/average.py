"""The exponential moving average of a network."""

import torch
from torch import nn


class Average:
    """`kept` follows `network`: w_kept <- b w_kept + (1 - b) w.

    b is `decay`, but the smaller (1 + t) / (10 + t) after the first rounds t, lest `kept` remember where it began.
    Batch statistics are averaged like the weights that they belong to; counters are copied. Both networks' tensors are
    looked up once: from here on they change in place only, as optimisers and layers change them.
    """

    def __init__(self, kept: nn.Module, network: nn.Module, decay: float) -> None:
        pairs = [
            *zip(kept.parameters(), network.parameters(), strict=True),
            *zip(kept.buffers(), network.buffers(), strict=True),
        ]
        self._decay = decay
        self._averaged = [kept for kept, _ in pairs if kept.is_floating_point()]
        self._current = [current for kept, current in pairs if kept.is_floating_point()]
        self._counters = [(kept, current) for kept, current in pairs if not kept.is_floating_point()]

    @torch.no_grad()
    def follow(self, t: int) -> None:
        """After round t, from 1."""
        decay = min(self._decay, (1 + t) / (10 + t))
        torch._foreach_lerp_(self._averaged, self._current, 1 - decay)
        for kept, current in self._counters:
            kept.copy_(current)
