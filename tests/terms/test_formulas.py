"""Terms beside their formulas, for players whose gradients and weights are known."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from gan_lab.terms import DRAGAN, MaxGradientPenalty, ModeSeekingInverse, Orthogonal
from gan_lab.types import View


def test_dragan_is_of_slopes_of_norm_one_at_noisy_real_samples() -> None:
    """E (|grad D(x + u s / 2 n)| - 1)^2, s the standard deviation of the batch, n uniform in [0, 1], one u a sample."""
    real, u = torch.randn(6, 2, 3), torch.rand(6)
    context: Any = SimpleNamespace(real=real, uniform=u, input_gradient=lambda x: x)
    torch.manual_seed(0)
    value = DRAGAN().value(context)
    torch.manual_seed(0)
    noisy = real + u[:, None, None] * real.std() / 2 * torch.rand(6, 2, 3)
    expected = torch.stack([(x.flatten().norm() - 1) ** 2 for x in noisy]).mean()
    torch.testing.assert_close(value, expected)


def test_the_largest_gradient_is_that_of_one_sample_of_the_batch() -> None:
    """max |grad D|^2 at u x + (1 - u) G(z)."""
    real, fake, u = torch.randn(6, 2, 3), torch.randn(6, 2, 3), torch.rand(6)
    context: Any = SimpleNamespace(real=real, fake=fake, uniform=u, input_gradient=lambda x: 3 * x)
    points = [u[i] * real[i] + (1 - u[i]) * fake[i] for i in range(6)]
    expected = max(9 * point.flatten().square().sum().item() for point in points)
    assert MaxGradientPenalty().value(context).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("player", ["d", "g"])
def test_orthogonality_is_half_the_squared_products_of_different_rows(player: str) -> None:
    """Of both layers' matrices; a row's product with itself, biases and the other player do not count."""
    network, other = nn.Sequential(nn.Linear(3, 2), nn.Conv2d(1, 3, 2)), nn.Linear(2, 2)
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    views = {
        name: View(one, dict(one.named_parameters()))
        for name, one in (("d", other), ("g", other), (player, network))
    }  # fmt: skip
    matrices = [weights["0.weight"], weights["1.weight"].reshape(3, 4)]
    pairs = [(m[i] @ m[j]).item() ** 2 for m in matrices for i in range(len(m)) for j in range(len(m)) if i != j]
    term = Orthogonal()
    term.player = player  # type: ignore[assignment]
    assert term.value(SimpleNamespace(**views)).item() == pytest.approx(sum(pairs) / 2, rel=1e-5)  # type: ignore[arg-type]


def test_the_inverse_of_mode_seeking_is_of_means_over_samples_and_pixels() -> None:
    """1 / (E |G(z) - G(z')| / E |z - z'| + 1e-5), z' the noise of the sample before; G(z) = z^2."""
    z = torch.tensor([[0.1, 0.2], [0.3, 0.5], [0.2, 0.6]])
    context: Any = SimpleNamespace(z=z, fake=z.square(), generate=torch.square)
    before = z[[2, 0, 1]]
    ratio = (z.square() - before.square()).abs().mean() / (z - before).abs().mean()
    assert ModeSeekingInverse().value(context).item() == pytest.approx(1 / (ratio.item() + 1e-5), rel=1e-5)
