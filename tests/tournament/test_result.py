"""Result and report: failures, copies, the sentence, what was spent, and names that a page of HTML must not believe."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan_lab.evaluation.copying import most
from gan_lab.evaluation.evaluator import VERSION
from gan_lab.tournament import ablation
from gan_lab.tournament.ablation import effects_of
from gan_lab.tournament.factors import analysis_of, as_tournament
from gan_lab.tournament.page import Contestant, TournamentPage, parse_page
from gan_lab.tournament.pictures import _in_cell
from gan_lab.tournament.plan import Cost
from gan_lab.tournament.report import write_report
from gan_lab.tournament.result import Played, Result, beside, conclusion, result_of
from gan_lab.tournament.state import KEYS, Run, read_run, scored

PAGE = parse_page(
    {"contestants": {"a": [], "b": [], "c": []}, "budget": {"flops": 1e6}, "seeds": 5, "evaluation": {"metric": "mmd"}},
    "page",
)
COST = Cost(flops=1000.0, images=8.0, seconds=0.1)


def run(figure: float | None, failure: str | None = None, z: float | None = None, best: Any = "lower") -> Run:
    curve = {} if figure is None else {50: figure + 1, 100: figure}
    return Run(Path("run"), True, failure, 100 if figure is not None else 40, 7.0, figure, best, 0.1, curve, z)


def result(rows: dict[str, list[Run]], page: Any = PAGE) -> Result:
    played = [
        Played(name, dict(enumerate(runs)), {"optimizer.lr": 1e-3}, COST, [run(2.0), run(None, "NaN")], [COST] * 2)
        for name, runs in rows.items()
    ]
    return result_of(page, "mmd", played)


CLEAR = {"a": [1.0, 1.1, 0.9, 1.0, 1.05], "b": [2.0, 2.2, 1.8, 2.1, 2.05], "c": [2.15, 2.1, 1.9, 2.05, 2.1]}


def rows(**changes: list[Run]) -> dict[str, list[Run]]:
    return {name: [run(value) for value in values] for name, values in CLEAR.items()} | changes


def test_what_is_decided_what_is_not_and_what_it_would_take() -> None:
    found = result(rows())
    assert found.leader.name == "a"
    first, decided, left = conclusion(found)
    assert first == "Decided at an error rate of 0.05 over all pairs and looks, by 5 seeds: a is better than b, c."
    assert decided.startswith("Decided: a before b (p = ") and "; a before c (p = " in decided
    assert left.startswith("Not decided: b and c (p = ") and "seeds more would tell" in left
    assert found.needed[("b", "c")] is not None


def test_a_look_of_several_has_its_part_of_the_error_rate() -> None:
    page = PAGE.model_copy(update={"seeds": 8, "until": "decided", "looks": 2})
    assert page.numbers == [5, 8]
    once, first = result(rows()), result(rows(), page)
    assert (first.look, once.look) == ((1, 2), (1, 1))
    assert first.level < once.level == page.error
    (pair, same) = (next(pair for pair in one.decision.decided if pair.b == "b") for one in (first, once))
    assert pair.p == same.p and pair.adjusted > same.adjusted


def test_a_failed_run_counts_as_the_worst_and_is_told() -> None:
    found = result(rows(a=[run(1.0), run(None, "D's loss became NaN"), run(0.9), run(1.0), run(1.1)]))
    a = next(one for one in found.standings if one.name == "a")
    assert a.values[1] == 2.2 and a.failures == 1 and a.figures is not None and a.figures.n == 4
    assert "Failed runs, each counted as the worst of all runs: a 1 of 5." in conclusion(found)
    assert not found.decision.settled


def test_one_that_copies_does_not_lead_without_its_mark() -> None:
    found = result(rows(a=[run(value, z=z) for value, z in zip(CLEAR["a"], (0.0, 5.0, 1.0, 4.0, 2.9), strict=True)]))
    assert found.leader.copies == (2, 5)
    lines = conclusion(found)
    assert "a (COPIES) is better than" in lines[0]
    assert "a copies training samples (2 of 5 seeds): no winner." in lines
    assert found.decision.settled and not found.is_final and result(rows()).is_final  # the others go on
    assert lines[1].startswith("Decided: a (COPIES) before b (p = ")


def test_one_that_copies_is_marked_wherever_it_stands(tmp_path: Path) -> None:
    """Also where it does not lead."""
    found = result(rows(b=[run(value, z=9.0) for value in CLEAR["b"]]))
    text = write_report(found, tmp_path, {}, lambda: 2.0)
    first, decided, left = conclusion(found)
    assert first.endswith("a is better than b (COPIES), c.") and "a before b (COPIES) (p" in decided
    assert left.startswith("Not decided: b (COPIES) and c (p = ")
    assert "| a - b (COPIES) |" in text and text.count("| b (COPIES) |") == 2  # ranks and search
    assert _in_cell(found.standings[1]) == "2.03\n(COPIES)"


@pytest.mark.parametrize(("best", "way"), [("lower", "better"), ("higher", "worse"), ("real", "better")])
def test_an_ablation_says_which_parts_are_decided_and_which_way(best: Any, way: str) -> None:
    page = PAGE.model_copy(update={"contestants": dict.fromkeys(("none", "r1", "ema", "r1__ema"), Contestant())})
    noise = np.random.default_rng(0).normal(scale=0.01, size=(4, 5))
    means = {"none": 2.0, "r1": 1.0, "ema": 2.0, "r1__ema": 1.0}
    values = {
        name: [run(mean + e, best=best) for e in row] for (name, mean), row in zip(means.items(), noise, strict=True)
    }
    values["ema"] = [one._replace(copying=9.0) for one in values["ema"]]
    found = result(values, page)
    found = found._replace(floor=0.5) if best == "real" else found
    names = {
        frozenset(): "none",
        frozenset({"r1"}): "r1",
        frozenset({"ema"}): "ema",
        frozenset({"r1", "ema"}): "r1__ema",
    }
    analysis = ablation.analysis_of(found, names, ["r1", "ema"])
    decided, left, copying = analysis.sentences
    assert f"all of them: r1 makes it {way} by " in decided and "ema" not in decided
    assert left.startswith("Effects not decided: ") and "r1 x ema (p = " in left
    assert copying == "These subsets copy training samples: ema."
    assert [row[4] for row in analysis.tables[0].rows] == ["yes", "no", "no"]


def test_trials_are_shown_by_merit(tmp_path: Path) -> None:
    """Of a figure that is best near real samples', which get 10."""
    trials = [run(value, best="real") for value in (2.0, 9.5, 20.0, 5.0, 12.0)]
    found = result({name: [run(value, best="real") for value in CLEAR[name]] for name in CLEAR})
    standings = [one._replace(trials=trials) for one in found.standings]
    found = found._replace(floor=10.0, standings=standings)
    assert standings[0].validated("real", 10.0) == [9.5, 12.0, 5.0, 2.0, 20.0]
    text = write_report(found, tmp_path, {}, lambda: 2.0)
    assert "| 5 | 9.5 | 12 | 5 | 2 | 20 | 0 |" in text
    assert standings[0].validated("higher", 10.0)[0] == 20 and standings[0].validated("lower", 10.0)[0] == 2


def test_images_are_those_that_runs_have_seen() -> None:
    seen = {name: [one._replace(images=1000) for one in runs] for name, runs in rows().items()}
    assert result(seen).leader.final.images == 5000 and result(rows()).leader.final.images == 5 * 100 * 8


def test_what_was_spent_has_failed_runs_and_the_search_in_it() -> None:
    leader = result(rows()).leader
    assert leader.final[:2] == (5, 500) and leader.final.flops == 5e5
    assert leader.search[:3] == (2, 140, 1.4e5)


def test_the_tournaments_own_seconds_stand_beside_those_of_the_runs(tmp_path: Path) -> None:
    scored = {name: [one._replace(scoring=(0.5, 2.0)) for one in runs] for name, runs in rows().items()}
    seconds = beside(result(scored), rehearsals=3.0, rest=2.0)
    assert seconds[:2] == (3 * 7 * 7.0, 15 * 2.0)  # 5 final runs and 2 trials of 7 s each
    assert seconds.share == pytest.approx((3.0 + 15 * 0.5 + 2.0) / 177)
    text = write_report(result(scored), tmp_path, {}, lambda: 2.0, rehearsals=3.0)
    assert "Training took 147 s, evaluation 30 s, and the tournament itself" in text
    assert json.loads((tmp_path / "tournament.json").read_text())["seconds"]["copying"] == 7.5


def test_the_report_is_one_content_in_three_forms_and_escapes(tmp_path: Path) -> None:
    hostile = [run(None, "<script>alert(1)</script> | so"), *rows()["b"][1:]]
    found = result(rows(b=hostile))
    picture = tmp_path / "samples" / "a.png"
    picture.parent.mkdir()
    picture.write_bytes(b"\x89PNG")
    text = write_report(found, tmp_path, {("a", 0): picture}, lambda: 2.0)
    assert "## Samples of a, seed 0" in text and "(4 seeds) |" in text  # b's mean is over those that have not failed
    assert (tmp_path / "tournament.md").read_text() == text + "\n"
    assert "alert(1)</script> \\| so" in text
    page = (tmp_path / "tournament.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page and page.count("data:image/png;base64,") == 4
    assert "Content-Security-Policy" in page and "default-src 'none'" in page
    assert 'src="http' not in page and 'href="' not in page
    data = json.loads((tmp_path / "tournament.json").read_text())
    assert data["contestants"]["a"]["figures"] == {str(i): value for i, value in enumerate(CLEAR["a"])}
    assert data["contestants"]["b"]["figures"]["0"] is None and data["conclusion"] == conclusion(found)
    for sentence in conclusion(found):
        assert sentence in text


def test_effects_are_those_of_the_figure_and_a_failure_is_the_worst() -> None:
    names = {frozenset(): "a", frozenset({"part"}): "b"}
    two = {"a": rows()["a"], "b": [run(None, "NaN"), *rows()["b"][1:]]}
    (effect,) = effects_of(result(two), names, ["part"])
    assert effect.mean == pytest.approx(sum((2.2, 2.2, 1.8, 2.1, 2.05)) / 5 - sum(CLEAR["a"]) / 5)


FACTORS: dict[str, Any] = {
    "factors": {
        "loss": {"ns": [], "hinge": [], "wgan": []},
        "penalty": {"none": [], "r1": []},
        "update": {"a": [], "b": []},
    },
    "budget": {"flops": 1e6},
    "seeds": 5,
    "evaluation": {"metric": "mmd"},
}


def crossed() -> tuple[TournamentPage, Result]:
    """Of three factors: R1 takes 1, wgan without it fails in all seeds, hinge without it in one, and nothing else
    differs but by noise."""
    page = parse_page(FACTORS, "page")
    random = np.random.default_rng(0)
    whole = as_tournament(page)
    played = {}
    for name in whole.contestants:
        values = (2.0 - ("r1" in name) + random.normal(0, 0.1, 5)).tolist()
        failed = 5 if "wgan__none" in name else 1 if "hinge__none" in name else 0
        played[name] = [run(None, "NaN") if seed < failed else run(value) for seed, value in enumerate(values)]
    return page, result(played, whole)


def test_a_page_with_factors_has_their_levels_contrasts_and_a_map(tmp_path: Path) -> None:
    page, found = crossed()
    analysis = analysis_of(found, page)
    _, penalty, update = analysis.sentences
    assert penalty.startswith("penalty, how bad in the median over all others (lower is better): r1 (")
    assert penalty.endswith(
        "Decided where nothing else differs, at an error rate of 0.05 over all contrasts: r1 before none."
    )
    assert update.endswith("over all contrasts: nothing.")
    levels, contrasts, shares = analysis.tables
    best = {row[1]: row[3] for row in levels.rows}
    assert best["wgan"].startswith("wgan__r1__")
    assert best["none"].startswith("ns__none__")  # the only one of which no seed has failed
    assert len(contrasts.rows) == 3 + 1 + 1 and shares.rows[1][0] == "penalty"
    text = write_report(found, tmp_path, {}, lambda: 1.0, analysis)
    assert text.startswith("# Factorial tournament (loss x penalty x update) of 12 contestants by mmd")
    assert (tmp_path / "combinations.png").read_bytes().startswith(b"\x89PNG")
    assert "![All combinations](combinations.png)" in text and "The best 8 contestants." in text
    data = json.loads((tmp_path / "tournament.json").read_text())
    assert [one["factor"] for one in data["contrasts"]] == ["loss"] * 3 + ["penalty", "update"]
    assert data["factors"] == {"loss": ["ns", "hinge", "wgan"], "penalty": ["none", "r1"], "update": ["a", "b"]}
    assert set(data["shares"]) == {"loss", "penalty", "update", "loss x penalty", "loss x update", "penalty x update"}


def test_a_cell_of_the_map_says_how_many_failed() -> None:
    _, found = crossed()
    words = {one.name: _in_cell(one) for one in found.standings}
    assert words["wgan__none__a"] == "failed" and words["hinge__none__a"].endswith("\n1 failed")
    assert "failed" not in words["ns__r1__b"]


def test_of_many_pairs_those_with_the_leader_come_first(tmp_path: Path) -> None:
    names = [f"c{i:02d}" for i in range(16)]
    page = PAGE.model_copy(update={"contestants": dict.fromkeys(names, PAGE.contestants["a"])})
    random = np.random.default_rng(0)
    found = result({name: [run(value) for value in random.normal(1, 0.1, 5)] for name in names}, page)
    leader = found.leader.name
    assert len(found.pairs) == 120 and all(leader in (pair.a, pair.b) for pair in found.pairs[:15])
    left = [line for line in conclusion(found) if line.startswith("Not decided: ")]
    assert all(f" {leader} " in line for line in left[:12]) and "Not decided: 108 pairs more." in left
    text = write_report(found, tmp_path, {}, lambda: 1.0)
    assert "20 pairs more are in tournament.json." in text and len(found.needed) == 100
    assert len(json.loads((tmp_path / "tournament.json").read_text())["pairs"]) == 120


SUMMARY = {
    "finished": True, "budget": 10, "rounds": 10, "seconds": 2.0, "generator": "g",
    "score/p-1/mmd": 0.5, "score/p-1/generator": "g", "score/p-1/procedure/n": 10_000, "score/p-1/procedure/seed": 0,
    "score/p-1/procedure/version": VERSION, "score/p-1/procedure/split": "train",
    "score/p-1/procedure/best/mmd": "lower", "score/p-1/procedure/floor/mmd": 0.1,
    "score/q-1/copying": 0.8, "score/q-1/copying/error": 0.1, "score/q-1/generator": "g",
}  # fmt: skip


def test_the_state_of_a_run_is_read_from_its_directory(tmp_path: Path) -> None:
    empty = read_run(tmp_path, 10, "mmd")
    assert (empty.is_over, empty.figure, empty.rounds) == (False, None, 0)
    (tmp_path / "metrics.csv").write_text(
        "round,images,seconds,evaluation/mmd\n5,40,1.0,0.9\n10,80,2.0,0.7\n1"
    )  # a cut last line
    assert read_run(tmp_path, 10, "mmd").validation == {5: 0.9, 10: 0.7}
    assert read_run(tmp_path, 10, "mmd").images == 80
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    assert read_run(tmp_path, 10, "mmd").figure is None  # someone else has scored it
    keys = {"figure": "p-1", "copying": "q-1", "seconds": {"copying": 0.5, "figure": 2.0}}
    (tmp_path / KEYS).write_text(json.dumps(keys))
    found = read_run(tmp_path, 10, "mmd")
    assert (found.is_over, found.figure, found.best, found.floor) == (True, 0.5, "lower", 0.1)
    assert found.scoring == (0.5, 2.0)
    assert found.copying == pytest.approx(3.0) and found.last_validation == 0.7
    assert not read_run(tmp_path, 20, "mmd").is_over  # it was to play more
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY | {"score/p-1/mmd": math.nan}))
    assert read_run(tmp_path, 10, "mmd").failure == "mmd is not finite"
    (tmp_path / "failure.txt").write_text("Traceback\nD's loss became NaN\n")
    failed = read_run(tmp_path, 10, "mmd")
    assert failed.is_over and failed.failure == "D's loss became NaN" and failed.figure is None


def test_a_figure_of_another_generator_or_procedure_does_not_count() -> None:
    assert scored(SUMMARY, "mmd", "p-1") is not None
    assert scored(SUMMARY | {"score/p-1/generator": "h"}, "mmd", "p-1") is None
    assert scored(SUMMARY | {"score/p-1/procedure/version": VERSION - 1}, "mmd", "p-1") is None
    assert scored(SUMMARY, "mmd", "p-2") is None and scored(SUMMARY, "mmd", None) is None
    assert most(SUMMARY | {"score/q-1/generator": "h"}, "q-1") is None
