"""Factorial analysis: effects and contrasts of a known model, blocks, and the aliases of the half fraction."""

import numpy as np
import pytest

from gan_lab.evaluation.factorial import Combination, Subset, combinations_of, contrasts, effects, shares, subsets

PARTS = ["a", "b", "c"]


def model(some: Subset, seed: int) -> float:
    """a adds 2, b takes 1, together they add 3 more; seeds are blocks, c does nothing."""
    return 2.0 * ("a" in some) - 1.0 * ("b" in some) + 3.0 * ({"a", "b"} <= some) + 100.0 * seed


def test_the_effects_of_a_model_are_found_to_the_bit_of_its_blocks() -> None:
    values = {some: [model(some, seed) for seed in range(4)] for some in subsets(PARTS)}
    found = {effect.parts: effect for effect in effects(PARTS, values)}
    assert len(values) == 8
    expected = {("a",): 2 + 1.5, ("b",): -1 + 1.5, ("a", "b"): 1.5, ("c",): 0.0, ("a", "c"): 0.0, ("b", "c"): 0.0}
    assert {parts: effect.mean for parts, effect in found.items()} == pytest.approx(expected, abs=1e-9)
    assert all(effect.half_width == pytest.approx(0, abs=1e-9) and not effect.aliases for effect in found.values())


def test_parts_that_do_nothing_are_found_at_the_error_rate_and_intervals_cover() -> None:
    random = np.random.default_rng(0)
    false, covers = [], []
    for _ in range(100):
        found = effects(PARTS, {some: random.normal(size=5) for some in subsets(PARTS)})
        false.append(any(effect.adjusted <= 0.05 for effect in found))
        covers += [abs(effect.mean) <= effect.half_width for effect in found]
    assert np.mean(false) <= 0.05 + 2.33 * 0.0218
    assert np.mean(covers) == pytest.approx(0.95, abs=0.02)


def test_half_of_the_subsets_has_the_whole_recipe_and_says_what_it_cannot_tell() -> None:
    half = subsets(PARTS, half=True)
    assert half == [frozenset("a"), frozenset("b"), frozenset("c"), frozenset("abc")]
    found = effects(PARTS, {some: [model(some, seed) for seed in range(3)] for some in half})
    assert [(effect.parts, effect.aliases) for effect in found] == [
        (("a",), (("b", "c"),)),
        (("b",), (("a", "c"),)),
        (("c",), (("a", "b"),)),
    ]
    assert found[2].mean == pytest.approx(0.0 + 1.5)  # of c, and of a with b
    five = effects("abcde", {some: [0.0, 0.0, 0.0] for some in subsets("abcde", half=True)})
    assert all(len(alias) > 2 for effect in five for alias in effect.aliases)


FACTORS = {"loss": ["ns", "hinge", "wgan"], "penalty": ["none", "r1"], "update": ["one", "two"]}
LOSSES = {"ns": 0.0, "hinge": 0.5, "wgan": 1.5}


def bad(combination: Combination, seed: int) -> float:
    """Losses differ by what they do anywhere, R1 takes 2 from all; seeds are blocks, the update does nothing."""
    loss, penalty, _ = combination
    return LOSSES[loss] - 2.0 * (penalty == "r1") + 100.0 * seed


def test_contrasts_of_a_model_are_found_whatever_the_seeds_add() -> None:
    values = {some: [bad(some, seed) for seed in range(4)] for some in combinations_of(FACTORS)}
    found = {(one.factor, one.a, one.b): one for one in contrasts(FACTORS, values)}
    expected = {("loss", "ns", "hinge"): -0.5, ("loss", "ns", "wgan"): -1.5, ("loss", "hinge", "wgan"): -1.0}
    expected |= {("penalty", "none", "r1"): 2.0, ("update", "one", "two"): 0.0}
    assert {names: one.difference for names, one in found.items()} == pytest.approx(expected, abs=1e-9)
    assert {names: one.share for names, one in found.items()} == {
        names: (0.5 if value == 0 else float(value < 0)) for names, value in expected.items()
    }
    assert found["penalty", "none", "r1"].better == "r1" and found["loss", "ns", "wgan"].better == "ns"


def test_one_choice_that_fails_does_not_govern_a_contrast() -> None:
    random = np.random.default_rng(0)
    values = {some: (bad(some, 0) + random.normal(0, 0.01, 5)).tolist() for some in combinations_of(FACTORS)}
    values["ns", "none", "two"] = [1e6] * 5
    found = {(one.factor, one.a, one.b): one for one in contrasts(FACTORS, values)}
    pair = found["loss", "ns", "wgan"]
    assert pair.difference == pytest.approx(-1.5, abs=0.05) and pair.adjusted < 0.001 and pair.share == 0.75


def test_factors_that_do_nothing_are_found_at_the_error_rate_and_intervals_cover() -> None:
    random = np.random.default_rng(0)
    false, covers = [], []
    for _ in range(200):
        seeds = random.normal(size=5)  # which all settings share
        found = contrasts(FACTORS, {some: seeds + random.normal(size=5) for some in combinations_of(FACTORS)})
        false.append(any(one.adjusted <= 0.05 for one in found))
        covers += [abs(one.difference) <= one.half_width for one in found]
    assert np.mean(false) <= 0.05 + 2.33 * 0.0154
    assert np.mean(covers) == pytest.approx(0.95, abs=0.02)


def test_shares_are_sums_of_squares_of_ranks() -> None:
    two = {"a": ["x", "y"], "b": ["x", "y"]}
    alone = {some: [10.0 * (some[0] == "y") + seed for seed in range(3)] for some in combinations_of(two)}
    found = shares(two, alone)
    assert found["b",] == found["a", "b"] == pytest.approx(0, abs=1e-12)
    assert found["a",] == pytest.approx(1 - 32 / 140)  # ranks 1.5, 3.5, 5.5 and 7.5, 9.5, 11.5, each twice
    together = {some: [10.0 * (some[0] == some[1]) + seed for seed in range(3)] for some in combinations_of(two)}
    found = shares(two, together)
    assert found["a",] == found["b",] == pytest.approx(0, abs=1e-12) and found["a", "b"] == pytest.approx(1 - 32 / 140)
    assert set(shares(two, {some: [1.0, 1.0, 1.0] for some in combinations_of(two)}).values()) == {0.0}
