"""Figures of quality never stand without the copying tests' answer; runs that copy are marked wherever they lead."""

import math
import re
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.run_directories import write_run
from omegaconf import OmegaConf
from rich.console import Console

from gan_lab.callbacks.checkpoint import RoundCheckpoint
from gan_lab.cli.compare import compare, find_runs, read_run
from gan_lab.cli.evaluate import show
from gan_lab.cli.report import gather
from gan_lab.cli.status import Job
from gan_lab.cli.watch import View, line, picture
from gan_lab.evaluation.comparison import as_csv, as_markdown, records, verdicts
from gan_lab.evaluation.copying import Answer, along, answer, beside, in_words, most
from gan_lab.experiment.summary import copies, table
from gan_lab.game.history import History
from gan_lab.report.comparison import rows_of
from gan_lab.report.run import write_page

FRECHET = {"score__p__procedure__best__frechet": "lower", "score__p__generator": "feedc0de"}


def scored(directory: Path, loss: str, frechet: float, copying: float | None, seed: int = 0) -> Path:
    test = {
        "score__q__copying": copying, "score__q__copying__error": 0.01, "score__q__procedure__best__copying": 0.5,
        "score__q__generator": "feedc0de",
    } if copying is not None else {}  # fmt: skip
    return write_run(directory, [f"loss={loss}"], seed, **FRECHET, **test, score__p__frechet=frechet, rounds=500)


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Three seeds each of one that copies, and is best, one that does not, and one that was not tested."""
    kinds = (("hinge", 1.0, 0.9), ("minimax", 2.0, 0.5), ("wasserstein", 3.0, None))
    return [
        scored(tmp_path / f"{loss}={seed}", loss, frechet * (1 + seed / 10), copying, seed)
        for loss, frechet, copying in kinds
        for seed in range(3)
    ]


def test_a_run_that_is_left_out_of_a_table_is_not_counted(runs: list[Path], tmp_path: Path) -> None:
    again = scored(tmp_path / "again", "minimax", 2.0, 0.9)
    comparison = compare([read_run(run) for run in (*runs, again)])
    assert "| loss=minimax |" in as_markdown(comparison)
    assert any(f"{again}: left out, since seed 0" in line for line in comparison.notes)


def test_tournaments_are_kept_apart_and_their_rehearsals_left_out(tmp_path: Path) -> None:
    for name in ("one", "two"):
        for seed in range(2):
            scored(tmp_path / name / "final" / str(seed), "hinge", 1.0, None, seed)
        (scored(tmp_path / name / "rehearsal" / "hinge", "hinge", 9.0, None) / "cost.json").touch()
        (tmp_path / name / "page.yaml").touch()
    places = find_runs([tmp_path], "summary.json")
    assert sorted(path.parent.name for path in places) == ["final"] * 4
    cells = compare([read_run(path) for path in places]).cells
    assert [(cell.configuration, len(cell.values)) for cell in cells] == [
        (f"(of {tmp_path / name})", 2) for name in ("one", "two")
    ]
    assert [cell.configuration for cell in compare([read_run(path) for path in places[:2]]).cells] == [
        "(no other override)"
    ]


def test_a_table_has_the_answer_and_the_mark(runs: list[Path]) -> None:
    comparison = compare([read_run(run) for run in runs])
    table = as_markdown(comparison)
    assert "| loss=hinge (COPIES) |" in table and "| COPIES (3 of 3) |" in table
    assert "| loss=minimax |" in table and "| no (0 of 3) |" in table and "| not tested |" in table
    (verdict,) = [line for line in verdicts(comparison) if line.startswith("frechet")]
    assert "`loss=hinge (COPIES)` before `loss=minimax`" in verdict
    assert {row["copies"] for row in records(comparison)} == {"COPIES (3 of 3)", "no (0 of 3)", "not tested"}
    assert ",copies," in as_csv(comparison).splitlines()[0]
    assert {(row.name, row.copies) for row in rows_of(comparison)} == {
        ("loss=hinge (COPIES)", "COPIES (3 of 3)"), ("loss=minimax", "no (0 of 3)"), ("loss=wasserstein", "not tested")
    }  # fmt: skip


def test_the_pages_have_it(runs: list[Path]) -> None:
    members, found = gather(runs, {})
    assert len(members) == 9 and [run.copying for run in found[:1]] == [pytest.approx(40.0)]
    copies = "COPIES (1 of 1), at least 40.0 standard deviations from chance"
    for run, words in ((runs[0], copies), (runs[-1], "not tested")):
        write_page(run)
        assert f"Copies of training data: {words}." in (run / "report.html").read_text()


def test_the_command_says_it_beside_its_figures(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    record: dict[str, Any] = {"frechet": 1.0} | {f"procedure/{name}": 1 for name in ("n", "n_real", "seed", "features")}
    for run, checkpoint, words in (
        (runs[0], None, r"COPIES \(1 of 1\), at least 40\.0 standard"),
        (runs[-1], None, "not tested; where the data have a test set: gan-lab evaluate"),
        (
            runs[0],
            "best",
            f"not tested; .*: gan-lab evaluate {runs[0]} metric=copying .* checkpoint=best",
        ),  # its last was
    ):
        show(run, OmegaConf.create({"checkpoint": checkpoint, "root": None, "trust": False}), {"p": record})
        assert re.search(f"copies of training data: {words}", capsys.readouterr().out)


def test_only_tests_of_the_run_as_it_is_count() -> None:
    own = {"generator": "g", "score/q/generator": "g", "score/q/copying": 0.6, "score/q/copying/error": 0.05}
    cells = {"score/r/generator": "g", "score/r/copying_by_cells": -4.0}
    assert (
        most(own) == pytest.approx(2.0) and most(own | cells) == 4.0 and most(own | cells, only="q") == pytest.approx(2)
    )
    assert most(own | {"score/q/generator": "earlier"}) is None
    assert most(own | {"score/q/procedure/weights": "average, checkpoint=best"}) is None
    for strange in ("much", True, None, math.nan, 1e200):
        assert most(own | {"score/q/copying": strange}) is None
    assert most(own | {"score/q/copying/error": 0.0}) is None
    assert in_words(-40.0).startswith("no (0 of 1); samples lie further from the training data than real ones do")
    assert answer([None, 2.9, 3.1]) == Answer(1, 2) and str(answer([None])) == "not tested"


def test_tests_along_a_run_count_where_they_are_of_its_last_round() -> None:
    found = {"evaluation/frechet": 1.0, "evaluation/copying": 0.9, "evaluation/copying/error": 0.05}
    assert most(found) == along(found) == pytest.approx(8.0)
    assert most(found | {"as_of/evaluation/copying": 500}) is None and most(found, only="q") is None
    assert along({"evaluation/copying_by_cells": -4.0}) == 4.0 and along({"evaluation/frechet": 1.0}) is None


def test_a_generator_and_a_figure_of_the_best_round_have_the_answer_of_that_round() -> None:
    last = {"rounds": 2000, "evaluation/copying": 0.5, "evaluation/copying/error": 0.05, "best/frechet": 1.0}
    copied = last | {"best/round": 500, "best/copying": 40.0}
    assert most(copied) == along(last) == 0 and most(copied | {"generator_round": 2000}) == 0
    assert most(copied | {"generator_round": 500}) == 40  # which early stopping has left
    assert most(last | {"generator_round": 500, "best/round": 500}) is None
    assert most(copied | {"generator_round": 700}) is None
    assert beside(copied, "best/frechet") == 40 and beside(copied, "frechet") == 0
    assert beside(copied, "min/g/loss") is None and beside(last, "best/frechet") is None


def test_the_best_round_has_the_answer_of_its_own_test(tmp_path: Path) -> None:
    """The figure is published in each round, and the test made in every other."""
    checkpoint, gan = RoundCheckpoint(str(tmp_path), monitor="m"), SimpleNamespace(history=History())
    for played, (value, expected) in enumerate([(3.0, None), (2.0, 8.0), (1.0, None), (5.0, None)], 1):
        gan.round = played
        copying = {"evaluation/copying": 0.9, "evaluation/copying/error": 0.05} if played % 2 == 0 else {}
        gan.history.add({"m": value, **copying}, played)
        checkpoint._better(gan)  # type: ignore[arg-type]
        assert checkpoint.best_copying == (expected and pytest.approx(expected))
    assert checkpoint.best_round == 3


def test_figures_along_a_run_have_it_too(tmp_path: Path) -> None:
    summary = {"rounds": 9, "images": 9, "seconds": 1.0, "evaluation/frechet": 1.0}
    assert "copies of training data  not tested" in table(summary, tmp_path)
    copying = {"evaluation/copying": 0.9, "evaluation/copying/error": 0.05}
    assert "copies of training data  COPIES (1 of 1), at least 8.0" in table(summary | copying, tmp_path)
    assert copies({"rounds": 9}) == {}  # which loggers get beside the summary
    assert copies(summary | copying)["copies of training data"].startswith("COPIES (1 of 1)")
    columns = {name: [value] for name, value in (summary | copying).items()}
    view = View(Job("run", "running", ""), columns, None, "evaluation/frechet")
    assert line(view) == "run: round 0, evaluation/frechet 1 (COPIES)"
    narrow = Console(width=80, height=24, file=StringIO())
    narrow.print(picture([view._replace(table=columns | {"evaluation/frechet": [*range(50), 0.0001234]})], narrow))
    assert re.search(r"\(COPIES\) \S\S 0.0001234 *$", narrow.file.getvalue(), re.MULTILINE)  # type: ignore[attr-defined]
