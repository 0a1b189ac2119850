"""Laws of path length regularisation, of a generator whose Jacobian is known."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.terms import PathLength

SCALE, LAYERS = 1.5, 3


class Flat(nn.Module):
    """Each pixel of G(w) is `SCALE` times the sum of w over layers and numbers, of two."""

    centre = torch.zeros(2)

    def styles(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z[:, None].expand(-1, LAYERS, -1).clone().requires_grad_()

    def synthesise(self, w: Tensor) -> Tensor:
        return (SCALE * w.sum((1, 2)))[:, None, None, None].expand(-1, 1, 2, 2)


@pytest.mark.parametrize(("samples", "shrink", "seen"), [(6, 2, 3), (6, 1, 6), (1, 2, 1)])
def test_it_is_the_variance_of_the_lengths_about_their_moving_mean(samples: int, shrink: int, seen: int) -> None:
    """|J' n| = SCALE sqrt(2) |sum of n over pixels|: the mean over layers, the sum over the two numbers."""
    term, mean = PathLength(decay=0.25, shrink=shrink), 0.0
    context: Any = SimpleNamespace(g=SimpleNamespace(network=Flat()), z=torch.zeros(samples, 2), condition=None)
    for step in range(2):
        torch.manual_seed(step)
        noise = torch.randn(seen, 1, 2, 2) / 2
        torch.manual_seed(step)
        value = term.value(context)
        lengths = SCALE * 2**0.5 * noise.sum((1, 2, 3)).abs()
        mean += 0.25 * (lengths.mean().item() - mean)
        assert value.item() == pytest.approx((lengths - mean).square().mean().item(), rel=1e-5)
        assert term.length.item() == pytest.approx(mean, rel=1e-5)


def test_a_generator_without_styles_is_refused() -> None:
    context: Any = SimpleNamespace(g=SimpleNamespace(network=nn.Linear(2, 2)), z=torch.zeros(2, 2))
    with pytest.raises(UserError, match="Linear has no styles"):
        PathLength().value(context)
