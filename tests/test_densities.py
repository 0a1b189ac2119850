"""Known densities against torch.distributions, quadrature and their own moments."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from gan_lab.densities import GaussianMixture, gaussian, grid, mixture_1d, ring
from gan_lab.types import Density

MIXTURES = {"ring": ring(8, 1.0, 0.01), "grid": grid(5, 2.0, 0.05), "coarse": ring(3, 1.0, 0.7)}


@pytest.fixture(params=list(MIXTURES.values()), ids=list(MIXTURES))
def mixture(request: pytest.FixtureRequest) -> GaussianMixture:
    mixture: GaussianMixture = request.param
    return mixture


def test_it_is_a_density(mixture: GaussianMixture) -> None:
    assert isinstance(mixture, Density)


def test_log_prob_equals_torch_distributions(mixture: GaussianMixture) -> None:
    reference = MixtureSameFamily(
        Categorical(torch.ones(len(mixture.means))),
        Independent(Normal(mixture.means, torch.full_like(mixture.means, mixture.sigma)), 1),
    )
    generator = torch.Generator().manual_seed(0)
    x = torch.cat([mixture.sample(200, generator), 3 * torch.randn(200, 2, generator=generator)])
    torch.testing.assert_close(mixture.log_prob(x), reference.log_prob(x), rtol=1e-5, atol=1e-5)


def test_log_prob_integrates_to_one() -> None:
    ticks = torch.linspace(-7, 7, 400, dtype=torch.float64)
    density = MIXTURES["coarse"].log_prob(torch.cartesian_prod(ticks, ticks)).exp()
    assert density.sum().item() * (ticks[1] - ticks[0]).item() ** 2 == pytest.approx(1, abs=1e-6)


def test_moments_of_samples(mixture: GaussianMixture) -> None:
    n = 100_000
    x = mixture.sample(n, torch.Generator().manual_seed(0))
    covariance = mixture.means.T.cov(correction=0) + mixture.sigma**2 * torch.eye(2)
    assert x.shape == (n, 2) and x.dtype == torch.float32
    torch.testing.assert_close(x.mean(dim=0), torch.zeros(2), rtol=0, atol=5 * math.sqrt(covariance.max() / n))
    torch.testing.assert_close(x.T.cov(), covariance, rtol=0.02, atol=0.02)


def test_samples_depend_on_the_generator_alone(mixture: GaussianMixture) -> None:
    a, b, c = (mixture.sample(64, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_geometry() -> None:
    means = ring(8, 2.0, 0.01).means
    torch.testing.assert_close(means.norm(dim=1), torch.full((8,), 2.0))
    torch.testing.assert_close(means[0], torch.tensor([2.0, 0.0]))
    assert torch.pdist(means).min().item() == pytest.approx(4 * math.sin(math.pi / 8), rel=1e-5)
    means = grid(5, 2.0, 0.05).means
    assert means.shape == (25, 2) and means.unique().tolist() == [-4, -2, 0, 2, 4]


def test_points_of_another_shape_are_refused(mixture: GaussianMixture) -> None:
    with pytest.raises(ValueError, match=r"\(N, 2\)"):
        mixture.log_prob(torch.zeros(5, 3))


def test_on_a_line_and_alone() -> None:
    assert mixture_1d(3, 2.0, 0.5).means.tolist() == [[-2.0], [0.0], [2.0]]
    x = torch.linspace(-3, 3, 7)[:, None]
    torch.testing.assert_close(gaussian([1.0], 0.5).log_prob(x), Normal(1.0, 0.5).log_prob(x)[:, 0])
    ticks = torch.linspace(-6, 6, 2001, dtype=torch.float64)
    density = mixture_1d(3, 2.0, 0.5).log_prob(ticks[:, None]).exp()
    assert torch.trapezoid(density, ticks).item() == pytest.approx(1, abs=1e-9)
