"""Which run a row of a table is of: runs that went on, data in other places, and what decides what a run leaves."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.run_directories import write_run

from gan_lab.cli.compare import compare, read_run
from gan_lab.cli.report import gather
from gan_lab.cli.status import status
from gan_lab.config.observing import only_observes
from gan_lab.io.run_file import note, rounds_asked


def scored(directory: Path, overrides: tuple[str, ...] = ("loss=hinge",), seed: int = 0, **more: Any) -> Path:
    key = {
        "score__p-1__mmd": 0.5 + seed,
        "score__p-1__generator": "feedc0de",
        "score__p-1__procedure__best__mmd": "lower",
    }
    return write_run(directory, overrides, seed, pictures=0, **key, **more)


def labels(*runs: Path) -> set[str]:
    return {cell.configuration for cell in compare([read_run(run) for run in runs]).cells}


def configured(run: Path, **settings: Any) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump(config | settings))


def asked_for_more(run: Path) -> None:
    """As a resume leaves it that was killed."""
    configured(run, rounds=1000)


def test_figures_of_an_end_that_a_run_has_gone_on_from_say_so(tmp_path: Path) -> None:
    runs = [scored(tmp_path / str(seed), seed=seed) for seed in (0, 1)]
    assert rounds_asked(runs[0]) == 500 and labels(*runs) == {"(no other override)"}
    asked_for_more(runs[1])
    assert rounds_asked(runs[1]) == 1000 and labels(*runs) == {"(no other override)", "(at round 500)"}


def test_a_run_that_was_killed_after_its_end_is_not_done_by_being_scored_since(tmp_path: Path) -> None:
    run = scored(tmp_path / "run")
    later = time.time() + 5
    os.utime(run / "summary.json", (later, later))
    assert [job.state for job in status(run, 60)] == ["done"]
    asked_for_more(run)
    assert [job.state for job in status(run, 60)] == ["running"]  # or it was a minute ago
    assert [job.state for job in status(run, 0)] == ["waiting"]


def test_a_run_that_ended_early_and_went_on_is_not_done_either(tmp_path: Path) -> None:
    """With more patience, and as many rounds at most as before."""
    run = scored(tmp_path / "run", rounds=50, rows=20)
    summary = json.loads((run / "summary.json").read_text()) | {"rounds": 50}
    (run / "summary.json").write_text(json.dumps(summary))
    later = time.time() + 5
    os.utime(run / "summary.json", (later, later))
    assert [job.state for job in status(run, 0)] == ["waiting"]  # it has logged round 476
    assert "(at round 50)" in read_run(run).overrides


def test_runs_on_other_data_in_other_places_are_other_configurations(tmp_path: Path) -> None:
    def run(name: str, seed: int, root: str, digest: str) -> Path:
        made = scored(tmp_path / name, ("data=images", f"data.root={root}"), seed)
        note(made, data={"samples": 40, "classes": None, "digest": digest, "digest_of": "content"})
        return made

    cats = [run(f"cats{seed}", seed, "/data/cats", "c0ffee") for seed in (0, 1)]
    moved, dogs = run("moved", 2, "/scratch/cats", "c0ffee"), run("dogs", 3, "/data/dogs", "d065")
    drawn = run("drawn", 4, "/data/cats", "5eed")  # of the same place by another seed
    assert labels(*cats, moved) == {"(no other override)"} == labels(*cats, drawn)
    apart = {f"(no other override) data.root=/data/{name}" for name in ("cats", "dogs")}
    assert labels(*cats, dogs) == apart
    members, _ = gather([*cats, dogs], {})
    assert {member.label for member in members} == apart


@pytest.mark.parametrize("key", ["callbacks.checkpoint.monitor", "callbacks.checkpoint.mode"])
def test_what_decides_which_checkpoint_is_the_best_sets_runs_apart(key: str) -> None:
    assert not only_observes(f"{key}=x") and only_observes("callbacks.checkpoint.every=5")


def test_where_a_run_ends_early_what_is_published_decides_when(tmp_path: Path) -> None:
    stopping = ("callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=x")
    plain = [scored(tmp_path / f"p{n}", (f"callbacks.metrics.every={n}",), n) for n in (1, 2)]
    early = [scored(tmp_path / f"e{n}", (*stopping, f"callbacks.metrics.every={n}"), n) for n in (1, 2)]
    for run in early:
        configured(run, callbacks={"early_stopping": {"monitor": "x"}})
    assert labels(*plain) == {"(no other override)"}
    assert labels(*early) == {f"callbacks.metrics.every={n}" for n in (1, 2)}
    (hidden,) = [scored(tmp_path / "h", ("experiment=mine", "callbacks.metrics.every=1"), 3)]
    configured(hidden, callbacks={"early_stopping": {"monitor": "x"}})  # by an experiment of one's own
    assert "callbacks.metrics.every=1" in read_run(hidden).overrides


def test_own_figures_are_those_of_the_last_report(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", seed=0), write_run(tmp_path / "b", seed=1, **{"as_of__equilibrium/energy": 476})]
    _, measured = gather(runs, {})
    keys = {key for run in measured for name, key in run.scores if name == "equilibrium/energy"}
    assert keys == {"(the run's own)"}
    of = measured[1].procedures["(the run's own)"]["of"]
    assert of == "the last round in which each run reported it, by noise of its seed"
