"""Estimates over seeds, standard errors and tests: against references, at their ends, and what they refuse."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from gan_lab.metrics.estimates import differences, estimate, holm, paired, welch
from gan_lab.metrics.uncertainty import binomial_error, doubts, is_singular, jackknife_error

A, B = [1.0, 2.5, 2.0, 4.0], [3.0, 3.5, 5.0]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_an_estimate_is_that_of_scipy(n: int, confidence: float) -> None:
    values = normal(n).tolist()
    found = estimate(values, confidence)
    assert found[:3] == pytest.approx((n, np.mean(values), np.std(values, ddof=1)))
    low, high = stats.t.interval(confidence, n - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high))
    assert confidence != 0.95 or found == estimate(values)


def test_a_single_value_tells_no_spread() -> None:
    found = estimate([2.5])
    assert found[:2] == (1, 2.5) and math.isnan(found.deviation) and math.isnan(found.half_width)


@pytest.mark.parametrize(
    ("a", "b"), [(A, B), (B, A), (A, [5.0, 6.0]), (A, [3.0, 3.0]), (A, [-3.0, 0.0, -1.0, 9.0, 1.0])]
)
def test_welch_has_the_degrees_of_freedom_of_the_smaller_sample(a: list[float], b: list[float]) -> None:
    statistic = abs(np.mean(a) - np.mean(b)) / math.hypot(stats.sem(a), stats.sem(b))
    assert welch(a, b) == pytest.approx(2 * stats.t.sf(statistic, min(len(a), len(b)) - 1))


@pytest.mark.parametrize(("a", "b"), [([1.0], B), (A, [1.0]), ([2.0, 2.0], [3.0, 3.0])])
def test_welch_tells_nothing_of_one_value_or_without_any_spread(a: list[float], b: list[float]) -> None:
    assert math.isnan(welch(a, b))


@pytest.mark.parametrize("n", [2, 3])
def test_paired_is_student_s_test_of_the_differences(n: int) -> None:
    assert paired(A[:n], B[:n]) == pytest.approx(stats.ttest_rel(A[:n], B[:n]).pvalue)
    assert paired(B[:n], A[:n]) == paired(A[:n], B[:n])
    assert math.isnan(paired(A[:1], B[:1])) and math.isnan(paired(A[:n], [value + 1 for value in A[:n]]))


def test_what_is_equal_but_for_rounding_does_not_vary() -> None:
    a, b = [0.8, 0.7, 0.9], [0.9, 0.8, 1.0]
    assert len({x - y for x, y in zip(a, b, strict=True)}) > 1
    assert len({*differences(a, b)}) == 1 and math.isnan(paired(a, b)) and math.isnan(welch([0.8] * 3, [0.9] * 3))
    assert differences([0.1 + 0.2] * 3, [0.3] * 3) == [0, 0, 0]
    assert differences([1 + 1e-9, 1.0], [1.0, 1.0])[0] == pytest.approx(1e-9)  # small, and no rounding
    assert estimate([0.1] * 3) == (3, 0.1, 0, 0)


@pytest.mark.parametrize("p_values", [*permutations([0.01, 0.04, 0.03, 0.2, 0.6])][::7])
def test_holm_adjusts_each_value_whatever_their_order(p_values: tuple[float, ...]) -> None:
    by_hand = {0.01: 0.05, 0.03: 0.12, 0.04: 0.12, 0.2: 0.4, 0.6: 0.6}
    assert holm(p_values) == pytest.approx([by_hand[p] for p in p_values])


def test_holm_leaves_one_alone_and_none_above_one() -> None:
    assert holm([0.3]) == [0.3] and holm([0.7, 0.8]) == [1.0, 1.0] and holm([]) == []


@pytest.mark.parametrize("n, groups", [(2, 2), (40, 40), (60, 10), (60, 2)])
def test_the_jackknife_of_a_mean_is_its_standard_error(n: int, groups: int) -> None:
    """On average over data, of any number of groups, and exactly so where each point is one."""
    sets = [normal(n, 1, seed=seed) for seed in range(300)]
    found = [jackknife_error(lambda points: points.mean().item(), x, groups) for x in sets]
    assert np.mean(np.square(found)) == pytest.approx(1 / n, rel=0.25)
    if groups == n:
        assert found == pytest.approx([(x.std() / math.sqrt(n)).item() for x in sets])


def test_the_jackknife_s_groups_are_drawn_by_its_seed() -> None:
    x = normal(60, 1)
    one, again, other = (jackknife_error(lambda points: points.mean().item(), x, 5, seed) for seed in (0, 0, 1))
    assert one == again == jackknife_error(lambda points: points.mean().item(), x, 5) != other
    ordered = x.sort(0).values  # groups of neighbours would differ by much more
    assert jackknife_error(lambda points: points.mean().item(), ordered, 5) < 3 / math.sqrt(60)


@pytest.mark.parametrize("groups", [1, 41])
def test_a_jackknife_of_one_group_or_of_more_than_points_is_refused(groups: int) -> None:
    with pytest.raises(ValueError, match=f"groups={groups}: must be 2 or more, and no more than the 40 points"):
        jackknife_error(lambda points: points.mean().item(), normal(40, 1), groups)


@pytest.mark.parametrize("n", [1, 10, 1000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_the_error_of_a_share_is_that_with_two_more_of_either_kind(n: int, share: float) -> None:
    more = np.repeat([1.0, 0.0], [2, 2]).tolist()  # q (1 - q) is the variance of the whole
    mean = (n * share + sum(more)) / (n + len(more))
    variance = (n * share * (1 - mean) ** 2 + n * (1 - share) * mean**2 + sum((v - mean) ** 2 for v in more)) / (n + 4)
    assert binomial_error(share, n) == pytest.approx(math.sqrt(variance / (n + 4)))
    assert binomial_error(1 - share, n) == pytest.approx(binomial_error(share, n))


def test_two_errors_each_way_hold_a_share_near_zero() -> None:
    n, truth = 30, 0.02
    covered = sum(
        stats.binom.pmf(k, n, truth) for k in range(n + 1) if abs(k / n - truth) <= 2 * binomial_error(k / n, n)
    )
    assert covered > 0.95


def test_too_few_and_singular_are_doubted() -> None:
    x = normal(200, 5)
    flat = torch.cat([x[:, :4], x[:, :1] + x[:, 1:2]], 1)
    assert doubts(x, x) == doubts(x, x[:50]) == doubts(x[:50], x) == []
    assert [len(doubts(x, x[:49])), len(doubts(x[:49], x)), len(doubts(x, flat[:10]))] == [1, 1, 2]
    assert "49 samples are few for 5 features: below 50" in doubts(x, x[:49])[0]
    assert doubts(flat, x) == ["the covariance of the real features is singular"]
    assert doubts(x, flat) == ["the covariance of the generated features is singular"]


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_points_are_singular_where_they_lie_in_a_flat_wherever_and_however_small_it_is(size: float) -> None:
    x = normal(40, 3) * size
    thin = x * torch.tensor([1.0, 1.0, 1e-8])
    beside = torch.cat([x[:, :2], torch.full((40, 1), 5 * size)], 1)  # a plane beside the origin
    assert [is_singular(points) for points in (x, x[:4], x[:3], thin, beside)] == [False, False, True, True, True]
    assert not is_singular(x * torch.tensor([1.0, 1.0, 1e-4]))
    assert is_singular(torch.zeros(40, 3))
