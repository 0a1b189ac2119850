"""Checkpoints that are whole by their checksum, and hold what no run has saved: they play, or a line names the file."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.runs import resumed
from omegaconf import DictConfig

from gan_lab.errors import UserError
from gan_lab.experiment.run import play
from gan_lab.io.checkpoint import PlainCheckpointIO

pytestmark = pytest.mark.slow

SMALL = ["model=mlp", "data=ring", "model.hidden=[4]", "data.batch_size=8", "latent.dim=4", "rounds=2"]
WATCHED = ["callbacks=[metrics,terminate_on_nan,checkpoint]", "callbacks.metrics.every=1"]
GAME = [*SMALL, *WATCHED, "schedule=cosine", "update=balanced"]
GONE = object()
# Places, where a name stands for the key that begins with it, and what to put there.
STRANGE: list[tuple[tuple[str | int, ...], list[Any]]] = [
    (("optimizer_states", 0, "state", 0), [GONE, "x"]),
    (("optimizer_states", 0, "state", 0, "step"), [None, -1, torch.zeros(3, 5)]),
    (("optimizer_states", 0, "state", 0, "exp_avg"), [GONE, {"x": 1}, torch.zeros(3, 5)]),
    (("optimizer_states", 0, "param_groups"), ["x", []]),
    (("optimizer_states", 0, "param_groups", 0, "lr"), [GONE, [1.0]]),
    (("optimizer_states", 0, "param_groups", 0, "betas"), [GONE, 3]),
    (("optimizer_states", 0, "param_groups", 0, "params"), ["x", [99]]),
    (("lr_schedulers", 0), [GONE, {"last_epoch": "x"}]),
    (("lr_schedulers", 0, "base_lrs"), [None, [1, "x"]]),
    (("lr_schedulers", 0, "base_lrs", 0), [None, [1.0]]),
    (("game", "update"), [None, {"x": 1}]),
    (("history", "lowest"), [3, {"g/loss": "x"}]),
    (("callbacks", "RoundCheckpoint"), [GONE, []]),
]


def changed(node: Any, place: Sequence[str | int], value: Any) -> Any:
    """A copy of nested dicts and lists with this value there, or without what is there."""
    if not place:
        return value
    first, *rest = place
    key = next(key for key in node if key.startswith(first)) if isinstance(first, str) else first
    items = dict(node) if isinstance(node, dict) else dict(enumerate(node))
    items[key] = changed(items[key], rest, value)
    if items[key] is GONE:
        del items[key]
    return items if isinstance(node, dict) else list(items.values())


def ended(config: DictConfig) -> str:
    """How a run ends; what is no mistake of the user's is raised."""
    try:
        play(config)
    except UserError as error:
        return str(error)
    return "played"


@pytest.mark.parametrize("is_own", [True, False])
def test_values_of_any_kind_end_in_a_line(composed: Callable[..., DictConfig], tmp_path: Path, is_own: bool) -> None:
    run, kept = tmp_path / "run", tmp_path / "kept"
    config = composed(*GAME, f"directory={run}", small=False)
    run.mkdir()
    play(config)
    run.rename(kept)
    file = run / "checkpoints" / "last.ckpt"
    for place, values in STRANGE:
        for value in values if is_own else values[:1]:
            shutil.copytree(kept, run)
            if not is_own:
                (run / ".signatures").unlink()
            PlainCheckpointIO().save_checkpoint(changed(PlainCheckpointIO().load_checkpoint(file), place, value), file)
            assert ended(resumed(config, rounds=4)).startswith(("played", f"{file}: does not fit this run (")), place
            shutil.rmtree(run)
