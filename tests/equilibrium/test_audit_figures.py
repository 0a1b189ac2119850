"""Figures of given logits: the test of the AUC, and intervals that stay within what is possible."""

import math

import pytest
import torch
from scipy.stats import mannwhitneyu

from gan_lab.equilibrium.audit import Figure, audit, detectable_auc, figures, null_spread


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_p_value_is_that_of_mann_and_whitney() -> None:
    real, fake = noise(0, 60) + 0.3, noise(1, 80)
    reference = mannwhitneyu(real, fake, alternative="greater", method="asymptotic", use_continuity=False)
    assert figures(real, fake).p_value == pytest.approx(reference.pvalue, rel=1e-6)
    assert null_spread(60, 80) == pytest.approx(math.sqrt(141 / (12 * 60 * 80)))


def test_intervals_stay_within_what_is_possible() -> None:
    real, fake = noise(0, 30), noise(1, 30)
    real[:28] += 9  # AUC near 1, with an error
    fake[:28] -= 9
    found = figures(real, fake)
    assert found.auc.value < found.auc.high == 1.0
    wrong = figures(fake, real)
    assert wrong.auc.value > wrong.auc.low == 0.0
    assert wrong.jsd_bound == Figure(0.0, 0.0, 0.0)  # it proves nothing
    sure = figures(torch.full((9,), 60.0), torch.full((9,), -60.0))
    assert sure.jsd_bound == pytest.approx((math.log(2),) * 3)


def test_any_seed_will_do() -> None:
    """Those of scikit-learn have 32 bits: larger ones count by their remainder, but for the halves."""
    real, fake = noise(0, 40, 3), noise(1, 40, 3) + 1
    assert 0.5 < audit(real, fake, seed=2**33 - 1).auc.value <= 1.0


def test_a_detectable_auc_is_seen_in_four_of_five_cases() -> None:
    """Of normal logits an AUC is Phi(mean / sqrt 2); at worst the halves of 400 points err as one of 200 does."""
    auc = detectable_auc(400)
    assert auc == pytest.approx(0.5 + (1.6449 + 0.8416) * null_spread(200, 200), abs=1e-4)
    mean = math.sqrt(2) * torch.special.ndtri(torch.tensor(auc)).item()
    seen = [figures(noise(2 * i, 200) + mean, noise(2 * i + 1, 200)).p_value < 0.05 for i in range(300)]
    assert sum(seen) / len(seen) == pytest.approx(0.8, abs=0.07)
    assert detectable_auc(4000) < detectable_auc(1000) < 0.57
