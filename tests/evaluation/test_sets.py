"""One set of samples against another: folders, ZIPs, arrays, statistics, and runs."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lab.cli.compare import GENERATOR
from gan_lab.cli.data_pack import main as pack
from gan_lab.cli.evaluate import main
from gan_lab.cli.statistics import main as write_statistics

PLAIN = ["features=pixels", "metric=frechet"]
Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    def run(a: Path, b: Path, *options: str) -> dict[str, Any]:
        out = tmp_path / "figures.json"
        assert main([str(a), f"against={b}", f"out={out}", *(options or PLAIN)]) == 0
        found: dict[str, Any] = json.loads(out.read_text())["figures"][str(a)]
        return found

    return run


def pictures(folder: Path, seed: int, n: int = 12, size: tuple[int, int] = (4, 4), ending: str = "png") -> Path:
    rng = np.random.default_rng(seed)
    for i in range(n):
        path = folder / "ab"[i % 2] / f"{i:02d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return folder


def bytes_of(folder: Path) -> np.ndarray[Any, Any]:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.rglob("*.png"))])


def frechet(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float:
    """Of two Gaussians, by the eigenvalues of the product of their covariances."""
    x, y = (z.reshape(len(z), -1) / 127.5 - 1 for z in (x, y))
    c, d = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.sqrt(np.linalg.eigvals(c @ d).astype(complex)).real.sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * root)


def test_folders_zips_arrays_and_statistics_of_the_same_pictures_get_the_same_figure(
    tmp_path: Path, evaluate: Evaluate
) -> None:
    """Which is that of the pixels' Gaussians, computed by NumPy."""
    a, b = pictures(tmp_path / "a", 0), pictures(tmp_path / "b", 1, n=15)
    expected = frechet(bytes_of(a), bytes_of(b))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for path in sorted(a.rglob("*.png"), reverse=True):
            packed.write(path, path.relative_to(a))
    np.savez(tmp_path / "a.npz", arr_0=bytes_of(a))  # as OpenAI's and StudioGAN's samples are kept
    (tmp_path / "other").mkdir()
    for i, path in enumerate(sorted(a.rglob("*.png"), reverse=True)):
        (tmp_path / f"other/{i}.png").write_bytes(path.read_bytes())
    assert write_statistics([str(b), f"out={tmp_path / 'b.npz'}", "features=pixels"]) == 0
    errors = []
    for one in ("a", "a.zip", "a.npz", "other"):
        found = evaluate(tmp_path / one, b)
        assert found["frechet"] == pytest.approx(expected, rel=1e-6)
        assert (found["n"], found["n_real"]) == (12, 15)
        errors.append(found["frechet/error"])
    assert errors == pytest.approx([errors[0]] * 4, rel=1e-6)
    assert evaluate(a, tmp_path / "b.npz")["frechet"] == pytest.approx(expected, rel=1e-6)


def test_statistics_of_other_programs_are_read_and_ours_by_them(tmp_path: Path, evaluate: Evaluate) -> None:
    """Of an .npz with mu and sigma, as np.savez and np.savez_compressed write it."""
    a, b = pictures(tmp_path / "a", 0), pictures(tmp_path / "b", 1)
    pixels = bytes_of(b).reshape(12, -1) / 127.5 - 1
    moved = np.transpose(bytes_of(b), (0, 3, 1, 2)).reshape(12, -1) / 127.5 - 1  # channels first, as features are
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "theirs.npz", mu=moved.mean(0), sigma=np.cov(moved, rowvar=False))
        found = evaluate(a, tmp_path / "theirs.npz")
        assert found["frechet"] == pytest.approx(frechet(bytes_of(a), bytes_of(b)), rel=1e-6)
        assert found["n_real"] is None
    write_statistics([str(b), f"out={tmp_path / 'ours.npz'}", "features=pixels"])
    with np.load(tmp_path / "ours.npz") as arrays:
        assert arrays["sigma"].shape == (pixels.shape[1],) * 2
        np.testing.assert_allclose(arrays["mu"], moved.mean(0), atol=1e-6)
        np.testing.assert_allclose(arrays["sigma"], np.cov(moved, rowvar=False), atol=1e-6)


def test_compression_with_loss_moves_the_figure_and_is_said(
    tmp_path: Path, evaluate: Evaluate, capsys: pytest.CaptureFixture[str]
) -> None:
    a = pictures(tmp_path / "a", 0, size=(8, 8))
    for path in a.rglob("*.png"):
        copy = tmp_path / "jpeg" / path.parent.name / f"{path.stem}.jpg"
        copy.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).save(copy, quality=75)
    assert evaluate(a, a)["frechet"] == pytest.approx(0, abs=1e-6)
    assert "JPEG" not in capsys.readouterr().err
    assert evaluate(tmp_path / "jpeg", a)["frechet"] > 0.01
    assert "100 % of the files in" in (said := capsys.readouterr().err) and "are JPEG" in said


def test_figures_that_are_infinite_are_null_in_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], evaluate: Evaluate
) -> None:
    a = pictures(tmp_path / "a", 0)
    assert evaluate(a, a, "features=pixels", "metric=realism")["realism"] is None
    assert "realism inf" in capsys.readouterr().out


def test_packed_pictures_get_the_same_figure(tmp_path: Path, evaluate: Evaluate) -> None:
    a, b = pictures(tmp_path / "a", 0), pictures(tmp_path / "b", 1)
    expected = evaluate(a, b)["frechet"]
    for name in ("packed.zip", "packed.npy"):
        assert pack([str(a), str(tmp_path / name), "workers=0", "image_size=4"]) == 0
        assert evaluate(tmp_path / name, b)["frechet"] == pytest.approx(expected, rel=1e-6)


def test_folders_with_the_same_subfolders_are_compared_class_by_class(tmp_path: Path, evaluate: Evaluate) -> None:
    a, b = pictures(tmp_path / "a", 0), pictures(tmp_path / "b", 1, n=15)
    found = evaluate(a, b, "features=pixels", "metric=intra_frechet")["intra_frechet"]
    by_class = [frechet(bytes_of(a / name), bytes_of(b / name)) for name in "ab"]
    assert found == pytest.approx(sum(by_class) / 2, rel=1e-6)


def test_without_a_network_one_line_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    pytest.importorskip("torch_fidelity")
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert main([str(pictures(tmp_path / "a", 0)), str(pictures(tmp_path / "b", 1)), "features=inception"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and "could not be downloaded (no route to host); features.weights=FILE" in lines[0]


def test_pictures_are_resized_where_that_is_asked_for(tmp_path: Path, evaluate: Evaluate) -> None:
    a, b = pictures(tmp_path / "a", 0), pictures(tmp_path / "b", 1, size=(8, 6))
    assert evaluate(a, b, *PLAIN, "image_size=[4,3]")["n"] == 12


def test_paths_have_any_letters_and_deep_pictures_a_range(tmp_path: Path, evaluate: Evaluate) -> None:
    a, b = pictures(tmp_path / "a", 0), pictures(tmp_path / "größe = 12, (1)", 0)
    for path in a.rglob("*.png"):
        grey = np.asarray(Image.open(path).convert("L"))
        Image.fromarray(grey).save(b / path.relative_to(a))
        Image.fromarray(grey.astype(np.uint16) * 16).save(path)
    assert evaluate(a, b, *PLAIN, "range=[0,4080]")["frechet"] == pytest.approx(0, abs=1e-6)
    out = tmp_path / "größe.npz"
    assert write_statistics([str(b), f"out={out}", "features=pixels"]) == 0 and out.is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sweep/hinge=0", "concat"])
def test_a_run_s_samples_are_compared_with_pictures(mine: Path, tmp_path: Path, evaluate: Evaluate, name: str) -> None:
    """Those that `gan-lab sample` writes with an evaluation's seed get one figure, whatever the batch."""
    b = pictures(tmp_path / "b", 1, n=20, size=(8, 8))
    found = evaluate(mine / name, b, "features=pixels", "metric=[frechet,kernel]", "n=20", "batch_size=7")
    again = evaluate(mine / name / GENERATOR, b, "features=pixels", "metric=[frechet,kernel]", "n=20")
    assert found["n"] == found["n_real"] == again["n"] == 20
    assert [found[name] for name in ("frechet", "kernel")] == pytest.approx(
        [again["frechet"], again["kernel"]], rel=1e-4
    )
    assert evaluate(b, mine / name, *PLAIN, "real=20")["frechet"] == pytest.approx(found["frechet"], rel=1e-4)


@pytest.mark.parametrize(
    ("places", "options", "says"),
    [
        (["a", "wide"], [], r"a has samples \[3, 4, 4\], and \S+wide \[3, 4, 6\]; image_size=\[4,6\] resizes both"),
        (["mixed", "a"], [], r"mixed\S+: not a readable picture \(4 x 6 pixels, where the first one has 4 x 4; "),
        (["a", "b", "a"], [], "a: is no run; say which of the 3 is the reference, against=REFERENCE"),
        (["a"], [], r"no run directory .* pictures are compared with others, gan-lab evaluate \S+a REFERENCE"),
        (["a", "nowhere"], [], "nowhere: no such file or folder"),
        (["a", "b"], ["against=nowhere"], "nowhere: no such file or folder"),
        (["a", "empty"], [], "empty: no pictures|holds no pictures|no picture"),
        (["a", "b"], ["features=classifier"], "features=classifier: learns from the data of a run; take"),
        (["a", "b"], ["floor=true"], "floor: acts where a run is compared with its own data; leave it out"),
        (["a", "b"], ["weights=raw"], "weights: acts where a generator draws samples; leave it out"),
        (["b.npz", "b.npz"], ["image_size=4"], "image_size: acts where pictures are read; leave it out"),
        (["b.npz", "b.npz"], ["seed=3"], "features: acts where samples are read or drawn; leave it out"),
        (
            ["few", "b"],
            [],
            "metric=frechet: groups=10: must be 2 or more, and no more than the 3 points; 0: no",
        ),
        (["few", "b"], ["metric=kernel"], "metric=kernel: needs 20 points or more of each, .* there are 12 and 3"),
        (
            ["mixed", "a"],
            ["metric=intra_frechet"],
            "metric=intra_frechet: needs classes: the same sub-folders in both sets",
        ),
        (
            ["dark", "a"],
            [],
            r"error: \S+dark: pictures of 16 bits whose values end at 4095 .*; range=\[0,4095\] stretches",
        ),
        (["torn", "a"], [], r"torn\S+png: not a readable picture \(.*\); mend it, or take it away"),
        (["a", "b"], ["n=50"], "a: has 12 pictures, fewer than the 50 that are asked for"),
        (
            ["a", "b"],
            ["metric=copying"],
            "metric=copying: needs real pictures that the generator has not learnt from, held_out=",
        ),
        (["a", "b"], ["range=[0,9]"], "range: acts on pictures of more than 8 bits, and there are none; leave it out"),
        (["a", "b"], ["out=table.csv"], r"out=table.csv: must end in .json"),
        (["a", "b.npz"], ["n=5"], None),
        (["a", "b.npz"], ["real=5"], "b.npz: statistics are of as many samples as they are; leave n and real out"),
        (["a", "b.npz"], ["metric=kernel"], "of statistics there is the Frechet distance alone; take metric=frechet"),
        (["a", "other.npz"], [], "a has 48 features, and .*other.npz 5: not the same network"),
        (["a", "named.npz"], [], "a is of pixels, none, and .*named.npz of another network"),
        (["a", "odd.npz"], [], r"odd.npz: mu is \[5\] and sigma \[5, 4\]; must be \[F\] and \[F, F\]"),
        (["a", "code.npz"], [], "code.npz: not readable as statistics"),
    ],
)
def test_a_mistake_gets_one_line(
    places: list[str], options: list[str], says: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path / "a", 0), pictures(tmp_path / "b", 1), pictures(tmp_path / "mixed", 0, n=2)
    pictures(tmp_path / "wide", 0, size=(4, 6)), pictures(tmp_path / "mixed/z", 0, n=1, size=(4, 6))
    pictures(tmp_path / "few", 0, n=3), (tmp_path / "empty").mkdir()
    for name in ("dark", "torn"):
        pictures(tmp_path / name, 0, n=12)
    for path in (tmp_path / "dark").rglob("*.png"):
        Image.fromarray(np.full((4, 4), 4095, np.uint16)).save(path)
    next((tmp_path / "torn").rglob("*.png")).write_bytes(b"no picture")
    mu, sigma = np.zeros(48), np.eye(48)
    np.savez(tmp_path / "b.npz", mu=mu, sigma=sigma)
    np.savez(tmp_path / "other.npz", mu=mu[:5], sigma=sigma[:5, :5])
    np.savez(tmp_path / "odd.npz", mu=mu[:5], sigma=sigma[:5, :4])
    np.savez(tmp_path / "named.npz", mu=mu, sigma=sigma, features=np.array("another network"))
    np.savez(tmp_path / "code.npz", mu=np.array([print], dtype=object), sigma=sigma)
    given = [] if any(option.startswith("metric") for option in options) else ["metric=frechet"]
    pixels = [] if any(option.startswith("features") for option in options) else ["features=pixels"]
    code = main([*(str(tmp_path / name) for name in places), *given, *pixels, *options])
    line = capsys.readouterr().err.strip().splitlines()[-1:]
    if says is None:
        assert code == 0
        return
    assert code == 2 and re.search(says, line[0]), line


def test_copies_are_found_by_pictures_that_were_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Six samples in seven are pictures of the training set."""
    train, held_out = pictures(tmp_path / "train", 1, 40), pictures(tmp_path / "held_out", 2, 40)
    copies, others = pictures(tmp_path / "copies", 1, 30), pictures(tmp_path / "others", 3, 30)
    pictures(tmp_path / "copies" / "more", 4, 5)
    for samples, words in ((copies, r"COPIES \(1 of 1\), at least"), (others, r"no \(0 of 1\), at least")):
        assert main([str(samples), f"against={train}", f"held_out={held_out}", *PLAIN]) == 0
        assert re.search(f"copies of the reference: {words}", capsys.readouterr().out)
    assert main([str(others), f"against={train}", *PLAIN]) == 0
    assert "copies of the reference: not tested; where the reference is" in capsys.readouterr().out
    assert write_statistics([str(train), f"out={tmp_path / 'train.npz'}", "features=pixels"]) == 0
    capsys.readouterr()
    assert main([str(others), f"against={tmp_path / 'train.npz'}", *PLAIN]) == 0
    assert "copies of the reference: not tested\n" in capsys.readouterr().out  # where held_out=FOLDER is refused
    assert main([str(others), f"against={train}", f"held_out={tmp_path / 'none'}", *PLAIN]) == 2


def test_what_was_learnt_from_is_not_held_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a folder above the training set; a generator's samples are not, either. A few twins are let pass."""
    a, train, other = (pictures(tmp_path / name, seed, 20) for seed, name in enumerate(("a", "all/train", "all/other")))
    (tmp_path / "run").mkdir(), (tmp_path / "run" / GENERATOR).touch()
    for held_out, words in (("all", "20 of its 40 pictures are in .*train, too"), ("run", "holds a generator, and")):
        assert main([str(a), f"against={train}", f"held_out={tmp_path / held_out}", *PLAIN]) == 2
        assert re.search(f"error: held_out=.*{held_out}: {words}", capsys.readouterr().err)
    for name in ("a/00.png", "b/01.png"):
        (other / name).write_bytes((train / name).read_bytes())
    assert main([str(a), f"against={train}", f"held_out={other}", *PLAIN]) == 0
