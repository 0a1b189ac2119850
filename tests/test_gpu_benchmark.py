"""The check of a GPU, as far as a CPU goes, and the simulator of many."""

import json
from pathlib import Path

import pytest
from helpers.configuration import CONF


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(CONF.parent / "benchmarks")


@pytest.mark.slow
def test_every_row_that_needs_no_gpu_is_measured(tmp_path: Path) -> None:
    from gpu import ROWS, main

    name = "default run"
    main(["--device", "cpu", "--quick", "--only", name, "--out", str(tmp_path / "gpu")])
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["resume"] == "to the bit"
    for row in ROWS:
        if name in row.only:
            told = found["rows"][f"{name}: {row.name}"]
            assert (told == "skipped: needs CUDA") if row.cuda else (min(told["blocks"]) > 0 and told["kernels"] > 0)
    assert (tmp_path / "gpu.md").read_text().count("\n") == 4 + len(found["rows"])


def test_a_sum_over_many_gpus_sends_each_number_twice() -> None:
    from scale import Machine

    machine = Machine(latency=0.0)
    assert machine.all_reduce(1e9, 1) == 0
    assert machine.all_reduce(1e9, 8) == pytest.approx(2 * 7 / 8 * 1e9 / machine.inside)
    many = machine.all_reduce(1e9, 8 * 10_000) - machine.all_reduce(1e9, 8)
    assert many == pytest.approx(2e9 / machine.between, rel=1e-3)


def test_more_gpus_are_faster_and_less_efficient() -> None:
    from scale import Game, Machine, simulate

    game = Game("a game", 10**8, 10**8, 2e10, 4e10, 2, 2048)
    rounds = [simulate(game, Machine(), world) for world in (1, 8, 64, 512)]
    assert rounds[0].efficiency == 1
    for few, more in zip(rounds, rounds[1:], strict=False):
        assert more.computing + more.sending < few.computing + few.sending
        assert more.efficiency < few.efficiency


@pytest.mark.parametrize("between", [600.0, 3600.0, 86400.0])
def test_daly_s_interval_loses_least(between: float) -> None:
    from scale import interval, lost

    best = interval(5.0, between)
    least = min(lost(5.0, between, 60.0, best * factor / 100) for factor in range(20, 500))
    assert lost(5.0, between, 60.0, best) == pytest.approx(least, rel=1e-3)
    assert interval(5.0, 1.0) == 1.0
