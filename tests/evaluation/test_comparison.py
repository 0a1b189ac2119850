"""Comparison of configurations: which row is best, how sure that is, and the table in its formats."""

import csv
import io
import json
import math
import re
from typing import Any

import pytest

from gan_lab.evaluation.comparison import (
    Cell,
    Comparison,
    as_csv,
    as_json,
    as_markdown,
    badness,
    best_of,
    headed,
    records,
    verdicts,
)


@pytest.mark.parametrize(
    ("one", "other", "best", "says"),
    [
        ([1.0, 1.1, 0.9], [2.0, 2.1, 1.8], "lower", "`one` before `other`, paired t-test p = 0.0012"),
        ([1.0, 1.1, 0.9], [2.0, 2.1, 1.8], "higher", "`other` before `one`, paired t-test p = 0.0012"),
        ([1.0, 1.1, 0.9], [2.0, 2.1, 1.9, 2.0], "lower", "`one` before `other`, Welch's test p = 0.005"),
        ([1.0, 1.1, 0.9], [2.7, 2.6, 2.5], 1.0, "`one` before `other`"),  # as of a density
        ([0.25, 0.5, 0.0], [0.75, 0.5, 1.0], 0.5, "level with"),  # as far from 1/2, on either side
        ([0.9, 0.8, 0.7], [0.4, 0.3, 0.5], "real", "`one` before `other`"),  # real samples get 0.7
        ([8.0] * 3, [8.0] * 3, "higher", "`one` level with `other`, and the seeds do not vary: no test tells"),
        ([8.0] * 3, [7.0] * 3, "higher", "`one` before `other`, and the seeds do not vary: no test tells"),
        ([8.0, 8.1], [7.0, 6.0, 6.5], "higher", "`one` before `other`, too few seeds to tell (a row needs 3)"),
        (
            [8.0, math.nan, 7.9],
            [7.0, 6.0, 6.5],
            "higher",
            "no two rows to compare; `one` has values that are not finite",
        ),
        ([0.8, 0.82, 0.84], [0.6, 0.5, 0.65], "higher", "beyond what real samples get, which is no better"),
    ],
)
def test_which_is_better(one: list[float], other: list[float], best: Any, says: str) -> None:
    cells = [Cell(name, "m", "k", dict(enumerate(v))) for name, v in (("one", one), ("other", other))]
    (verdict,) = verdicts(Comparison(cells, {"k": {"best/m": best, "floor/m": 0.7}}, []))
    assert says in verdict
    if best == "real":
        (verdict,) = verdicts(Comparison(cells, {"k": {"best/m": best}}, []))
        assert "floor=true" in verdict


def test_several_columns_are_corrected_for() -> None:
    values = {"a": ([1.0, 1.1, 0.9], [2.0, 2.1, 1.8]), "b": ([1.0, 1.1, 0.9], [1.1, 1.0, 1.1])}
    cells = [
        Cell(configuration, name, "k", dict(enumerate(row)))
        for name, rows in values.items()
        for configuration, row in zip(("one", "other"), rows, strict=True)
    ]
    told = {"best/a": "lower", "best/b": "lower"}
    assert [
        re.findall(r"p = ([\d.]+), by Holm ([\d.]+)", line) for line in verdicts(Comparison(cells, {"k": told}, []))
    ] == [
        [("0.0012", "0.0024")],
        [("0.53", "0.53")],
    ]


def test_the_scores_of_the_first_version_are_still_read() -> None:
    assert [best_of("m", {"higher_is_better": way}) for way in (True, False, None)] == ["higher", "lower", 0.5]


def compared(told: dict[str, Any], **rows: list[float]) -> Comparison:
    """Rows of the figure m, by the procedure k."""
    return Comparison([Cell(name, "m", "k", dict(enumerate(values))) for name, values in rows.items()], {"k": told}, [])


GOOD, FAIR, BAD = [1.0, 1.1, 0.9], [2.0, 2.1, 1.8], [5.0, 5.1, 4.9]


@pytest.mark.parametrize("rows", [{"a": GOOD, "b": FAIR, "c": BAD}, {"c": BAD, "b": FAIR, "a": GOOD}])
def test_of_several_rows_the_best_two_are_compared(rows: dict[str, list[float]]) -> None:
    (verdict,) = verdicts(compared({"best/m": "lower"}, **rows))
    assert verdict == "m k: `a` before `b`, paired t-test p = 0.0012, the best two of 3"
    (verdict,) = verdicts(compared({"best/m": "lower"}, a=GOOD, b=FAIR))
    assert verdict == "m k: `a` before `b`, paired t-test p = 0.0012"
    (verdict,) = verdicts(compared({"best/m": "lower"}, a=GOOD, b=FAIR, c=[math.nan] * 3))
    assert verdict == ("m k: `a` before `b`, paired t-test p = 0.0012; `c` has values that are not finite, and no rank")


def test_there_is_nothing_to_say_of_one_row_or_of_a_yardstick() -> None:
    assert verdicts(compared({"best/m": "lower"}, a=GOOD)) == []
    assert verdicts(compared({"best/m": None}, a=GOOD, b=FAIR)) == []


@pytest.mark.parametrize("best, says", [("higher", True), ("lower", False)])
@pytest.mark.parametrize("floor, beyond", [(1.9, True), (2.0, False), (2.1, False)])
def test_no_figure_that_is_best_high_should_lie_above_real_samples(
    best: str, says: bool, floor: float, beyond: bool
) -> None:
    told = {"best/m": best, "floor/m": floor}
    (verdict,) = verdicts(compared(told, a=[2.0, 1.5, 2.5], b=[1.0, 1.1, 0.9]))
    assert ("beyond what real samples get" in verdict) == (beyond and says)


@pytest.mark.parametrize(
    ("value", "best", "floor", "bad"),
    [(3.0, "lower", None, 3.0), (3.0, "higher", 1.0, -3.0), (3.0, "real", 5.0, 2.0), (3.0, 0.5, 9.0, 2.5)],
)
def test_badness_grows_away_from_the_best(value: float, best: Any, floor: float | None, bad: float) -> None:
    assert badness(value, best, floor) == bad


TABLE = Comparison(
    [Cell("a|b", "m", "k", {0: 1.0, 3: 2.0, 5: 6.0}), Cell("c", "m", "k", {0: 2.0}), Cell("c", "n", "l", {1: 0.25})],
    {"k": {"best/m": "lower", "n": 60}, "l": {"best/n": 0.5, "floor/n": 0.125}},
    ["d: left out"],
)
DEVIATION, HALF = math.sqrt(7), 4.302652729911275 * math.sqrt(7 / 3)  # Student's quantile of 2 degrees of freedom


def test_records_have_the_interval_over_seeds_and_none_of_one_seed() -> None:
    three, one, other = records(TABLE)
    assert [row["seeds"] for row in (three, one, other)] == [3, 1, 1]
    assert (three["mean"], three["sd"], three["low"], three["high"]) == pytest.approx(
        (3, DEVIATION, 3 - HALF, 3 + HALF)
    )
    assert [one[name] for name in ("mean", "sd", "low", "high")] == [2.0, None, None, None]
    assert [other[name] for name in ("configuration", "metric", "procedure")] == ["c", "n", "l"]


def test_the_table_in_csv_and_json_has_the_records() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(TABLE))))
    procedures = [("lower", "60", "", ""), ("lower", "60", "", ""), ("", "", "0.5", "0.125")]
    for row, record, procedure in zip(rows, records(TABLE), procedures, strict=True):
        assert [row[name] for name in record] == ["" if value is None else str(value) for value in record.values()]
        fields = ("best/m", "n", "best/n", "floor/n")
        assert tuple(row[f"procedure/{field}"] for field in fields) == procedure
    alone = as_csv(TABLE._replace(cells=TABLE.cells[:1])).splitlines()
    assert len(alone) == 2
    assert alone[0].startswith("configuration,metric,procedure,seeds,mean,sd,low,high,copies,procedure/")
    whole = json.loads(as_json(TABLE))
    assert [row.pop("values") for row in whole["rows"]] == [{"0": 1.0, "3": 2.0, "5": 6.0}, {"0": 2.0}, {"1": 0.25}]
    assert whole["rows"] == records(TABLE) and whole["procedures"] == TABLE.procedures
    assert whole["notes"] == TABLE.notes and whole["verdicts"] == verdicts(TABLE) != []


def test_a_figure_that_is_not_finite_is_null_in_json() -> None:
    (row,) = json.loads(as_json(compared({"best/m": "lower"}, a=[math.inf, 1.0])), parse_constant=pytest.fail)["rows"]
    assert row["mean"] is None and list(row["values"].values()) == [None, 1.0]


def test_the_table_in_markdown() -> None:
    head, rule, first, second, empty, legend, verdict, *rest = as_markdown(TABLE).splitlines()
    assert head == "| configuration | m k (lower is better) | n l (0.5 is best; real samples: 0.125) | copies |"
    assert rule == "|---|---|---|---|"
    assert first == f"| a\\|b | 3 ± {HALF:.2g} (sd {DEVIATION:.2g}, 3 seeds) |  | not tested |"
    assert second == "| c | 2 (1 seed) | 0.25 (1 seed) | not tested |"
    assert not empty and "95 % t-interval" in legend and verdict == verdicts(TABLE)[0]
    assert rest == ["k: best/m lower, n 60", "l: best/n 0.5, floor/n 0.125", "note: d: left out"]


@pytest.mark.parametrize(
    "best, way", [("higher", "higher is better"), ("real", "best near real samples"), (None, "a yardstick")]
)
def test_a_head_says_which_way_is_better(best: Any, way: str) -> None:
    assert headed("m", "k", {"best/m": best}) == f"m k ({way})"
