"""Cost of a round, as a rehearsal finds it."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gan_lab.tournament.rehearsal import COUNTED, ROUNDS, Rehearsal


def test_what_is_counted_and_timed_are_the_rounds_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round of one product of 2 x 3 and 3 x 4, and of two seconds; the evaluation after the last takes a thousand."""
    clock = [0.0]
    monkeypatch.setattr("gan_lab.tournament.rehearsal.time.perf_counter", lambda: clock[0])
    rehearsal = Rehearsal(str(tmp_path))
    trainer: Any = None
    for t in range(ROUNDS):
        gan: Any = SimpleNamespace(round=t, device=torch.device("cpu"), images=8 * (t + 1))
        rehearsal.before_round(trainer, gan)
        clock[0] += 2.0
        torch.ones(2, 3) @ torch.ones(3, 4)
        gan.round += 1
        clock[0] += 1000.0 * (gan.round == ROUNDS)
        rehearsal.after_round(trainer, gan)
    assert ROUNDS > 2 * COUNTED
    assert json.loads((tmp_path / "cost.json").read_text()) == {"flops": 2.0 * 2 * 3 * 4, "images": 8.0, "seconds": 2.0}
