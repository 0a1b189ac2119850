"""Laws of the latent distributions."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.latents import Codes, Normal, Uniform

N = 20_000
LATENTS: dict[str, Any] = {
    "normal": Normal(3),
    "uniform": Uniform(3),
    "uniform elsewhere": Uniform(3, low=2.0, high=5.0),
    "codes": Codes(11, (3, 4), 2),
    "codes without numbers": Codes(5, (4,), 0),
    "numbers without codes": Codes(3, (), 2),
}
every_latent = pytest.mark.parametrize("latent", LATENTS.values(), ids=LATENTS)


def drawn(latent: Any, n: int = N, seed: int = 0) -> Tensor:
    return latent.sample(n, torch.Generator().manual_seed(seed))


def coordinates(latent: Any) -> tuple[Tensor, Tensor]:
    """Mean and variance of each, by hand."""
    if isinstance(latent, Normal):
        return torch.zeros(latent.dim), torch.ones(latent.dim)
    if isinstance(latent, Uniform):
        middle, width = (latent.low + latent.high) / 2, latent.high - latent.low
        return torch.full((latent.dim,), middle), torch.full((latent.dim,), width**2 / 12)
    share = torch.tensor([1 / k for k in latent.categorical for _ in range(k)])
    noise = latent.dim - sum(latent.categorical) - latent.continuous
    means = torch.cat([torch.zeros(noise), share, torch.zeros(latent.continuous)])
    third = torch.full((noise,), 1 / 3), torch.full((latent.continuous,), 1 / 3)
    return means, torch.cat([third[0], share * (1 - share), third[1]])


@every_latent
def test_each_coordinate_has_its_mean_and_variance(latent: Any) -> None:
    z, (mean, variance) = drawn(latent), coordinates(latent)
    assert z.shape == (N, latent.dim) and z.dtype == torch.float32
    torch.testing.assert_close(z.mean(0), mean, atol=5 * math.sqrt(variance.max() / N), rtol=0)
    torch.testing.assert_close(z.var(0), variance, atol=0, rtol=0.05)


@every_latent
def test_the_same_generator_draws_the_same(latent: Any) -> None:
    state = torch.get_rng_state()
    assert torch.equal(drawn(latent, 5), drawn(latent, 5)) and not torch.equal(drawn(latent, 5), drawn(latent, 5, 1))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (2.0, 5.0), (-math.sqrt(3), math.sqrt(3))])
def test_uniform_fills_its_interval_and_no_more(low: float, high: float) -> None:
    z = drawn(Uniform(2, low, high))
    assert low <= z.min() < low + 0.01 and high - 0.01 < z.max() <= high


def test_noise_between_minus_one_and_one_is_the_default() -> None:
    assert (Uniform(2).low, Uniform(2).high) == (-1, 1)


@every_latent
def test_truncation_draws_towards_the_middle_and_leaves_the_categories(latent: Any) -> None:
    z, (middle, _) = drawn(latent, 50), coordinates(latent)
    kept = slice(latent.noise, latent.dim - latent.continuous) if isinstance(latent, Codes) else slice(0)
    torch.testing.assert_close(latent.truncate(z, 1.0), z)
    for share in (0.0, 0.3):
        expected = torch.lerp(middle.expand_as(z), z, share)
        expected[:, kept] = z[:, kept]
        torch.testing.assert_close(latent.truncate(z, share), expected)


def test_codes_are_independent_unit_vectors_between_the_noise_and_the_numbers() -> None:
    z = drawn(Codes(11, (3, 4), 2))
    one, other = z[:, 2:5], z[:, 5:9]
    for code in (one, other):
        assert set(code.unique().tolist()) == {0, 1} and torch.equal(code.sum(1), torch.ones(N))
    torch.testing.assert_close(one.T @ other / N, torch.full((3, 4), 1 / 12), atol=0.01, rtol=0)
    for part in (z[:, :2], z[:, 9:]):
        assert -1 <= part.min() < -0.99 and 0.99 < part.max() <= 1


@pytest.mark.parametrize("low, high", [(1.0, 1.0), (1.0, -1.0)])
def test_an_interval_without_length_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="low must be below high"):
        Uniform(2, low, high)


@pytest.mark.parametrize("dim, noise", [(12, 0), (8, -4), (13, 1)])
def test_codes_leave_noise_or_are_refused(dim: int, noise: int) -> None:
    if noise > 0:
        assert Codes(dim).noise == noise  # ten unit vectors and two numbers by default
        return
    with pytest.raises(ValueError, match=rf"dim={dim}: codes take 12 of it, which leaves no noise"):
        Codes(dim)


def test_no_codes_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="leave no codes; take latent=uniform"):
        Codes(5, (), 0)
