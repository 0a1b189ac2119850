"""The Parzen-window likelihood against scipy's normal distributions, and what data it is asked of."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm

from gan_lab.errors import UserError
from gan_lab.metrics.parzen import best_sigma, parzen_log_likelihood


@pytest.mark.parametrize(("n", "m", "d", "sigma"), [(50, 7, 2, 0.3), (200, 33, 784, 0.2), (1, 3, 1, 2.0)])
def test_parzen_equals_a_mixture_of_normals(n: int, m: int, d: int, sigma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    samples, data = torch.rand(n, d, generator=generator), torch.rand(m, d, generator=generator)
    each = norm.logpdf(data.double().numpy()[:, None], loc=samples.double().numpy()[None], scale=sigma).sum(-1)
    reference = logsumexp(each, axis=1) - math.log(n)
    found = parzen_log_likelihood(samples, data, sigma, chunk=5)
    torch.testing.assert_close(found, torch.from_numpy(reference), rtol=1e-9, atol=1e-7)


def test_best_sigma_is_near_the_truth() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.zeros(1, 20)
    data = 0.35 * torch.randn(500, 20, generator=generator)
    sigma, mean = best_sigma(samples, data, torch.linspace(0.1, 1, 19).tolist())
    assert sigma == pytest.approx(0.35, abs=0.03)
    entropy = 10 * math.log(2 * math.pi * math.e * 0.35**2)
    assert mean == pytest.approx(-entropy, rel=0.05)


@pytest.mark.parametrize(
    ("callback", "says"),
    [
        ("parzen", "parzen: the data have no images to hold out; take data=mnist data.subset=50000"),
        ("true_divergence", "true_divergence: the data have no known density in one or two dimensions; take data=ring"),
    ],
)
def test_data_that_a_callback_cannot_judge_are_refused(played: Callable[..., Path], callback: str, says: str) -> None:
    data = "ring" if callback == "parzen" else "digits"
    with pytest.raises(UserError, match=says):
        played("model=mlp", f"data={data}", f"callbacks=[default,{callback}]", "rounds=1")
