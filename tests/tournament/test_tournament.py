"""Whole tournaments at the command line: one that is killed at any moment ends as one that was left alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import Command, run, until

pytestmark = pytest.mark.slow

PAGE = """
common:
  [data=digits, data.subset=900, data.batch_size=16, model=mlp, "model.hidden=[8]", "callbacks=[metrics,checkpoint]"]
contestants:
  ns: [loss=non_saturating]
  hinge: [loss=hinge]
budget: {images: 1600}
search: {trials: 2, length: 0.5, space: {optimizer.lr: {choices: [1.0e+30]}}}
seeds: 3
evaluation: {metric: mmd, features: pixels, n: 60, validation_n: 30}
copying: {n: 40}
points: 1
"""


def outcome(directory: Path) -> dict[str, Any]:
    """The result without what time it took."""
    found: dict[str, Any] = json.loads((directory / "tournament.json").read_text())
    del found["seconds"]
    for contestant in found["contestants"].values():
        for spent in contestant["spent"].values():
            del spent["seconds"]
    return found


def test_a_killed_tournament_ends_as_one_that_was_not(tmp_path: Path) -> None:
    """It is killed when two of its six final runs are over."""
    (tmp_path / "page.yaml").write_text(PAGE)
    done = run("python -m gan_lab.cli.tournament page.yaml dir=whole", tmp_path, seconds=900)
    assert "ecided at an error rate of 0.05 over all pairs and looks, by 3 seeds" in done.out
    whole = outcome(tmp_path / "whole")
    for contestant in whole["contestants"].values():
        assert contestant["trials"][0] is not None and contestant["trials"][1] is None  # which diverges
        assert all(z is not None for z in contestant["copying"].values())

    for stage in ("rehearsal", "search"):  # to be killed later than that
        shutil.copytree(tmp_path / "whole" / stage, tmp_path / "broken" / stage, symlinks=True)
    for name in ("page.yaml", ".signatures"):
        shutil.copy(tmp_path / "whole" / name, tmp_path / "broken" / name)
    command = Command("python -m gan_lab.cli.tournament page.yaml dir=broken", tmp_path)
    until(lambda: len([*tmp_path.glob("broken/final/*/summary.json")]) >= 2, command, 300)
    command.process.kill()
    command.wait()
    again = run("python -m gan_lab.cli.tournament page.yaml dir=broken", tmp_path, seconds=900)
    assert "rehearsal" not in again.err and "search" not in again.err
    assert outcome(tmp_path / "broken") == whole


FACTORS = """
common: [data=ring, model=mlp, "model.hidden=[8]", latent.dim=2, "callbacks=[metrics]"]
factors:
  loss: {ns: [loss=non_saturating], hinge: [loss=hinge]}
  penalty: {none: [], r1: ["term@d_terms=[r1]"]}
budget: {rounds: 30}
seeds: 3
evaluation: {metric: sliced_wasserstein, features: pixels, n: 60, validation_n: 30}
points: 1
"""


def test_a_page_with_factors_is_played_from_the_command_line(tmp_path: Path) -> None:
    """And what it keeps is the page of a tournament of all combinations, which goes on without another run."""
    (tmp_path / "page.yaml").write_text(FACTORS)
    command = "python -m gan_lab.cli.tournament page.yaml dir=whole"
    done = run(command, tmp_path, seconds=300)
    assert "# Factorial tournament (loss x penalty) of 4 contestants by sliced_wasserstein" in done.out
    assert "penalty, how bad in the median over all others (lower is better): " in done.out
    found = outcome(tmp_path / "whole")
    assert set(found["contestants"]) == {"ns__none", "ns__r1", "hinge__none", "hinge__r1"}
    assert [one["factor"] for one in found["contrasts"]] == ["loss", "penalty"]
    assert (tmp_path / "whole" / "combinations.png").stat().st_size > 0
    again = run(command, tmp_path, seconds=300)
    assert "runs to play" not in again.err and outcome(tmp_path / "whole") == found
