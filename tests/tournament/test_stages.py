"""A tournament's directory between its starts: what may change, whose it is, and what is played again."""

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.run_directories import write_run

from gan_lab.cli.ablate import Options as AblateOptions
from gan_lab.cli.ablate import main as ablate
from gan_lab.cli.ablate import run_page
from gan_lab.cli.acts import inspect
from gan_lab.cli.stage_checks import check_comparable
from gan_lab.cli.stage_overrides import settings_of, watching
from gan_lab.cli.stages import Stages
from gan_lab.cli.tournament import Options, divided, hold
from gan_lab.errors import UserError
from gan_lab.evaluation.evaluator import VERSION
from gan_lab.io.ownership import write_own
from gan_lab.tournament.option import write_option
from gan_lab.tournament.page import TournamentPage, parse_page, read_page
from gan_lab.tournament.plan import Cost, entries
from gan_lab.tournament.state import KEYS, read_run

PAGE: dict[str, Any] = {
    "contestants": {"ns": ["loss=non_saturating"], "hinge": ["loss=hinge"]},
    "budget": {"rounds": 100},
    "search": {"trials": 2},
    "seeds": 3,
    "evaluation": {"metric": "mmd"},
}


def stages(place: Path, **changes: Any) -> Stages:
    return Stages(parse_page(PAGE | changes, "page"), place)


def started(place: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[str]:
    """Which rehearsals a start plays."""
    played = []

    def rehearse(folders: list[Path], name: str, there: Path, page: TournamentPage, of: str) -> int:
        played.append(name)
        there.mkdir(parents=True, exist_ok=True)
        cost = {"flops": 1.0, "images": 2.0, "seconds": 0.1, "scoring": 1.0, "of": of}
        (there / "cost.json").write_text(json.dumps(cost))
        return 0

    monkeypatch.setattr(Stages, "_child", lambda self, act, is_own=False: act())
    monkeypatch.setattr("gan_lab.cli.stages.rehearse", rehearse)
    stages(place, **changes).begin()
    return played


def test_a_page_may_change_until_runs_are_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert started(tmp_path, monkeypatch) == ["ns-00", "hinge-00"]
    assert started(tmp_path, monkeypatch, until="decided", seeds=8, question="order") == []
    other = PAGE["contestants"] | {"hinge": ["loss=hinge", "optimizer.lr=0.1"]}
    assert started(tmp_path, monkeypatch, contestants=other) == ["hinge-00"]  # what was rehearsed is another now
    metric = {"metric": "mmd", "n": 500}
    assert started(tmp_path, monkeypatch, evaluation=metric) == ["ns-00", "hinge-00"]
    (tmp_path / "final").mkdir()
    assert started(tmp_path, monkeypatch, evaluation=metric, power=0.9) == []
    for change in ({"question": "order"}, {"seeds": 4}):
        with pytest.raises(UserError, match=rf"holds a tournament with other {next(iter(change))}; give this one a"):
            started(tmp_path, monkeypatch, **{"evaluation": metric} | change)


def test_the_kept_page_is_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for until in ("all", "decided"):
        place = tmp_path / until
        started(place, monkeypatch, seeds=8, until=until)
        (place / "final").mkdir()
        kept = (place / "page.yaml").read_text()
        Stages(read_page(place / "page.yaml"), place).begin()
        assert (place / "page.yaml").read_text() == kept


def test_a_directory_of_an_earlier_version_that_looks_once_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(tmp_path, monkeypatch)
    (tmp_path / "final").mkdir()
    file = tmp_path / "page.yaml"
    write_own(file, "".join(line for line in file.read_text().splitlines(True) if not line.startswith("rule:")))
    assert started(tmp_path, monkeypatch) == []


def test_a_rehearsal_that_fails_took_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a trial, which has its contestant's cost."""
    started(tmp_path, monkeypatch)
    (tmp_path / "output.txt").touch()
    monkeypatch.setattr(Stages, "_child", lambda self, act, is_own=False: time.sleep(0.01))
    one = stages(tmp_path)
    one.costs["ns"], entry = Cost(1.0, 2.0, 0.1), entries(one.page, trials=False)[0]
    assert one._rehearsed(entry._replace(costed="ns-01"))["whole"] >= 0.01


def test_a_directory_of_other_rules_of_looking_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier version, which noted no rule, shared the error rate equally."""
    one = {"seeds": 8, "until": "decided"}
    started(tmp_path, monkeypatch, **one)
    (tmp_path / "final").mkdir()
    assert started(tmp_path, monkeypatch, **one) == []
    file = tmp_path / "page.yaml"
    write_own(file, "".join(line for line in file.read_text().splitlines(True) if not line.startswith("rule:")))
    with pytest.raises(UserError, match=r"with other looks \(of another version of the lab\); give this one a dir of"):
        started(tmp_path, monkeypatch, **one)


def test_a_search_by_a_figure_that_depends_on_the_number_needs_as_many(tmp_path: Path) -> None:
    for figure in ({"metric": "vendi", "n": 2000}, {"metric": "vendi", "n": 2000, "validation_n": 500}):
        with pytest.raises(UserError, match=r"vendi is best near what real samples get, .* as many as n=2000$"):
            stages(tmp_path, evaluation=figure)
        stages(tmp_path, evaluation=figure, search=None)
        with pytest.raises(UserError, match=r"as many as n=2000$"):  # combinations of factors are chosen by it, too
            Stages(parse_page(PAGE | {"evaluation": figure, "search": None}, "page"), tmp_path, chooses=True)
    stages(tmp_path, evaluation={"metric": "vendi", "n": 500, "validation_n": 500})


def test_a_search_of_optuna_s_that_was_cut_short_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = stages(tmp_path, search={"trials": 2, "sampler": "tpe", "space": {"optimizer.lr": {"low": 0.1, "high": 1}}})
    (entry, _), one.costs["ns"] = entries(one.page, trials=False), Cost(1.0, 2.0, 0.1)
    (tmp_path / "output.txt").write_text("error: of an earlier start\n")

    def broken(self: Stages, *_: object) -> None:
        self._said = (tmp_path / "output.txt").stat().st_size
        with (tmp_path / "output.txt").open("ab") as log:
            log.write(b"\xff\nerror: the disk is full\n")

    monkeypatch.setattr(Stages, "_train", broken)
    with pytest.raises(UserError, match=r"search/ns: 0 of 2 trials have ended; the disk is full$"):
        one._optuna(entry)
    one.retry = True
    with pytest.raises(UserError, match=r"^retry=true: a trial of Optuna's that has failed stays one"):
        one.play()


@pytest.mark.parametrize(
    "asked, names",
    [
        (["loss=hinge"], "default,evaluation"),
        (["callbacks=[metrics, checkpoint]"], "metrics,checkpoint,evaluation"),
        (["+callbacks=[default,jacobian]"], "default,jacobian,evaluation"),
        (["callbacks=metrics"], "metrics,evaluation"),
        (["callbacks=[metrics]", "callbacks=[]"], "evaluation"),
        (["callbacks=null"], "evaluation"),
        (["experiment=mnist_500"], "default,overfitting,evaluation"),
        (["experiment=mnist_500", "callbacks=[metrics]"], "metrics,evaluation"),
        (["experiment=ring"], "default,evaluation"),
    ],
)
def test_a_contestant_keeps_its_callbacks(asked: list[str], names: str) -> None:
    assert watching(asked, "mmd", "auto")[0] == f"callbacks=[{names}]"


def test_an_experiment_of_ones_own_keeps_its_callbacks_and_loggers(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    chosen = "defaults: [{override /callbacks: [default, jacobian]}, {override /logger: wandb}]"
    (tmp_path / "experiment" / "mine.yaml").write_text(chosen)
    for name, base in (("more", "/experiment/mine@_global_"), ("most", "more")):
        (tmp_path / "experiment" / f"{name}.yaml").write_text(f"defaults: [{base}, _self_, {{override /model: mlp}}]")
        assert watching([f"experiment={name}"], "mmd", "auto", [tmp_path])[0].endswith("[default,jacobian,evaluation]")
    callbacks, logger, *_ = watching(["experiment=mine"], "mmd", "auto", [tmp_path])
    assert (callbacks, logger) == ("callbacks=[default,jacobian,evaluation]", "logger=[wandb,csv]")


@pytest.mark.parametrize(
    "asked, names",
    [([], "csv"), (["logger=null"], "csv"), (["logger=wandb"], "wandb,csv"), (["logger=[csv,wandb]"], "wandb,csv")],
)
def test_what_validation_is_read_from_is_written_whatever_watches(asked: list[str], names: str) -> None:
    assert watching(asked, "mmd", "auto")[1] == f"logger=[{names}]"


def test_a_trial_without_validation_is_no_trial(tmp_path: Path) -> None:
    one, run = stages(tmp_path), read_run(tmp_path / "search" / "ns-00", 10, "mmd")
    with pytest.raises(UserError, match=r"ns-00: has no mmd in metrics.csv, by which a trial is chosen$"):
        one._chosen("ns", [run._replace(failure="NaN"), run])
    assert one._chosen("ns", [run, run._replace(validation={10: 0.5})]) == 1  # it ended before it was looked at


LR = {"optimizer.lr": {"low": 0.1, "high": 1}}


def test_optuna_searches_what_leaves_a_round_s_cost_alone(tmp_path: Path) -> None:
    search = {"trials": 2, "sampler": "tpe", "space": LR}
    stages(tmp_path, search=search)
    for key in ("data.batch_size", "model.hidden", "term@d_terms"):
        costly = search | {"space": LR | {key: {"choices": ["[r1]"]}}}
        with pytest.raises(UserError, match=rf"^search\.sampler=tpe: {key} alters what a round costs, .*; take random"):
            stages(tmp_path, search=costly, budget={"flops": 1e9})
        stages(tmp_path, search=costly)  # rounds cost what they cost
    with pytest.raises(UserError, match=r"^search\.sampler=tpe: vendi is neither best low nor high; take random$"):
        stages(tmp_path, search=search, evaluation={"metric": "vendi", "n": 500, "validation_n": 500})


def test_what_a_trial_of_optuna_s_was_given_is_found_as_the_page_spells_it(tmp_path: Path) -> None:
    given = ["experiment=ns", "seed=1000", "term@d_terms=[r1]", "+optimizer.eps=0.1", "optimizer.lr=0.2"]
    (tmp_path / "overrides.yaml").write_text(json.dumps(given))
    found = settings_of(tmp_path, ["term@d_terms", "+optimizer.eps", "optimizer.lr"])
    assert found == {"term@d_terms": ["r1"], "+optimizer.eps": 0.1, "optimizer.lr": 0.2}
    with pytest.raises(UserError, match=r"was not given optimizer\.beta, which the search draws$"):
        settings_of(tmp_path, ["optimizer.beta"])


def test_a_setting_of_the_search_that_cannot_act_is_told_before_a_budget_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One trial of each choice of values is composed, and what a child says of them is told."""
    seen: list[list[str]] = []

    def inspect(folders: list[Path], trials: list[list[str]], place: Path, unit: str) -> int:
        seen.extend(trials)
        assert unit == "rounds"
        (tmp_path / "output.txt").write_text("error: ns-01: optimizer.lrr: nothing reads it; did you mean lr?\n")
        return 2

    monkeypatch.setattr(Stages, "_child", lambda self, act, is_own=False: act())
    monkeypatch.setattr("gan_lab.cli.stages.inspect", inspect)
    space = {"optimizer.lrr": {"low": 0.1, "high": 1}, "loss.smoothing": {"choices": [0.8, 0.9]}}
    for search in ({"trials": 9}, {"trials": 9, "sampler": "tpe"}):
        seen.clear()
        with pytest.raises(UserError, match=r"^search: ns-01: optimizer\.lrr: nothing reads it; did you mean lr\?$"):
            stages(tmp_path, search={"space": space, **search}).begin()
        assert [len(names) for names in seen] == [2, 2] and seen[1][0].startswith("hinge-")
    with pytest.raises(UserError, match="nothing reads it"):
        stages(tmp_path, search={"space": space, "trials": 1}).begin()


def test_a_trial_of_settings_that_do_not_go_together_fails_and_one_that_costs_otherwise_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, overrides in {
        "fits": ["loss=hinge"],
        "broken": ["optimizer.lrr=1"],
        "balanced": ["update=balanced"],
    }.items():
        write_option(tmp_path, name, ["model=mlp", "data=ring", *overrides], rounds=3)
    place = tmp_path / "run"
    assert inspect([tmp_path], [["fits"], ["broken", "fits"]], place, "flops") == 0
    assert inspect([tmp_path], [["fits"], ["broken"]], place, "flops") == 2
    assert "error: broken: optimizer.lrr: nothing reads it" in capsys.readouterr().err
    assert inspect([tmp_path], [["fits", "balanced"]], place, "rounds") == 0
    assert inspect([tmp_path], [["fits", "balanced"]], place, "images") == 2
    assert "error: balanced: budget.images: a round of this update" in capsys.readouterr().err


def test_what_was_played_by_a_rehearsal_goes_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an earlier version of the lab has noted of it, and whatever is refused since."""
    started(tmp_path, monkeypatch)
    for file in tmp_path.glob("rehearsal/*/cost.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"of": "another version's", "flops": 7.0}))
    (tmp_path / "final").mkdir()
    assert started(tmp_path, monkeypatch) == []
    one = stages(tmp_path)
    one.begin()
    assert {cost.flops for cost in one.costs.values()} == {7.0}


def rehearsed(place: Path, name: str, **procedure: Any) -> None:
    (place / name).mkdir(parents=True)
    facts = {"version": VERSION, "features": "pixels", "data": "0a", "n_real": 100} | procedure
    summary = {f"score/k/procedure/{key}": value for key, value in facts.items()}
    (place / name / "summary.json").write_text(json.dumps(summary))
    (place / name / KEYS).write_text(json.dumps({"figure": "k"}))


def test_figures_by_other_yardsticks_are_not_compared(tmp_path: Path) -> None:
    rehearsed(tmp_path, "a")
    rehearsed(tmp_path, "b", sampling="truncation 0.7")  # how a contestant samples is its own affair
    check_comparable(tmp_path, ["a", "b", "failed"])
    for name, procedure, what in (
        ("c", {"features": "efficientnet"}, r"in other features \(efficientnet and pixels\)"),
        ("d", {"data": "1b"}, r"by other real samples \(1b and 0a\)"),
        ("e", {"n_real": 90}, r"by another number of real samples \(90 and 100\)"),
    ):
        rehearsed(tmp_path, name, **procedure)
        with pytest.raises(UserError, match=rf"^{name}: its figures would not be comparable with those of a: {what};"):
            check_comparable(tmp_path, ["a", "b", name])


def test_a_rehearsal_that_is_not_whole_is_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(tmp_path, monkeypatch)
    file = tmp_path / "rehearsal" / "ns" / "cost.json"
    found = json.loads(file.read_text())
    for damaged in ({"scoring": 1.0}, found | {"flops": -1}, found | {"flops": "many"}, found | {"seconds": math.inf}):
        file.write_text(json.dumps(damaged))
        assert started(tmp_path, monkeypatch) == ["ns-00"]


def test_a_strangers_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(tmp_path / "own", monkeypatch)
    (tmp_path / "own" / ".signatures").unlink()
    (tmp_path / "played" / "final").mkdir(parents=True)
    for name in ("own", "played"):
        with pytest.raises(UserError, match=r"page.yaml: is not of a tournament of yours; give this one a dir of its"):
            started(tmp_path / name, monkeypatch)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "page.yaml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"is a link that leads out of"):
        started(tmp_path / "linked", monkeypatch)
    assert not (tmp_path / "elsewhere").exists()


def test_only_this_starts_options_lie_where_the_sweep_looks(tmp_path: Path) -> None:
    stray = tmp_path / "pages" / "final" / "hydra" / "launcher" / "basic.yaml"
    stray.parent.mkdir(parents=True)
    stray.write_text("_target_: os.system\n")
    one = stages(tmp_path)
    for entry in entries(one.page, trials=False):
        pages = one._write("final", entry, 10)
    assert [path.name for path in sorted(pages.rglob("*.yaml"))] == ["hinge.yaml", "ns.yaml"]


def test_a_retry_plays_failures_of_one_stage_once(tmp_path: Path) -> None:
    """The final runs have the settings that the search has chosen: it is not to choose others once there are some."""
    failures = [tmp_path / stage / "a" / "failure.txt" for stage in ("search", "final")]
    for failure in failures:
        failure.parent.mkdir(parents=True)
        failure.write_text("NaN")
    stages(tmp_path)._forget_failures()
    assert [failure.exists() for failure in failures] == [True, False]
    shutil.rmtree(tmp_path / "final")
    stages(tmp_path)._forget_failures()
    assert not failures[0].exists()


def test_folders_of_ones_own_parts_go_with_the_sweeps(tmp_path: Path) -> None:
    given = ["plan=true", "--config-dir", str(tmp_path), "hydra/launcher=joblib", "--plan"]
    assert divided(given) == (["plan=true", "plan=true"], ["hydra/launcher=joblib"], [tmp_path])
    with pytest.raises(UserError, match=r"--config-dir=.*none: no such folder"):
        divided([f"--config-dir={tmp_path / 'none'}"])


def test_a_strangers_run_is_ablated_by_its_options_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run.1", ["loss=hinge", "g_terms.x={_target_:os.system,command:id}"], own=False)
    assert ablate([str(run), "parts=[loss]"]) == 2
    assert "is not of a run of yours, and asks for 'g_terms.x={_target_" in capsys.readouterr().err
    run = write_run(tmp_path / "run.2", ["loss=hinge", "data=images", "data.root=/home"], own=False)
    assert ablate([str(run), "parts=[loss]"]) == 2
    assert "so say where its data lie here: data.root=FOLDER" in capsys.readouterr().err
    page = run_page(run, AblateOptions(parts="[loss]"), ["data.root=here"])
    assert page.common == ["data=images", "data.root=here"] and page.parts == {"loss": ["loss=hinge"]}


def test_the_directory_is_named_after_the_run_or_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    held: list[Path] = []

    def refuse(directory: Path) -> None:
        held.append(directory)
        raise UserError("no more")

    monkeypatch.setattr("gan_lab.cli.tournament.exclusive", refuse)
    (tmp_path / "run.1").mkdir()
    monkeypatch.chdir(tmp_path / "run.1")
    once = parse_page(PAGE, "page")
    with pytest.raises(UserError, match=r"^page\.v2\.yaml: until=decided: one look is all that seeds=3"):
        hold(Path("page.v2.yaml"), once, Options(until="decided"), [], [])
    for path in (Path(), Path("page.v2.yaml")):
        with pytest.raises(UserError, match="no more"):
            hold(path, parse_page(PAGE, "page"), Options(), [], [])
    assert [directory.name for directory in held] == ["run.1", "page.v2"]
