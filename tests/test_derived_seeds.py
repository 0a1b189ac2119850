"""Seeds by purpose and counters: each has a stream of its own."""

import itertools

import pytest
import torch

from gan_lab.seeding import derive_seed


def test_every_counter_counts() -> None:
    counters = [c for n in range(4) for c in itertools.product((0, 1, 5, 2**31), repeat=n)]
    seeds = {derive_seed(seed, purpose, *c) for seed in (0, 1) for purpose in ("round", "epoch") for c in counters}
    assert len(seeds) == 4 * len(counters)


@pytest.mark.parametrize("purpose", ["round", "toy"])
def test_neighbouring_streams_are_independent(purpose: str) -> None:
    """Correlations of the first normal draws of consecutive counters are those of chance."""
    streams = [torch.Generator().manual_seed(derive_seed(0, purpose, t)) for t in range(1000)]
    first = torch.stack([torch.randn(20, generator=stream) for stream in streams])
    assert abs((first[1:] * first[:-1]).mean()) < 4 / first[1:].numel() ** 0.5
    assert abs(first.mean()) < 4 / first.numel() ** 0.5
