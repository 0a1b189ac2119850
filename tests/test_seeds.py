"""Several seeds in one process: each gets the run that it would have had by itself."""

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import options, terms
from omegaconf import DictConfig
from test_command_line import finish, rounds_logged, start, until
from test_resume import TIMINGS, rows

from gan_lab.compare import main as compare
from gan_lab.config.check import check
from gan_lab.config.seeds import check_seeds, runs_of
from gan_lab.ensemble import play as room
from gan_lab.ensemble.game import Ensemble
from gan_lab.ensemble.play import play_together
from gan_lab.errors import UserError
from gan_lab.plain_checkpoint import PlainCheckpointIO
from gan_lab.run import play
from gan_lab.sweep_status import status

Composed = Callable[..., DictConfig]
TOGETHER = {  # the options that several seeds can be played with
    "loss": {*options("loss")},
    "update": {*options("update")} - {"balanced", "consensus"},
    "term": {"r1", "r2", "gradient_penalty", "weight_clip"},
    "model": {"mlp", "mlp_2014"},
}
CASES = [
    *([f"loss={name}"] for name in sorted(TOGETHER["loss"])),
    *([f"update={name}", "loss=wasserstein"] for name in sorted(TOGETHER["update"])),
    *([f"term@d_terms=[{name}]"] for name in sorted(TOGETHER["term"])),
    ["term@d_terms=[r1,weight_clip]", "d_terms.r1.every=2", "d_terms.weight_clip.every=2"],
    ["update=unrolled", "term@d_terms=[r1,r2]", "data=ring"],
    ["optimizer=sgd", "optimizer.momentum=0.9", "gan.clip_norm=0.1", "update.d_steps=2"],
    ["optimizer=rmsprop", "latent=uniform", "gan.ema_decay=null", "schedule=cosine", "data=mixture_1d"],
    ["model=mlp_2014", "schedule=goodfellow2014", "optimizer=sgd"],  # dropout, and momentum that moves
]


def overrides(*case: str) -> list[str]:
    """Metrics after rounds 1, 4 and 8 of 9: two rounds together, one alone, three together, and two alone."""
    model = [] if any(part.startswith("model=") for part in case) else ["model=mlp"]
    return [*model, *case, "rounds=9", "callbacks.metrics.every=4", "callbacks.finite.every=4"]


def together(composed: Composed, where: Path, *case: str, seed: int = 5, seeds: int = 2) -> list[Path]:
    """Play the runs of so many seeds in `where`; their directories."""
    config = composed(*overrides(*case), f"seed={seed}", f"seeds={seeds}", f"directory={where}")
    check(config)
    check_seeds(config, multirun=False)
    runs = runs_of(config, [f"seeds={seeds}", "seed=5"])
    assert play_together(runs) == 0
    return [Path(run.directory) for run, _ in runs]


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict | list | tuple):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(value, f"{path}/{key}")
    elif not path.endswith(TIMINGS):
        yield path, tree


def assert_alike(a: Path, b: Path, within: float = 2e-4) -> None:
    """Checkpoints with the same entries and, to rounding, the same numbers; rows of the same figures."""
    one, other = (dict(leaves(PlainCheckpointIO().load_checkpoint(run / "checkpoints/last.ckpt"))) for run in (a, b))
    assert one.keys() == other.keys()
    for path, value in one.items():
        if isinstance(value, torch.Tensor | float):
            x, y = (torch.as_tensor(tree[path]).double() for tree in (one, other))
            torch.testing.assert_close(x, y, atol=within, rtol=within, equal_nan=True, msg=lambda m, p=path: f"{p}: {m}")
        else:
            assert value == other[path], path
    assert [row["round"] for row in rows(a)] == [row["round"] for row in rows(b)] == ["1", "4", "8"]
    assert [row.keys() for row in rows(a)] == [row.keys() for row in rows(b)]
    assert {p.relative_to(a) for p in a.rglob("*")} == {p.relative_to(b) for p in b.rglob("*")}


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_each_seed_gets_the_run_that_it_has_by_itself(
    composed: Composed, tmp_path: Path, case: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    played = []
    step = Ensemble.training_step
    monkeypatch.setattr(Ensemble, "training_step", lambda self, *a: (played.append(self.round), step(self, *a)))
    directories = together(composed, tmp_path / "together", *case)
    lazy = any(".every=2" in part for part in case)
    assert played == ([1, 4, 5] if lazy else [1, 2, 4, 5, 6])
    for seed, directory in zip((5, 6), directories, strict=True):
        alone = composed(*overrides(*case), f"seed={seed}", f"directory={tmp_path / str(seed)}")
        assert play(alone, [f"seed={seed}"]) == 0
        assert_alike(directory, tmp_path / str(seed))
