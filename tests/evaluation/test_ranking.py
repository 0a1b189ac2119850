"""Ranking: error rates, power and coverage by simulation, and what has a closed form."""

import math

import numpy as np
import pytest
from scipy.stats import t as student

from gan_lab.evaluation.ranking import (
    Values,
    compare_pairs,
    decide,
    numbers_of_seeds,
    paired_test,
    rank,
    seeds_needed,
)
from gan_lab.evaluation.spending import MOST_LOOKS, _levels, nominal_level, overall_error

REPETITIONS, ERROR = 200, 0.05
FEWER = 80  # of what takes longer
# What a share of 200 that is 5 % stays below, but for one time in a hundred.
AT_MOST = ERROR + 2.33 * math.sqrt(ERROR * (1 - ERROR) / REPETITIONS)


def drawn(random: np.random.Generator, seeds: int, *means: float) -> Values:
    """Contestants with these means, deviation 1, of which a half is the seed's and common to all."""
    common = random.normal(size=seeds) * math.sqrt(0.5)
    own = random.normal(size=(len(means), seeds)) * math.sqrt(0.5)
    return {chr(97 + i): mean + common + own[i] for i, mean in enumerate(means)}


@pytest.mark.parametrize("contestants", [2, 4])
def test_equals_are_told_apart_at_the_error_rate_at_most(contestants: int) -> None:
    random = np.random.default_rng(0)
    false = [bool(decide(drawn(random, 10, *[0.0] * contestants), "best", ERROR).decided) for _ in range(REPETITIONS)]
    assert np.mean(false) <= AT_MOST


LOOKS = numbers_of_seeds(5, 20, 4)


def test_looking_several_times_keeps_the_error_rate() -> None:
    random = np.random.default_rng(1)

    def stops() -> bool:
        whole = drawn(random, 20, 0.0, 0.0)
        seen = ({name: row[:n] for name, row in whole.items()} for n in LOOKS)
        return any(decide(values, "best", ERROR, LOOKS).settled for values in seen)

    assert LOOKS == [5, 10, 15, 20]
    assert np.mean([stops() for _ in range(REPETITIONS)]) <= AT_MOST


@pytest.mark.parametrize("looks", [LOOKS, [4, 8], [3, 4, 5, 6, 7, 8]], ids=len)
def test_levels_of_looks_spend_the_error_rate_and_no_more(looks: list[int]) -> None:
    """Of 50,000 series of two equal contestants: the levels are approximate."""
    series = np.random.default_rng(4).normal(size=(50_000, looks[-1]))
    seen = [series[:, :n] for n in looks]
    ts = np.array([abs(x.mean(1)) / x.std(1, ddof=1) * math.sqrt(x.shape[1]) for x in seen])
    for error in (0.05, 0.05 / 3, 0.01):
        bounds = [student.isf(nominal_level(error, n, looks) / 2, n - 1) for n in looks]
        assert 0.8 * error < np.mean((ts >= np.array(bounds)[:, None]).any(axis=0)) < 1.04 * error


def test_the_level_of_a_look_rises_with_the_error_rate_and_back() -> None:
    """So that Holm's correction holds, which gives one pair the others' part of it."""
    for n in LOOKS:
        levels = [nominal_level(error, n, LOOKS) for error in (1e-9, 1e-4, 0.01, 0.05, 0.3)]
        assert levels == sorted(set(levels))
        assert overall_error(levels[2], n, LOOKS) == pytest.approx(0.01)
    late = [nominal_level(ERROR, n, LOOKS) for n in LOOKS]
    assert late == sorted(late) and ERROR / 4 < late[-1] < ERROR
    assert overall_error(0.9, 10, LOOKS) == 1.0
    assert overall_error(0.3, 20, [20]) == 0.3 and nominal_level(0.3, 20, [20]) == 0.3


@pytest.mark.parametrize("effect", [0.6, 1.0])
def test_the_seeds_that_it_takes_have_the_power_that_was_asked_for(effect: float) -> None:
    """a and b differ by `effect` standard deviations of their differences, which have variance 1."""
    seeds, random = seeds_needed(effect, ERROR, 0.8), np.random.default_rng(2)
    assert seeds is not None
    seen = [decide(drawn(random, seeds, 0.0, effect), "best", ERROR) for _ in range(REPETITIONS)]
    assert np.mean([one.settled and one.leader == "a" for one in seen]) == pytest.approx(0.82, abs=0.08)


def test_the_seeds_that_a_test_takes_are_those_of_the_tables() -> None:
    assert seeds_needed(0.5, 0.05, 0.8) == 34  # Cohen 1988, of pairs
    assert seeds_needed(1.0, 0.05, 0.9) == 13
    assert seeds_needed(-0.5, 0.05, 0.8) == 34
    assert seeds_needed(0.0, 0.05, 0.8) is None
    assert seeds_needed(1e-4, 0.05, 0.8) is None
    assert seeds_needed(math.inf, 0.05, 0.8) == 6  # 2^(1 - 6) is below 5 %, 2^(1 - 5) is not


@pytest.mark.parametrize("gap, least", [(0.3, 0.88), (1.0, 0.95)])
def test_intervals_of_ranks_cover(gap: float, least: float) -> None:
    """Each contestant's bootstrap, which five seeds make a little narrow; and those of the tests, all at once."""
    random, truth = np.random.default_rng(3), {"a": 1, "b": 2, "c": 3, "d": 4}
    one, together = [], []
    for _ in range(FEWER):
        found = rank(drawn(random, 5, *(gap * k for k in range(4))), draws=500)
        one.append([found[name].low <= k <= found[name].high for name, k in truth.items()])
        together.append(all(found[name].best <= k <= found[name].worst for name, k in truth.items()))
    assert np.min(np.mean(one, axis=0)) >= least
    assert np.mean(together) >= 0.95


def test_differences_that_do_not_vary() -> None:
    assert paired_test([1.0] * 5, [1.0] * 5) == 1.0
    assert paired_test([1.0] * 6, [2.0] * 6) == 2.0**-5  # what the signs say
    assert paired_test([1.0] * 2, [2.0] * 2) == 1.0  # too few
    (pair,) = compare_pairs({"a": [1.0] * 6, "b": [2.0] * 6})
    assert (pair.better, pair.difference, pair.effect) == ("a", -1.0, -math.inf)
    (pair,) = compare_pairs({"a": [1.0, 1.0, 1.0], "b": [2.0, 3.0, 4.0]})
    assert pair.effect == pytest.approx(-2.0 * (1 - 3 / 7))  # the mean by the deviation, 1, less the bias of three


def test_what_is_asked_decides_what_is_tested_and_when_it_is_settled() -> None:
    values = {"a": [0.0, 0.1, 0.2, 0.1], "b": [1.0, 1.1, 1.3, 1.0], "c": [1.1, 1.0, 1.2, 1.1]}
    best = decide(values, "best", 0.05)
    assert best.leader == "a" and best.settled and [(p.a, p.b) for p in best.left] == [("b", "c")]
    assert not decide(values, "order", 0.05).settled
    against = decide(values, "b", 0.05)
    assert [(p.a, p.b) for p in (*against.decided, *against.left)] == [("a", "b"), ("c", "b")]
    assert not against.settled
    assert decide(values, "a", 0.05).settled


def test_equal_contestants_share_the_better_rank() -> None:
    found = rank({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0], "c": [5.0, 6.0, 7.0]})
    assert [found[name].rank for name in "abc"] == [1, 1, 3]


@pytest.mark.parametrize("first, most", [(3, 100), (3, 1000), (999, 1010)])
def test_levels_rise_with_the_error_rate_at_as_many_looks_as_there_may_be(first: int, most: int) -> None:
    assert (np.diff(_levels(tuple(numbers_of_seeds(first, most, MOST_LOOKS)))) > 0).all()


def test_looks_are_even_and_end_with_all() -> None:
    assert numbers_of_seeds(5, 20, 1) == numbers_of_seeds(20, 20, 4) == [20]
    assert numbers_of_seeds(3, 4, 5) == [3, 4]
