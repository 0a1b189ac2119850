"""Factorial analysis: effects of a known model, blocks, and the aliases of the half fraction."""

import numpy as np
import pytest

from gan_lab.evaluation.factorial import Subset, effects, subsets

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
