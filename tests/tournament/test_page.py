"""Page and plan of a tournament: what is refused, what is drawn, how long each run is, and what a sweep is given."""

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from gan_lab.cli.tournament import main
from gan_lab.config.compose import compose_experiment
from gan_lab.config.conf import CONF
from gan_lab.errors import UserError
from gan_lab.tournament.ablation import as_tournament, contestants_of, page_of_run
from gan_lab.tournament.factors import as_tournament as crossed
from gan_lab.tournament.option import write_option
from gan_lab.tournament.page import parse_page, read_page, spelt
from gan_lab.tournament.plan import Cost, chosen, draw, entries, jobs_left, rounds_of

SPACE = {"optimizer.lr": {"low": 1e-4, "high": 1e-2, "log": True}}
PAGE: dict[str, Any] = {
    "common": ["data=ring"],
    "contestants": {
        "ns": ["loss=non_saturating"],
        "hinge": {"overrides": ["loss=hinge"], "space": {"model.hidden": {"choices": [[8], [16, 16]]}}},
    },
    "budget": {"flops": 1.2e6},
    "search": {"trials": 4, "length": 0.5, "space": SPACE},
    "seeds": 4,
    "evaluation": {"metric": "mmd"},
}
CONTESTANT = {"overrides": ["loss=hinge"]}


LOSSES: dict[str, Any] = {"ns": ["loss=non_saturating"], "hinge": {"overrides": ["loss=hinge"], "space": SPACE}}
FACTORS: dict[str, Any] = {"loss": LOSSES, "penalty": {"none": [], "r1": ["term@d_terms=[r1]"]}}


def by(**factors: Any) -> dict[str, Any]:
    return {"contestants": {}, "factors": factors}


def ablating(**parts: Any) -> dict[str, Any]:
    return {"contestants": {}, "parts": parts}


def searching(key: str, choices: list[Any]) -> dict[str, Any]:
    return {"search": {"trials": 8, "space": {key: {"choices": choices}}}}


@pytest.mark.parametrize(
    "change, says",
    [
        ({"search": {"trails": 3}}, "page: search.trails: no such key; did you mean trials? (allowed: length, "),
        ({"sedes": 3}, "page: sedes: no such key; did you mean seeds?"),
        ({"seeds": 2}, "page: seeds: must be greater than or equal to 3"),
        ({"looks": 11}, "page: looks: must be less than or equal to 10"),
        ({"rule": "equal parts"}, "page: rule: is of another version of the lab; must be '0.95 error"),
        ({"budget": {"flops": 1, "rounds": 2}}, "page: budget must have one of flops, images, rounds, seconds"),
        ({"budget": {"hours": 2}}, "page: budget.hours"),
        ({"contestants": {"a": CONTESTANT}}, "page: contestants must be two or more"),
        ({"contestants": {}}, "page: must have contestants, two or more, or factors (a tournament), or parts"),
        ({"contestants": {"a b": [], "c": []}}, "page: 'a b': a name has letters, digits and _"),
        ({"contestants": {"ring": [], "c": []}}, "page: ring: is an experiment of the lab; give it another name"),
        ({"question": "worst"}, "page: question=worst: must be one of best, order, ns, hinge"),
        (
            {"until": "decided", "seeds": 5},
            "page: until=decided: one look is all that seeds=5, first_look=5 and looks=3 ",
        ),
        ({"first_seed": 998}, "page: search.seed must be none of the final runs' seeds"),
        ({"evaluation": {"metric": "mmd", "seed": 1}}, "page: evaluation: validation_seed must be another seed"),
        ({"common": ["rounds=7"]}, "page: rounds=7: the tournament sets rounds itself"),
        ({"common": ["hydra/launcher=slurm"]}, "page: hydra/launcher=slurm: the tournament sets hydra itself"),
        ({"common": ["loss._target_=os.system"]}, "page: loss._target_=os.system: a page names no code"),
        ({"common": ["data.root=${oc.env:HOME}"]}, "page: data.root=${oc.env:HOME}: a page names no code, and has no"),
        ({"common": ["logger.wandb.name=$\\{oc.env\\:HOME\\}"]}, "page: logger.wandb.name=$"),
        ({"common": ["loss=../../../tmp/mine"]}, "page: loss=../../../tmp/mine: must name an option"),
        ({"common": ["optimizer@hydra.sweeper=adam"]}, "page: optimizer@hydra.sweeper=adam: the"),
        ({"common": ["+defaults=[x]"]}, "page: +defaults=[x]: the tournament sets defaults itself"),
        (
            {"common": ["g_terms.x={y: [{_target_: os.system}]}"]},
            "page: g_terms.x={y: [",
        ),
        ({"common": ["callbacks.metrics.directory=/tmp"]}, "page: callbacks.metrics.directory=/tmp: a page says of no"),
        ({"common": ["data.cache=/tmp"]}, "page: data.cache=/tmp: a page says of no file or folder but data.root"),
        ({"common": ["seed.x=1,2"]}, "page: seed.x=1,2: is several values; a search has a space for them"),
        (
            searching("g_terms.x", ["{_target_:os.system,command:id}"]),
            "page: g_terms.x={_target_",
        ),
        (searching("g_terms.x", [[{"_target_": "os.system"}]]), "page: g_terms.x="),
        (searching("loss", ["hinge", "/tmp/mine"]), "page: loss=/tmp/mine: must name an option"),
        (
            {"evaluation": {"metric": "mmd", "features": "pixels,x"}},
            "page: evaluation.features: must be the name",
        ),
        ({"copying": {"features": "../mine"}}, "page: copying.features: must be the name of an option"),
        ({"common": ["~schedule"]}, "page: ~schedule: must be key=value"),
        ({"factors": FACTORS}, "page: must have contestants, two or more, or factors (a tournament), or parts"),
        (by(loss=LOSSES), "page: factors must be two or more; the levels of one are contestants"),
        (by(loss=LOSSES, update={"one": []}), "page: factors.update must have two levels or more"),
        (by(loss=LOSSES, update={"a b": [], "c": []}), "page: factors.update: 'a b' is no name, which has letters"),
        (by(loss=LOSSES, update={"a__b": [], "c": []}), "page: factors.update: 'a__b' is no name, which has letters"),
        (
            by(loss=LOSSES, update={1: [], 5: []}),
            "page: factors: 1 is no name, which has letters, digits and _, begins with",
        ),
        (by(loss=LOSSES, ema={True: [], "c": []}), "page: factors: True is no name, which has letters, digits and _"),
        (
            by(loss=LOSSES, update={"a" * 99: [], "c": []}, x={"b" * 99: [], "d": []}),
            "page: factors: the names of levels",
        ),
        (
            by(loss={**LOSSES, "slow": ["optimizer.lr=1e-5"]}, update={"a": [], "c": []}),
            "page: factors.loss.slow: sets optimizer.lr, which search.space draws for all; take one away",
        ),
        (by(loss=LOSSES, update={"a": {"override": []}, "c": []}), "page: factors.update.a.override: no such key"),
        (by(loss=LOSSES, update={"a": ["rounds=3"], "c": []}), "page: rounds=3: the tournament sets rounds itself"),
        (
            by(penalty={"none": [], "r1": ["term@d_terms=[r1]"]}, other={"none": [], "gp": ["term@d_terms=[lecam]"]}),
            "page: factors.penalty and factors.other both set d_terms; given together, only the second would act",
        ),
        (by(**{f"f{i}": {"a": [], "b": []} for i in range(9)}), "page: factors must have at most 128 combinations"),
        (by(loss=LOSSES, update={"a": [], "b": []}) | {"until": "decided"}, "page: until=decided: looks at contestan"),
        (
            {"contestants": {}, "parts": {"r1": ["term@d_terms=[r1]"], "r2": ["term@d_terms=[r2]"]}},
            "page: parts.r1 and parts.r2 both set d_terms",
        ),
        (
            {"contestants": {"null": [], "c": []}},
            "page: 'null': a name has letters, digits and _, begins with a letter, ",
        ),
        (
            ablating(none=["loss=hinge"]),
            "page: parts: 'none' is no name of a part: none is the recipe without, __ joins",
        ),
        (ablating(r1__ema=["loss=hinge"]), "page: parts: 'r1__ema' is no name of a part"),
        (ablating(**{letter * 99: [f"d_terms.{letter}.weight=1"] for letter in "abc"}), "page: parts: their names are"),
        (ablating(slow=["optimizer.lr=1e-5"]), "page: parts.slow: sets optimizer.lr, which search.space draws for all"),
        (
            ablating(r1=[]) | {"question": "order"},
            "page: question: an ablation estimates the effects of its parts; lea",
        ),
        (
            {"search": {"trials": 2, "space": {"x.y": {"low": 0, "high": 2**70}}}},
            "page: search.space.x.y: whole numbers",
        ),
        ({"search": {"trials": 2, "space": {"seed": {"low": 1, "high": 2}}}}, "page: seed=0: the tournament sets seed"),
        (
            {"search": {"trials": 2, "space": {"d.lr": {"low": 0, "high": 2, "log": True}}}},
            "page: search.space.d.lr: must have",
        ),
        (
            {"search": {"trials": 2, "space": {"d.lr": {"low": 1, "hihg": 2}}}},
            "page: search.space.d.lr.hihg: no such key; did you mean high?",
        ),
    ],
)
def test_a_mistake_is_told_in_a_line(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_page(PAGE | change, "page")
    assert str(caught.value).startswith(says) and "\n" not in str(caught.value)


@pytest.mark.parametrize("path", sorted((CONF.parent / "docs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_pages_of_the_docs_are_pages(path: Path) -> None:
    page = read_page(path)
    page = crossed(page) if page.factors else page
    assert len(page.contestants) > 1 and str(path.relative_to(CONF.parent)) in path.read_text()  # in its command


def test_all_combinations_of_levels_are_contestants() -> None:
    page = crossed(parse_page(PAGE | by(**FACTORS), "page"))
    assert {name: one.overrides for name, one in page.contestants.items()} == {
        "ns__none": ["loss=non_saturating"],
        "ns__r1": ["loss=non_saturating", "term@d_terms=[r1]"],
        "hinge__none": ["loss=hinge"],
        "hinge__r1": ["loss=hinge", "term@d_terms=[r1]"],
    }
    assert [*page.contestants["hinge__r1"].space] == ["optimizer.lr"] and not page.contestants["ns__r1"].space
    assert not page.factors


def test_a_page_is_played_by_its_own_command_and_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.yaml"
    for page, more, says in (
        ({"contestants": {}, "parts": {"r1": ["term@d_terms=[r1]"]}}, [], "has parts, which gan-lab ablate plays"),
        (by(**FACTORS), ["until=decided"], "until=decided: looks at contestants; the effects of factors and parts"),
    ):
        file.write_text(json.dumps(PAGE | page))
        assert main([str(file), f"dir={tmp_path / 'dir'}", *more]) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "dir").exists()


def test_the_command_refuses_a_mistake_with_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.yaml").write_text("contestants: {a: [], b: []}\nbudget: {rounds: 10}\n")
    assert main([str(tmp_path / "page.yaml")]) == main([str(tmp_path / "none.yaml")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("page.yaml: evaluation: is required") and "none.yaml: cannot be read" in second


def test_the_budget_pays_for_the_search_and_the_final_runs() -> None:
    page, cost = parse_page(PAGE, "page"), Cost(flops=1000.0, images=8.0, seconds=0.1)
    final, trial = rounds_of(page, cost, True), rounds_of(page, cost, False)
    assert (final, trial) == (200, 100)  # 1.2e6 / (4 + 4 / 2) / 1000
    assert (page.seeds * final + 4 * trial) * cost.flops == page.amount
    by_images = parse_page(PAGE | {"budget": {"images": 4800}}, "page")
    assert rounds_of(by_images, cost, True) == 100
    with pytest.raises(UserError, match=r"budget.flops: a round costs none that are counted; take rounds, images or"):
        rounds_of(page, cost._replace(flops=0.0), True)
    with pytest.raises(UserError, match=r"budget.rounds=5: leaves 0.833 for a run, and a round costs 1; give more"):
        rounds_of(parse_page(PAGE | {"budget": {"rounds": 5}}, "page"), cost, True)


def test_trials_follow_from_seed_number_and_key_and_the_first_is_the_page() -> None:
    page = parse_page(PAGE, "page")
    found = {entry.name: entry for entry in entries(page, trials=True)}
    assert list(found) == [f"{name}-{trial:02d}" for name in ("ns", "hinge") for trial in range(4)]
    assert found["ns-00"].overrides == ["data=ring", "loss=non_saturating"] and found["ns-00"].drawn == {}
    rates = [found[f"ns-{trial:02d}"].drawn["optimizer.lr"] for trial in range(1, 4)]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates) and len({*rates}) == 3
    assert [found[f"hinge-{trial:02d}"].drawn["optimizer.lr"] for trial in range(1, 4)] == rates  # the same draws
    assert [found[name].costed for name in ("ns-02", "hinge-00", "hinge-02")] == ["ns", "hinge", "hinge-02"]
    assert draw(page.space_of("hinge"), 1000, 3) == found["hinge-03"].drawn
    assert draw(page.space_of("hinge"), 1001, 3) != found["hinge-03"].drawn
    assert {spelt(found[f"hinge-{t:02d}"].drawn["model.hidden"]) for t in range(1, 4)} <= {"[8]", "[16,16]"}


def test_what_is_left_is_played_and_nothing_else() -> None:
    jobs = {("a", 0): True, ("a", 1): False, ("b", 0): False, ("b", 1): False, ("c", 1): False, ("d", 0): True}
    assert jobs_left(jobs) == [(["a", "c"], [1]), (["b"], [0, 1])]


def test_the_best_trial_is_chosen_and_no_failed_one() -> None:
    assert chosen([None, 3.0, 1.0, float("nan"), 1.0]) == 2
    assert chosen([None, None]) is None


def test_an_option_sets_what_the_overrides_do(tmp_path: Path) -> None:
    overrides = [
        "experiment=ring", "loss=hinge", "optimizer.lr=1e-4", "callbacks=[default,evaluation]", "optimizer.lr=3e-3",
        "metric@callbacks.evaluation.metrics=[mode_coverage]", "features@callbacks.evaluation.features=pixels",
        "callbacks.audit=null", "model.hidden=[32,32]", "term@d_terms=[r1,r2]",
    ]  # fmt: skip
    write_option(tmp_path, "own", overrides, rounds=77)
    by_option = compose_experiment(["experiment=own"], tmp_path / "run", tmp_path)
    assert by_option == compose_experiment([*overrides, "rounds=77"], tmp_path / "run")
    assert by_option.optimizer.lr == 3e-3
    (tmp_path / "conf" / "loss").mkdir(parents=True)
    (tmp_path / "conf" / "loss" / "mine.yaml").write_text((CONF / "loss" / "hinge.yaml").read_text())
    write_option(tmp_path, "own", ["loss=mine"], rounds=77)
    with_ones_own = compose_experiment(["experiment=own"], tmp_path / "run", tmp_path, tmp_path / "conf")
    assert with_ones_own.loss == by_option.loss
    with pytest.raises(UserError, match=r"seed=1,2: is several values"):
        write_option(tmp_path, "own", ["seed=1,2"])


def test_an_ablation_is_a_tournament_of_subsets() -> None:
    parts = {"r1": ["term@d_terms=[r1]"], "wide": ["model.hidden=[64]"], "ema": ["ema=constant"]}
    page = parse_page({key: value for key, value in PAGE.items() if key != "contestants"} | {"parts": parts}, "page")
    names = contestants_of(page, ["r1", "wide"], half=False)
    assert list(names.values()) == ["none", "r1", "wide", "r1__wide"]
    whole = as_tournament(page, names, ["r1", "wide"])
    assert whole.common == ["data=ring", "ema=constant"] and whole.contestants["none"].overrides == []
    assert whole.contestants["r1__wide"].overrides == ["term@d_terms=[r1]", "model.hidden=[64]"]
    with pytest.raises(UserError, match=r"parts: wid is none; did you mean wide\? \(allowed: ema, r1, wide\)"):
        contestants_of(page, ["wid"], half=False)
    with pytest.raises(UserError, match=r"must be 3 to 6 different ones"):
        contestants_of(page, ["r1", "wide"], half=True)


def test_the_parts_of_a_run_are_its_overrides() -> None:
    overrides = ["data=ring", "term@d_terms=[r1]", "d_terms.r1.weight=2", "loss=hinge", "rounds=9", "seed=3"]
    more = {"seeds": 3, "evaluation": {"metric": "mmd"}}
    page = parse_page(page_of_run(overrides, ["d_terms", "loss"], 9, more), "run")
    assert page.parts == {"d_terms": ["term@d_terms=[r1]", "d_terms.r1.weight=2"], "loss": ["loss=hinge"]}
    assert page.common == ["data=ring"] and (page.unit, page.amount) == ("rounds", 27)
    with pytest.raises(UserError, match=r"the run was given no override of los; did you mean loss\?"):
        page_of_run(overrides, ["los"], 9, more)
    with pytest.raises(UserError, match=r"the run began with another's weights \(start_from\)"):
        page_of_run([*overrides, "start_from=other"], ["loss"], 9, more)


def test_the_page_of_an_option_is_plain_data(tmp_path: Path) -> None:
    write_option(tmp_path, "own", ["loss=hinge"], rounds=3)
    assert OmegaConf.load(tmp_path / "experiment/own.yaml").rounds == 3
