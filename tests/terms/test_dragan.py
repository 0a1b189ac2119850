"""Law of DRAGAN's penalty, of a D whose input gradient is its input."""

from types import SimpleNamespace
from typing import Any

import torch

from gan_lab.terms import DRAGAN


def test_it_is_of_slopes_of_norm_one_at_noisy_real_samples() -> None:
    """E (|grad D(x + u s / 2 n)| - 1)^2, s the standard deviation of the batch, n uniform in [0, 1], one u a sample."""
    real, u = torch.randn(6, 2, 3), torch.rand(6)
    context: Any = SimpleNamespace(real=real, uniform=u, input_gradient=lambda x: x)
    torch.manual_seed(0)
    value = DRAGAN().value(context)
    torch.manual_seed(0)
    noisy = real + u[:, None, None] * real.std() / 2 * torch.rand(6, 2, 3)
    expected = torch.stack([(x.flatten().norm() - 1) ** 2 for x in noisy]).mean()
    torch.testing.assert_close(value, expected)
