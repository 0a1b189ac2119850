"""Laws of InfoGAN's bound of the mutual information between codes and samples."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.latents import Codes
from gan_lab.terms import MutualInformation
from gan_lab.types import DiscriminatorOutput


def bound(posterior: Tensor, z: Tensor, latent: Codes, std: float = 1.0) -> float:
    context = SimpleNamespace(z=z, fake_output=DiscriminatorOutput(torch.zeros(len(z)), posterior))
    value = MutualInformation(latent.categorical, latent.continuous, std).value(context)  # type: ignore[arg-type]
    assert value is not None
    return -value.item()


def test_the_bound_is_the_entropy_of_categories_for_a_perfect_q_and_below_it_for_any_other() -> None:
    latent = Codes(dim=12, categorical=(3, 5), continuous=0)
    z = latent.sample(500)
    codes = z[:, -8:]
    entropy = math.log(3) + math.log(5)
    assert bound(100 * codes, z, latent) == pytest.approx(entropy, abs=1e-5)
    assert bound(torch.zeros(500, 8), z, latent) == pytest.approx(0, abs=1e-5)  # a Q that knows nothing but the prior
    for scale in (0.1, 1.0, 10.0):
        assert bound(scale * torch.randn(500, 8), z, latent) < entropy
        assert bound(scale * codes, z, latent) < entropy + 1e-6
    assert bound(scale * (1 - codes), z, latent) < 0  # worse than nothing


@pytest.mark.parametrize("std", [0.1, 1.0, 2.0])
def test_continuous_codes_count_by_the_gaussian_s_log_density(std: float) -> None:
    latent = Codes(dim=5, categorical=(), continuous=2)
    z, means = latent.sample(300), torch.randn(300, 2)
    expected = 2 * math.log(2) + torch.distributions.Normal(means, std).log_prob(z[:, -2:]).sum(1).mean().item()
    assert bound(means, z, latent, std) == pytest.approx(expected, rel=1e-4)
    assert bound(z[:, -2:], z, latent, std) == pytest.approx(-2 * math.log(std * math.sqrt(2 * math.pi) / 2), rel=1e-4)


@pytest.mark.parametrize(
    ("posterior", "width"),
    [
        (None, 20),
        (torch.zeros(6, 11), 20),
        (torch.zeros(6, 13), 20),
        (torch.zeros(6, 12), 12),
        (torch.zeros(6, 12), 11),
    ],
    ids=["D has none", "narrower", "wider", "codes without noise", "no codes"],
)
def test_z_and_d_without_the_codes_are_refused(posterior: Tensor | None, width: int) -> None:
    """By default ten categories and two numbers, the last twelve of a wider z."""
    context: Any = SimpleNamespace(z=torch.zeros(6, width), fake_output=DiscriminatorOutput(torch.zeros(6), posterior))
    with pytest.raises(UserError, match="z has no such codes, or D no posterior"):
        MutualInformation().value(context)
    fits: Any = SimpleNamespace(
        z=torch.zeros(6, 13), fake_output=DiscriminatorOutput(torch.zeros(6), torch.zeros(6, 12))
    )
    # Both numbers are where Q puts them: each has log 2 less the entropy's log sqrt(2 pi).
    assert -MutualInformation().value(fits).item() == pytest.approx(-math.log(math.pi / 2), rel=1e-5)
