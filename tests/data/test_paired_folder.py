"""Folders of pairs of pictures, and the game on them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.cli.sample import main as sample
from gan_lab.data.memory import Held
from gan_lab.data.paired_folder import PairedFolder
from gan_lab.errors import UserError


def write_pairs(root: Path, count: int = 6) -> None:
    """Noise, and as what is given its negative, of various sizes."""
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (20 + i, 30), dtype=np.uint8)
        for part, image in (("target", pixels), ("given", 255 - pixels)):
            (root / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(root / part / f"{i}.png")


def make(root: Path, **knobs: Any) -> PairedFolder:
    knobs = {"batch_size": 4, "seed": 0, "workers": 0} | knobs
    return PairedFolder(str(root), (1, 8, 8), **knobs)


def test_both_of_a_pair_are_cut_and_mirrored_alike(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    for workers in (0, 1):
        batches = make(tmp_path, crop="random", flip=True, workers=workers).batches(0)
        for x, y, _ in (next(batches) for _ in range(3)):
            assert y is not None and x.shape == y.shape == (4, 1, 8, 8)
            torch.testing.assert_close(x, -y, atol=3 / 255, rtol=0)  # each is rounded once on its way


def test_pairs_that_differ_in_size_are_named_when_their_turn_comes(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    Image.new("L", (30, 9)).save(tmp_path / "given" / "3.png")
    with pytest.raises(UserError, match=r"3\.png: .*its pair in given/ differ in size, 30 x 23 and 30 x 9"):
        make(tmp_path).take(12)


def test_pairs_that_are_held_out_keep_what_is_given(tmp_path: Path) -> None:
    write_pairs(tmp_path)
    data = make(tmp_path, subset=4, batch_size=2)
    held, left = Held(data.test(), data), data.unseen(2)
    assert held.condition_shape == (1, 8, 8) and held.size == 2 and left is not None
    for found in (held.unseen(2), held.reordered(0).take(2)):
        assert found is not None and found.y is not None
        torch.testing.assert_close(found.x.sum(), left.x.sum())
        torch.testing.assert_close(found.x, -found.y, atol=3 / 255, rtol=0)


@pytest.mark.parametrize("part, other", [("given", "target"), ("target", "given")])
def test_a_picture_without_its_pair_is_named(tmp_path: Path, part: str, other: str) -> None:
    write_pairs(tmp_path)
    (tmp_path / other / "2.png").unlink()
    with pytest.raises(UserError, match=rf"{part}/2\.png has no pair in {other}/ \(1 have none\)"):
        make(tmp_path)


def test_a_run_learns_from_pairs_and_translates_a_picture(
    played: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(tmp_path / "pairs", 8)
    folder = [f"data.root={tmp_path / 'pairs'}", "data.image_size=16", "data.channels=1", "data.workers=0"]
    directory = played("data=paired_folder", *folder, "model=pix2pix", "degradation=none", "rounds=2")
    assert (directory / "samples" / "round_000002.png").exists()
    out = tmp_path / "x.npz"
    picture = tmp_path / "pairs" / "given" / "0.png"
    assert sample([str(directory), f"given={picture}", "n=3", f"out={out}"]) == 0
    assert np.load(out)["samples"].shape == (3, 1, 16, 16)
    assert sample([str(directory)]) == 2
    assert "works on images; say which one" in capsys.readouterr().err
