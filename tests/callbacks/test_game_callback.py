"""The rounds that a callback acts after, and what it says at the end."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
from omegaconf import DictConfig

from gan_lab.callbacks.equilibrium import Evidence
from gan_lab.callbacks.game_callback import GameCallback, is_due
from gan_lab.equilibrium.verdict import Seen
from gan_lab.experiment.run import play
from gan_lab.game.gan import GAN
from gan_lab.types import Periodic


@pytest.mark.parametrize(
    ("options", "rounds"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7]),
        ({"every": 3}, [3, 6]),
        ({"every": 3, "first": True}, [1, 3, 6]),
        ({"every": 3, "last": True}, [3, 6, 7]),
        ({"every": 0}, []),
        ({"every": 0, "last": True}, [7]),
    ],
)
def test_it_acts_after_these_of_seven_rounds(options: dict[str, Any], rounds: list[int]) -> None:
    told: list[Any] = []

    class Told(GameCallback):
        begin = before_round = end = lambda self, trainer, gan: told.append((self.state_key, gan.round))
        act = lambda self, trainer, gan: told.append(gan.round)

    callback = Told()
    for name, value in options.items():
        setattr(callback, name, value)
    trainer: Any = SimpleNamespace(should_stop=False)
    callback.on_train_start(trainer, SimpleNamespace(round=0))
    for played in range(1, 8):
        callback.on_train_batch_start(trainer, SimpleNamespace(round=played - 1), None, 0)
        trainer.should_stop = played == 7
        callback.on_train_batch_end(trainer, SimpleNamespace(round=played), None, None, 0)
    callback.on_train_end(trainer, SimpleNamespace(round=7))
    assert [one for one in told if isinstance(one, int)] == rounds
    assert [one[1] for one in told if isinstance(one, tuple)] == [0, *range(7), 7]
    assert isinstance(callback, Periodic) and callback.intervals == ("every",)


def test_no_round_is_a_multiple_of_nothing() -> None:
    assert [is_due(6, every) for every in (3, 4, 0, None)] == [True, False, False, False]


def test_any_callback_of_lightning_is_asked_for_its_conclusion_and_its_evidence(
    composed: Callable[..., DictConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heeded: list[Any] = []
    seen = Seen(0.9, 0.5, 0.01)

    class Mine(pl.Callback):
        def conclusion(self) -> dict[str, Any]:
            return {"mine": 3}

        def evidence(self, gan: GAN) -> Evidence:
            return Evidence(seen=seen)

    from gan_lab.callbacks import equilibrium

    judge = equilibrium.judge
    monkeypatch.setattr(equilibrium, "judge", lambda *told: heeded.extend(told) or judge(*told))
    assert play(composed("model=mlp", "rounds=2"), callbacks=[Mine()]) == 0
    assert json.loads((tmp_path / "summary.json").read_text())["mine"] == 3
    assert seen in heeded
