"""Cost of a round, as a rehearsal finds it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from gan_lab.errors import UserError
from gan_lab.tournament.rehearsal import ROUNDS, Plan, Rehearsal, check_budget, plan_of


@pytest.mark.parametrize("plan", [Plan(16, 0), Plan(20, 20)])
def test_what_is_counted_and_timed_are_the_rounds_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    """A round of one product of 2 x 3 and 3 x 4, and of two seconds; one product more in every fourth.

    What is compiled in rounds that are neither takes a hundred, and the evaluation after the last a thousand.
    """
    clock = [0.0]
    monkeypatch.setattr("gan_lab.tournament.rehearsal.time.perf_counter", lambda: clock[0])
    rehearsal = Rehearsal(str(tmp_path), plan)
    trainer: Any = None
    for t in range(plan.rounds):
        gan: Any = SimpleNamespace(round=t, device=torch.device("cpu"), images=8 * (t + 1))
        rehearsal.before_round(trainer, gan)
        clock[0] += 100.0 if plan.counted <= t < plan.counted + plan.warming else 2.0
        for _ in range(1 + (t % 4 == 0)):
            torch.ones(2, 3) @ torch.ones(3, 4)
        gan.round += 1
        clock[0] += 1000.0 * (gan.round == plan.rounds)
        rehearsal.after_round(trainer, gan)
    assert ROUNDS == Plan(16, 0).rounds == 33
    assert json.loads((tmp_path / "cost.json").read_text()) == {
        "flops": 1.25 * 2 * 2 * 3 * 4,
        "images": 8.0,
        "seconds": 2.0,
    }


def game(*every: int, compiled: bool | str = False, **update: Any) -> DictConfig:
    terms = {f"t{i}": {"every": n} for i, n in enumerate(every)}
    update = update or {"_target_": "gan_lab.updates.Alternating"}
    return OmegaConf.create(
        {"d_terms": {**terms, "none": None}, "g_terms": None, "gan": {"compile": compiled}, "update": update}
    )


@pytest.mark.parametrize(
    ("every", "counted"),
    [((), 16), ((0,), 16), ((1, 16), 16), ((5,), 20), ((12,), 24), ((32,), 32), ((16, 5), 80), ((7, 9, 11), 128)],
)
def test_lazy_terms_act_as_often_as_on_average(every: tuple[int, ...], counted: int) -> None:
    assert plan_of(game(*every)) == (counted, 0)
    assert counted == 128 or all(counted % n == 0 for n in every if n)  # a term refuses 0 itself


def test_rounds_in_which_networks_are_compiled_are_not_timed() -> None:
    for compiled in (True, "reduce-overhead"):
        assert plan_of(game(5, compiled=compiled)) == (20, 20)


def test_rounds_that_cost_more_or_less_are_not_paid_for_by_what_they_cost() -> None:
    balanced = {"_target_": "gan_lab.updates.Balanced"}
    inside = {"_target_": "gan_lab.updates.Lookahead", "inner": balanced}
    for update in (balanced, inside):
        check_budget(game(**update), "rounds")
        for unit in ("flops", "images", "seconds"):
            with pytest.raises(UserError, match=rf"^budget\.{unit}: .*; take budget\.rounds$"):
                check_budget(game(**update), unit)
    check_budget(game(), "flops")
