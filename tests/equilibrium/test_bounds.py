"""Each bound of the verdict lies where its description says, on series without noise."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from gan_lab.equilibrium.verdict import Gains, Null, Seen, judge, trend

NULL = Null(auc=1 / 32, energy=1 / 64)  # binary fractions, whose multiples are exact
HIDDEN, PLAIN = Seen(auditor=0.75, game=0.5, null=1 / 32), Seen(auditor=0.5, game=0.5, null=1 / 32)
NOTHING = Gains(0.0, 1 / 32, 0.0, 1 / 32)


def rows(
    n: int = 40,
    auc: Callable[[int], float] | float = 0.5,
    energy: Callable[[int], float] | float = 0.0,
    diversity: Callable[[int], float] | float = 1.0,
    **others: Callable[[int], float] | float,
) -> list[dict[str, float]]:
    """n rows; a figure is one number, or a function of the row's number."""
    given = {"auc": auc, "energy": energy, "diversity": diversity} | others
    return [{name: value(i) if callable(value) else value for name, value in given.items()} for i in range(n)]


def rising(by: float, mean: float = 0.0) -> Callable[[int], float]:
    """From the 20th of 40 rows to the last, along a straight line about this mean."""
    return lambda i: mean + by * ((i - 20) / 19 - 0.5)


def there_and_back(by: float, times: int, mean: float = 0.5) -> Callable[[int], float]:
    """As far above as below in those rows, with so many changes between; still at both ends."""
    return lambda i: mean + by * (-1) ** ((max(i - 20, 0) * (times + 1)) // 20)


def named(given: Sequence[dict[str, float]], **others: Any) -> str:
    return judge(given, **({"null": NULL, "seen": PLAIN} | others)).name


NEAR = "near equilibrium"
# A rule, what it is about as a function of one number, the largest or smallest number that it holds of, and by how much
# it fails beside that: what is said of that number, and of the one beside it.
BOUNDS: dict[str, tuple[Callable[[float], str], float, float, str, str]] = {
    "ten rows": (lambda n: named(rows(int(n))), 19, -1, NEAR, "too short to tell"),
    "G wins": (lambda a: named(rows(auc=a)), 0.5 - 3 / 32, 1e-9, "generator wins", NEAR),
    "D sees": (lambda a: named(rows(auc=a)), 0.5 + 3 / 32, -1e-9, "discriminator leads", NEAR),
    "D wins": (lambda a: named(rows(auc=a)), 1 - 1 / 32, -1e-9, "discriminator wins", "discriminator leads"),
    "a collapse": (
        lambda d: named(rows(diversity=lambda i: d if i else 1.0)), 0.25 - 1e-9, 1e-9, "generator collapsed", NEAR),
    "a collapse below the start": (
        lambda d: named(rows(diversity=lambda i: 0.125 if i else d)), 0.125 + 1e-9, -1e-9, "generator collapsed", NEAR),
    "a collapse in the last quarter": (
        lambda i: named(rows(diversity=lambda row: 1.0 if row < i else 0.0)), 30 + 2, 1, "generator collapsed", NEAR),
    "modes shown": (
        lambda k: named(rows(), mode_kl=math.log(9 / k), modes=9), 6 - 1e-9, 1e-6, "generator collapsed", NEAR),
    "samples ten times as far": (
        lambda d: named(rows(energy=0.875, diversity=d)), 1.5, -1e-9, "diverged", NEAR),
    "costs a thousand": (
        lambda c: named(rows(**{"d/loss": lambda i: -c if i >= 30 else 0.5})), 1000, -1e-6, "diverged", NEAR),
    "costs a thousand times the first": (
        lambda c: named(rows(**{"g/loss": lambda i: c if i >= 30 else 2.0})), 2000, -1e-6, "diverged", NEAR),
    "energy falls by three null spreads": (
        lambda c: named(rows(energy=rising(-c))), 3 / 64 + 1e-9, -2e-9, "still moving", NEAR),
    "energy rises by a fifth": (
        lambda c: named(rows(auc=0.75, energy=rising(c, 0.5))), 0.1 + 1e-9, -2e-9, "still moving",
        "discriminator leads"),
    "energy falls by a fifth": (
        lambda c: named(rows(auc=1.0, energy=rising(-c, 0.5))), 0.1 + 1e-9, -2e-9, "still moving",
        "discriminator wins"),
    "D moves": (lambda c: named(rows(auc=rising(c, 0.5))), 3 / 32 + 1e-9, -2e-9, "still moving", NEAR),
    "the auditor sees": (
        lambda a: named(rows(), seen=Seen(a, 0.5, 1 / 32)), 0.5 + 3 / 32, -1e-9, "discriminator too weak", NEAR),
    "D sees less than half": (
        lambda g: named(rows(), seen=HIDDEN._replace(game=g)), 0.625 - 1e-9, 1e-9, "discriminator too weak",
        "discriminator leads"),
    "D's best response": (
        lambda g: named(rows(), gains=NOTHING._replace(d=g)), 3 / 32, -1e-9, "discriminator too weak", NEAR),
    "G's best response": (lambda g: named(rows(), gains=NOTHING._replace(g=g)), 3 / 32, -1e-9, "still moving", NEAR),
    "four crossings": (
        lambda n: named(rows(auc=there_and_back(0.25, int(n)), energy=0.5)), 4, -1, "oscillating", "still moving"),
    "a wide swing": (
        lambda s: named(rows(auc=there_and_back(s, 19), energy=0.5)), 0.0945, -0.001, "oscillating", NEAR),
    "a swing about something": (
        lambda e: named(rows(auc=there_and_back(0.25, 19), energy=e)), 3 / 64, -1e-9, "oscillating", NEAR),
}  # fmt: skip


@pytest.mark.parametrize("says, bound, beside, holds, fails", BOUNDS.values(), ids=BOUNDS)
def test_bounds_are_where_they_are_said_to_be(
    says: Callable[[float], str], bound: float, beside: float, holds: str, fails: str
) -> None:
    assert (says(bound), says(bound + beside)) == (holds, fails)


@pytest.mark.parametrize("gains", [Gains(1.0, 0.0, 0.0, 0.1), Gains(0.0, 0.1, 1.0, 0.0)])
def test_a_gain_without_an_error_is_no_evidence(gains: Gains) -> None:
    assert named(rows(), gains=gains) == NEAR


def test_best_responses_count_where_both_are_undecided() -> None:
    gains = Gains(1.0, 0.1, 1.0, 0.1)
    assert named(rows(auc=0.75), gains=gains) == "discriminator leads"
    assert named(rows(), seen=HIDDEN._replace(game=0.75), gains=gains) == "discriminator leads"
    assert named(rows(), gains=gains, seen=None) == "discriminator too weak"


def test_of_a_mixture_of_one_mode_none_is_missing_and_a_d_that_wins_comes_before_missing_modes() -> None:
    assert named(rows(), mode_kl=5.0, modes=1) == named(rows(), modes=9) == NEAR
    assert named(rows(auc=1.0), mode_kl=math.log(9), modes=9) == "discriminator wins"
    assert judge(rows(), NULL, mode_kl=math.log(3), modes=9).figures["modes_shown"] == pytest.approx(3)
    assert "modes_shown" not in judge(rows(), NULL).figures


def test_figures_are_of_the_later_half() -> None:
    given = rows(auc=lambda i: i / 40, energy=lambda i: 0.25 if i >= 20 else 9.0, diversity=lambda i: i / 40)
    figures = judge(given, NULL, PLAIN).figures
    assert figures["points"] == 20 and figures["auc"] == pytest.approx(29.5 / 40)
    assert figures["auc_change"] == pytest.approx(19 / 40) and figures["energy"] == 0.25
    assert figures["diversity"] == pytest.approx(34.5 / 40)  # of the last quarter
    assert (figures["auc_null"], figures["energy_null"]) == NULL


def test_one_row_or_a_start_that_was_lost_diverges_from_nothing() -> None:
    lost = [row | {"energy": math.nan} for row in rows(1)]
    assert named(rows(1, energy=1.0, diversity=1e9)) == "too short to tell"
    assert named([*lost, *rows(39)]) == NEAR and named([*rows(39), *lost]) == "diverged"


def test_a_zigzag_is_crossed_at_each_turn() -> None:
    for turns in range(1, 8):
        values = [float((-1) ** i) for i in range(turns + 1)]
        assert (
            trend([*values, *values[::-1]]).crossings == 2 * turns
        )  # even about its middle, so that its line is level
    assert trend([0.0, 1.0, 0.0]).error == pytest.approx(trend([0.0, 1.0, 0.0]).swing * 2)


@pytest.mark.parametrize("cost", ["d/loss", "g/loss"])
@pytest.mark.parametrize("n", [4, 5, 8, 40])
def test_a_game_has_diverged_where_a_cost_of_the_last_quarter_is_a_thousand_times_the_first(cost: str, n: int) -> None:
    """Of few rows the last quarter is the last row alone, and a first cost below 1 counts as 1."""
    late = max(1, n // 4)
    for size, expected in ((1000.0, True), (999.0, False)):
        series = rows(n, **{cost: lambda i, size=size: size if i >= n - late else 1.0})
        assert (named(series) == "diverged") == expected
        series = rows(n, **{cost: lambda i, size=size: size if i >= n - late else 0.0})
        assert (named(series) == "diverged") == expected


def test_a_cost_counts_as_none_in_a_row_that_does_not_have_it() -> None:
    series = rows(40, **{"d/loss": lambda i: 1111.0 if i >= 30 else 1.0})
    assert named(series) == "diverged"
    del series[35]["d/loss"]  # the mean of the last quarter is 999.9 now
    assert named(series) != "diverged"
