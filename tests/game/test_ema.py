"""Laws of the average of a network's weights."""

import pytest
import torch
from torch import Tensor, nn

from gan_lab.game.ema import EMA


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.register_buffer("direction", torch.zeros(3))  # as spectral normalisation has one


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.999])
@pytest.mark.parametrize("rounds", [1, 2, 12])
def test_it_is_the_mean_over_rounds_in_which_each_weighs_less_by_the_decay(decay: float, rounds: int) -> None:
    network, kept, drawn = Network().double(), Network().double(), torch.Generator().manual_seed(0)
    average, path = EMA(kept, network, decay), []
    for t in range(1, rounds + 1):
        for value in (*network.parameters(), *(b for b in network.buffers() if b.is_floating_point())):
            value.data.copy_(torch.randn(value.shape, generator=drawn))
        average.update(t)
        path.append({name: value.clone() for name, value in network.state_dict().items()})
        network.layers[1].num_batches_tracked += 1

    def expected(name: str) -> Tensor:
        if name.endswith(("direction", "num_batches_tracked")):
            return path[-1][name]  # copied: a mean of unit vectors is none
        shares = [decay ** (rounds - s) for s in range(1, rounds + 1)]
        return sum((w * each[name] for w, each in zip(shares, path, strict=True)), torch.zeros(())) / sum(shares)

    for name, value in kept.state_dict().items():
        torch.testing.assert_close(value, expected(name), rtol=1e-9, atol=1e-12)


def test_it_forgets_where_it_began_and_needs_no_gradient() -> None:
    network, kept = Network(), Network()
    EMA(kept, network, 0.999).update(1)
    for one, other in zip(kept.parameters(), network.parameters(), strict=True):
        assert torch.equal(one, other) and one.grad_fn is None
