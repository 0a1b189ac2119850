"""The loops that the lab is raced against play the same games."""

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from helpers.configuration import CONF
from omegaconf import DictConfig

from gan_lab.experiment.build import build
from gan_lab.seeding import derive_seed

ROUNDS = 3


@pytest.mark.parametrize("name", ["ring", "mnist_2014", "dcgan_28"])
def test_the_bare_loop_plays_what_the_lab_plays(
    composed: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.syspath_prepend(CONF.parent / "benchmarks")
    from racing.bare import Players, game, noise, schedule
    from racing.workloads import WORKLOADS

    workload = WORKLOADS[name]
    pictures = (
        [] if name == "ring" else ["data=digits", "data.image_size=28", "data.num_classes=null", "data.subset=null"]
    )
    options = [o for o in workload.overrides if not o.startswith("data")] + pictures
    if name == "mnist_2014":
        options += ["callbacks=[metrics]", "model.generator.marginal_bias=false"]
    config = composed(*options, f"data.batch_size={workload.batch}", small=False)
    gan, data = build(config)
    by_hand = Players(workload)
    for network, theirs in ((by_hand.d, gan.d.network), (by_hand.g, gan.g.network), (by_hand.average, gan.g.network)):
        copy(theirs, network)
    rounds: Iterator[Any] = iter(data.undivided().batches(0))
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=ROUNDS, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(gan, data)

    play = game(workload)
    for t, batch in zip(count(1), rounds, strict=False):
        torch.manual_seed(derive_seed(gan.seed, "round", t - 1))
        losses = play(by_hand, batch.x, noise(workload), workload.gamma)
        by_hand.update(t)
        schedule(name, by_hand, t)
        if t == ROUNDS:
            break
    assert gan.average is not None
    for network, theirs in ((by_hand.d, gan.d.network), (by_hand.g, gan.g.network), (by_hand.average, gan.average)):
        for mine, other in zip(network.parameters(), theirs.parameters(), strict=True):
            # A gradient that is zero but for rounding, Adam makes a step of; none is larger than its rate.
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(losses[1], gan.record["g/loss"], rtol=1e-4, atol=1e-5)


def test_an_earlier_version_that_cannot_play_is_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(CONF.parent / "benchmarks")
    from versions import Version

    version = Version(tmp_path, "ring", "nowhere", core=min(os.sched_getaffinity(0)))
    with pytest.raises(SystemExit, match=r"its lab cannot play, and ended: ModuleNotFoundError: No module named .*$"):
        version.__enter__()


def copy(source: torch.nn.Module, target: torch.nn.Module) -> None:
    with torch.no_grad():
        for mine, other in zip(target.parameters(), source.parameters(), strict=True):
            mine.copy_(other.view_as(mine))
