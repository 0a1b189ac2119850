"""What the pages of runs and of comparisons say: pure functions of a run directory's files."""

import csv
import io
import json
import math
import random
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import yaml
from helpers.run_directories import write_run, write_sweep
from PIL import Image

from gan_lab.cli.compare import compare
from gan_lab.cli.report import gather, main
from gan_lab.cli.status import Job
from gan_lab.errors import UserError
from gan_lab.evaluation.comparison import Cell, Comparison
from gan_lab.io.sample_grids import spread
from gan_lab.metrics.estimates import estimate
from gan_lab.report import page
from gan_lab.report.callback import Report
from gan_lab.report.comparison import ranking, rows_of
from gan_lab.report.configuration import ABSENT, differences, masked
from gan_lab.report.curves import POINTS, band, charts, read_table
from gan_lab.report.parallel import axes, axis_of_figure, axis_of_knob
from gan_lab.report.pictures import SIDE, frames
from gan_lab.report.run import commands_of, data_of, doubts_of, figures_of, page_of, procedures_of, read_run, state_of

NASTY = "</script><script>alert(1)</script> & <!-- \u2028 \u2029 ]]> \" ' \\ é 漢"


# --- the data of the page ------------------------------------------------------------------------------------------


def test_embedded_data_are_the_same_data_and_cannot_end_their_element() -> None:
    data = {NASTY: [NASTY, {"deep": NASTY}], "number": 0.5, "none": None}
    text = page.embedded(data)
    assert json.loads(text) == data
    assert not set("<>&\u2028\u2029") & set(text)


def test_numbers_that_json_lacks_become_null() -> None:
    assert json.loads(page.embedded([math.nan, math.inf, -math.inf, 1.0])) == [None, None, None, 1.0]


def test_a_page_without_the_extra_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page._plotly.cache_clear()
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"report: needs pip install 'gan_lab\[report\]'"):
        page.render("run.html", {})
    page._plotly.cache_clear()


# --- curves --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "most"), [(0, 5), (1, 2), (5, 5), (6, 5), (1000, 7)])
def test_what_is_spread_has_the_first_and_the_last_in_order(n: int, most: int) -> None:
    kept = spread(list(range(n)), most)
    assert kept == sorted(set(kept)) and len(kept) == min(n, most)
    assert n == 0 or (kept[0], kept[-1]) == (0, n - 1)


def test_a_table_is_read_back_without_what_is_no_number_and_a_row_that_is_being_written(tmp_path: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["round", "images", "a", "b"], [1, 64, 0.5, ""], [2, 128, "nan", -1], [3, 192, 0.25, 2]])
    (tmp_path / "metrics.csv").write_text(text.getvalue() + "4")
    assert read_table(tmp_path / "metrics.csv") == {"a": ([1, 3], [0.5, 0.25]), "b": ([2, 3], [-1.0, 2.0])}
    assert read_table(tmp_path / "none.csv") == {}


def test_each_figure_that_moves_has_a_curve_of_bounded_length() -> None:
    rounds = list(range(1, 5000))
    table = {
        "d/loss": (rounds, [1.0] * 4999),
        "g/loss": (rounds, [float(n) for n in rounds]),
        "x": ([1, 2], [1.0, 2.0]),
    }
    costs, other = charts(table | {"still": ([1, 2], [1.0, 1.0])})
    assert [curve.name for curve in costs.curves] == ["D", "G"] and other.title == "x"
    assert all(len(curve.x) == len(curve.y) == POINTS for curve in costs.curves)
    assert (costs.curves[1].x[0], costs.curves[1].x[-1]) == (1, 4999)


def test_a_scale_is_logarithmic_only_where_all_values_are_positive() -> None:
    (positive,) = charts({"equilibrium/energy": ([1, 2], [0.1, 1.0])})
    (crossing,) = charts({"equilibrium/energy": ([1, 2], [-0.1, 1.0])})
    assert positive.logarithmic and not crossing.logarithmic


def test_a_band_holds_every_run_at_the_rounds_that_all_logged() -> None:
    curve = band("a", [([1, 2, 3], [1.0, 2.0, 3.0]), ([2, 3, 4], [4.0, 3.0, 9.0])])
    assert (curve.x, curve.y, list(curve.low), list(curve.high)) == ([2, 3], [3.0, 3.0], [2.0, 3.0], [4.0, 3.0])
    alone = band("a", [([1, 2], [1.0, 2.0])])
    assert (alone.y, list(alone.low)) == ([1.0, 2.0], [])


# --- knobs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[1.0, 3.0, 2.0], [1e-5, 1e-2, 1e-3], [-1e308, 1e308, 0.0], [5.0, 5.0]])
def test_places_on_an_axis_are_ordered_as_the_numbers_are(values: list[float]) -> None:
    axis = axis_of_figure("a", [*values, math.nan])
    places = [place for place in axis.places if place is not None]
    assert axis.places[-1] is None and len(places) == len(values)
    assert all(0 <= place <= 1 for place in places)
    assert sorted(values) == [value for _, value in sorted(zip(places, values, strict=True))]
    assert all(0 <= place <= 1 for place, _ in axis.ticks)


def test_words_stand_side_by_side_and_numbers_to_scale() -> None:
    words = axis_of_knob("loss", ["hinge", None, "minimax"])
    assert len({*words.places}) == 3 and "(default)" in words.texts
    numbers = axis_of_knob("lr", ["1e-4", "1e-2", None])
    assert numbers.places == [0.0, 1.0, None]


def test_only_knobs_that_differ_have_an_axis_and_figures_follow() -> None:
    found = axes([{"loss": "hinge", "a": "1"}, {"loss": "hinge", "a": "2"}], [{"fid": 1.0}, {}])
    assert [(axis.name, axis.is_figure) for axis in found] == [("a", False), ("fid", True)]
    many = axes([{f"k{n}": str(i) for n in range(40)} for i in range(2)], [{f"f{n}": 1.0 for n in range(40)}] * 2)
    assert len(many) == 12 and sum(axis.is_figure for axis in many) == 6


# --- configuration -------------------------------------------------------------------------------------------------


def test_differences_are_all_and_only_the_keys_that_differ() -> None:
    rng = random.Random(0)
    for _ in range(20):
        one, other = ({f"k{n}": {"v": rng.randrange(2)} for n in rng.sample(range(9), 6)} for _ in range(2))
        found = {each.key: (each.default, each.value) for each in differences(other, one)}
        keys = {f"{k}.v" for k in one.keys() | other.keys() if one.get(k) != other.get(k)}
        assert found.keys() == keys and differences(one, one) == []
        assert {key: pair[::-1] for key, pair in found.items()} == {
            each.key: (each.default, each.value) for each in differences(one, other)
        }


def test_secrets_are_not_shown_and_absence_is_told_from_null() -> None:
    (secret, word) = differences({"logger": {"api_key": "hunter2"}, "x": None}, {"logger": {"api_key": "a"}})
    assert "hunter2" not in str(secret) and (word.default, word.value) == (ABSENT, "null")


# --- a run ---------------------------------------------------------------------------------------------------------


SCORES = {
    "score/k1/frechet": 1.5,
    "score/k1/frechet/error": 0.1,
    "score/k1/procedure/n": 1000,
    "score/k1/generator": "f",
}


def test_each_score_stands_beside_its_procedure() -> None:
    first, *_ = figures_of(SCORES | {"rounds": 10, "d/loss": 1.0, "min/d/loss": 0.5})
    assert (first.name, first.value, first.procedure) == ("frechet", 1.5, "k1") and "0.1" in first.interval
    assert procedures_of(SCORES) == {"k1": "n 1000"}


def test_a_figure_of_an_earlier_round_says_of_which() -> None:
    (figure,) = figures_of({"audit/auc": 0.5, "audit/auc/low": 0.4, "audit/auc/high": 0.6, "as_of/audit/auc": 7})
    assert (figure.interval, figure.procedure) == ("[0.4, 0.6]", "of round 7")


def test_the_state_of_a_run_is_what_its_files_say(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run"))
    assert state_of(run, 500).startswith("finished after 500 rounds, 32,000 images, 12.5 s")
    assert state_of(run._replace(summary={}), 40).startswith("round 40 of 500")
    assert state_of(run, 501).startswith("round 501 of 500")  # it goes on, and the summary is of before
    assert state_of(run._replace(summary=run.summary | {"finished": False}), 9).startswith("stopped after 500")
    assert state_of(run._replace(failure="it diverged"), 9) == "failed after round 9"


def test_only_ones_own_run_says_how_to_repeat_it_and_a_shell_reads_that_as_words(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", ["loss=hinge", "data.root=$(touch x); `y`"]))
    commands = commands_of(run)
    assert commands["repeat it"].startswith("gan-lab train loss=hinge 'data.root=$(touch x); `y`' seed=0")
    assert commands["go on with it"].endswith("rounds=1000")
    theirs = commands_of(read_run(write_run(tmp_path / "theirs", own=False)))
    assert theirs.keys() == {"draw samples", "score it"}


def test_what_speaks_against_a_score_stands_on_the_page(tmp_path: Path) -> None:
    doubt = "looked at 1,000 of 60,000 training images <b>"
    summary = {"score__p-1__copying": 0.0, "score__p-1__doubts": doubt, "score__p-1__procedure__doubts": "no"}
    run = read_run(write_run(tmp_path / "run", **summary))
    assert doubts_of(run.summary) == {"p-1": doubt}
    assert "Doubt of p-1: looked at 1,000 of 60,000 training images &lt;b&gt;." in page_of(run)


def test_a_run_that_ended_early_goes_on_with_more_patience(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", rounds=50))
    config = run.config | {"callbacks": {"early_stopping": {"patience": 10}}}
    told = commands_of(run._replace(config=config, summary=run.summary | {"rounds": 50}))["go on with it"]
    assert told.endswith(" rounds=1000 callbacks.early_stopping.patience=20")
    whole = commands_of(run._replace(config=config, summary=run.summary | {"rounds": 500}))["go on with it"]
    assert whole.endswith(" rounds=1000")


def test_pictures_are_bounded_in_number_and_size_and_damaged_ones_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    for n in range(1, 40):
        Image.new("RGB", (4, 4)).save(folder / f"round_{n:06d}.png")
    Image.new("RGB", (3000, 10)).save(folder / "round_000001.png")
    (folder / "round_000039.png").write_bytes(b"<svg onload='alert(1)'>")
    (tmp_path / "secret.png").write_bytes((folder / "round_000002.png").read_bytes())
    (folder / "round_000040.png").symlink_to(tmp_path / "secret.png")
    found = frames(tmp_path, 40)
    assert [frame.round for frame in found] == list(range(1, 39))
    assert [frame.round for frame in frames(tmp_path, 3)] == [1, 21]
    assert all(frame.source.startswith("data:image/webp;base64,") for frame in found)
    assert SIDE < 3000 and len(found[0].source) < 4000


# --- a comparison --------------------------------------------------------------------------------------------------


def test_a_row_is_the_estimate_over_seeds_and_the_best_row_is_first() -> None:
    values = {"a": {0: 3.0, 1: 5.0}, "b": {0: 1.0, 1: 2.0}}
    cells = [Cell(label, "fid", "k", seeds) for label, seeds in values.items()]
    for best, order in (("lower", ["b", "a"]), ("higher", ["a", "b"]), (1.5, ["b", "a"]), (None, ["a", "b"])):
        comparison = Comparison(cells, {"k": {"best/fid": best}}, [])
        assert ranking(comparison, ["a", "b", "unscored"]) == [*order, "unscored"]
        for row in rows_of(comparison):
            e = estimate(list(values[row.label].values()))
            assert (row.seeds, row.cells) == (2, [(e.mean, f"{e.mean:.4g} ± {e.half_width:.2g}")])


def test_a_sweep_is_gathered_with_what_it_reported_itself(tmp_path: Path) -> None:
    root = write_sweep(tmp_path / "sweep", pictures=1, rows=3)
    first, *_ = sorted(root.glob("*/summary.json"))
    first.write_text("{")  # of one run, which must not keep the others from being shown
    members, runs = gather([root], {})
    assert len(members) == 12 and len(runs) == 11
    (broken,) = [member for member in members if member.state == "failed"]
    assert "not JSON" in broken.note
    assert {member.label for member in members} - {broken.label} == {
        f"loss={loss} optimizer.lr={rate}" for loss in ("hinge", "minimax") for rate in ("0.0002", "0.001")
    }
    assert {*members[0].figures} == {"audit/auc", "equilibrium/energy", "equilibrium/diversity"}


# --- the command and the callback ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: no run directory"),
        (["run", "out=page.txt"], "out=page.txt: must end in .html"),
        (["run", "outt=page.html"], "outt: no such option; did you mean out?"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}") and error.count("\n") == 1


def test_a_run_that_plays_can_be_looked_at_and_is_left_as_it_is(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    (run / "summary.json").unlink()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert main([str(run)]) == 0 and main([str(run), f"out={tmp_path / 'there.html'}"]) == 0
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert after.keys() - before.keys() == {run / "report.html"} and before.items() <= after.items()
    assert "no end yet" in (tmp_path / "there.html").read_text()


def test_a_page_that_cannot_be_written_costs_a_line_and_no_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gan: Any = SimpleNamespace(trainer=SimpleNamespace())
    Report(str(tmp_path)).close(gan)  # it has no data, and the directory holds no run
    error = capsys.readouterr().err
    assert error.startswith("no report: ") and error.count("\n") == 1


def test_a_run_ends_with_its_page(composed: Any, tmp_path: Path) -> None:
    from gan_lab.experiment.run import play

    settings = ["model=mlp", "model.hidden=[8]", "data=ring", "rounds=2", "data.batch_size=8"]
    assert play(composed(*settings, "callbacks=[metrics,report]", small=False), settings) == 0
    text = (tmp_path / "report.html").read_text()
    assert "model=mlp model.hidden=[8]" in text and "model.generator.hidden" in text
    assert 'alt="Real samples"' in text and len(text) < 5_000_000


# --- what people have found --------------------------------------------------------------------------------------


def test_figures_of_an_audit_of_other_size_have_a_column_of_their_own(tmp_path: Path) -> None:
    for n, place in ((100.0, "small"), (1000.0, "large")):
        write_run(tmp_path / place, [f"callbacks.audit.n={n:.0f}"], audit__n=n, audit__seen=1.0, pictures=0, rows=2)
    members, runs = gather([tmp_path], {})
    assert {key for run in runs for name, key in run.scores if name == "audit/auc"} == {
        "(the run's own, n 100, seen 1)", "(the run's own, n 1000, seen 1)"
    }  # fmt: skip
    assert runs[0].procedures["(the run's own, n 1000, seen 1)"]["n"] == 1000.0
    assert all("equilibrium/energy" in member.figures for member in members)


def test_jobs_of_one_name_in_two_sweeps_are_two(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / sweep / "seed=0", pictures=0, rows=2) for sweep in "ab"]
    jobs = {runs[0]: Job("seed=0", "done", ""), runs[1]: Job("seed=0", "failed", "NaN")}
    members, _ = gather([tmp_path / "a", tmp_path / "b"], jobs)
    assert [member.state for member in members] == ["done", "failed"]


def test_a_sweep_whose_jobs_all_failed_early_has_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = tmp_path / "sweep" / "seed=0" / "failure.txt"
    failure.parent.mkdir(parents=True)
    failure.write_text("error: no such data")
    assert main([str(tmp_path / "sweep")]) == 0
    assert "no such data" in (tmp_path / "sweep" / "report.html").read_text()
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty")]) == 2
    assert "empty: no run directory (no run.yaml in it or below)" in capsys.readouterr().err


def test_the_count_of_classes_is_of_all(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", classes=[f"c{n}" for n in range(250)], pictures=0, rows=2)
    assert main([str(run)]) == 0
    text = (run / "report.html").read_text()
    assert "250 classes" in text and "c199<" in text and "c200<" not in text and "(the first 200)" in text


@pytest.mark.parametrize("text", ["classes: [[a, .inf]]", "classes: [[a, 1, 2]]", "classes: 3"])
def test_data_that_are_not_described_are_not_known(text: str) -> None:
    assert data_of({"data": {"samples": 1, "digest": "d", **yaml.safe_load(text)}}) is None


def test_figures_too_large_to_square_are_a_damaged_file(tmp_path: Path) -> None:
    for seed, value in enumerate((1e200, -1e200)):
        write_run(tmp_path / f"{seed}", seed=seed, audit__auc=value, pictures=0, rows=2)
    write_run(tmp_path / "2", seed=2, pictures=0, rows=2, **SCORES | {"score/k1/frechet": 1e299})
    members, runs = gather([tmp_path], {})
    assert compare(runs).cells and all(name != "audit/auc" for run in runs for name, _ in run.scores)
    assert [member.note[-27:] for member in members if member.state == "failed"] == ["st be a number below 1e+150"]


@pytest.mark.parametrize(
    ("override", "shown"),
    [
        ("logger.wandb.api_key=hunter2", "logger.wandb.api_key=(not shown)"),
        ("+logger.mine={password: hunter2}", "+logger.mine=(not shown)"),
        ("logger.mine.token='${oc.env:TOKEN}'", "logger.mine.token='${oc.env:TOKEN}'"),
        ("logger.mine.token=${oc.env:A}hunter2${oc.env:B}", "logger.mine.token=(not shown)"),
        ("model=tokens", "model=tokens"),
    ],
)
def test_secrets_of_the_command_line_are_not_shown(override: str, shown: str, tmp_path: Path) -> None:
    assert masked(override) == shown
    run = read_run(write_run(tmp_path / "run", [override], pictures=0, rows=2))
    assert "hunter2" not in str(run.overrides) + str(commands_of(run))


def test_a_stopped_run_goes_at_once_and_has_no_page(composed: Any, tmp_path: Path) -> None:
    from gan_lab.callbacks.stopping import Interruption
    from gan_lab.experiment.run import play

    class Signalled(pl.Callback):
        intervals = ()

        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            (interruption,) = (each for each in trainer.callbacks if isinstance(each, Interruption))
            interruption.signal = signal.SIGUSR1
            trainer.should_stop = True

    settings = ["model=mlp", "model.hidden=[8]", "data=ring", "rounds=9", "data.batch_size=8"]
    config = composed(*settings, "callbacks=[metrics,report]", small=False)
    assert play(config, settings, [Signalled()]) == 128 + signal.SIGUSR1
    assert (tmp_path / "summary.json").exists() and not (tmp_path / "report.html").exists()
