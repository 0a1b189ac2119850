"""Windows of photographs: every one of them, those of training apart from those of the test; and what sees them."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch
from helpers.commands import ROOT
from torch.nn import functional as F

from gan_lab.data import photographs
from gan_lab.data.degradation import LowResolution
from gan_lab.data.photographs import FILES, Photographs, read
from gan_lab.errors import UserError
from gan_lab.metrics.distances import frechet_distance
from gan_lab.types import Batch


def tiny(*sizes: tuple[int, int], batch_size: int = 50) -> Photographs:
    """Of small made-up photographs, no pixel twice."""
    data, first = Photographs("train", (3, 4, 4), batch_size, seed=0), 0
    made = []
    for height, width in sizes:
        pixels = 3 * height * width
        made.append(torch.arange(first, first + pixels, dtype=torch.uint8).view(3, height, width))
        first += pixels
    data.photographs = made
    return data


def test_the_windows_are_all_there_are_one_after_the_other() -> None:
    data = tiny((4, 6), (5, 5), (4, 4))
    expected = [p.unfold(1, 4, 1).unfold(2, 4, 1).flatten(1, 2).transpose(0, 1) for p in data.photographs]
    assert torch.equal(torch.stack([data.window(n) for n in range(data.ends[-1])]), torch.cat(expected))
    assert data.ends == [3, 7, 8]


def test_all_windows_are_equally_likely() -> None:
    data = tiny((4, 6), (5, 5), (4, 4))
    corners = ((data.take(8000).x[:, 0, 0, 0] + 1) * 127.5).round().int()
    counts = torch.stack([(corners == data.window(n)[0, 0, 0]).sum() for n in range(8)])
    assert counts.sum() == 8000 and (counts - 1000).abs().max() < 5 * (8000 / 8 * 7 / 8) ** 0.5


def test_train_and_test_share_no_photograph() -> None:
    assert not {Path(file).name for file in FILES["train"]} & {Path(file).name for file in FILES["test"]}
    icons = [
        F.interpolate(read(file)[None].float(), (16, 16), mode="area").flatten() for file in sum(FILES.values(), ())
    ]
    likeness = torch.corrcoef(torch.stack(icons)).fill_diagonal_(0)
    assert likeness.max() < 0.8  # no second copy under another name, or in another size


def test_what_is_tested_on_is_the_other_split_whatever_the_seed() -> None:
    train, test = (Photographs(split, (3, 48, 48), 4, seed) for split, seed in (("train", 1), ("test", 2)))
    found = train.test()
    assert torch.equal(found.x, Photographs("train", (3, 48, 48), 9, seed=3).test().x)
    assert found.x.shape == (1000, 3, 48, 48) and found.y is None
    assert torch.equal(found.x, Photographs("test", (3, 48, 48), 1000, seed=0).take(1000).x)
    assert not torch.equal(test.test().x, found.x)


def test_one_line_says_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"data.shape=\[1, 48, 48\]: the photographs have 3 channels"):
        Photographs("train", (1, 48, 48), 4, seed=0)
    with pytest.raises(UserError, match=r"data.shape=\[3, 301, 301\]: larger than chelsea.png, which has 300 x 451"):
        Photographs("test", (3, 301, 301), 4, seed=0).setup("fit")
    Photographs("test", (3, 300, 300), 4, seed=0).setup("fit")
    for file in ("skimage/data/nothing.png", "no_such_package/a.png"):
        monkeypatch.setitem(photographs.FILES, "train", (file,))
        with pytest.raises(UserError, match=rf"data: {file} is not there; the whole package {file.split('/')[0]} must"):
            Photographs("train", (3, 48, 48), 4, seed=0).setup("fit")


def test_figures_of_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmarks = ROOT / "benchmarks"
    monkeypatch.syspath_prepend(str(benchmarks))
    spec = importlib.util.spec_from_file_location("superresolution", benchmarks / "superresolution.py")
    assert spec and spec.loader
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    x = torch.rand(40, 1, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
    labels = torch.arange(40) % 4
    given, look = LowResolution(4), lambda images: (images.flatten(1), torch.zeros(len(images), dtype=torch.int64))
    (same, small) = (
        benchmark.figures(images, Batch(x, labels), given, look, x.flatten(1))
        for images in (x, F.interpolate(given(x), scale_factor=4))
    )
    assert same["psnr"] == float("inf") and same["ssim"] == pytest.approx(1) and same["right"] == 0.25
    assert same["again"] == 0
    assert same["frechet"] == pytest.approx(frechet_distance(x[::2].flatten(1), x[1::2].flatten(1)))  # of other images
    assert small["again"] < 1e-4  # made small again, it is what it was made from
    assert small["psnr"] == pytest.approx(10 * math.log10(4 / (1 / 3 * 15 / 16)), abs=0.3)  # independent pixels
    assert small["frechet"] > 1 and small["ssim"] < 0.5
    assert "right" not in benchmark.figures(x, Batch(x), given, look, x.flatten(1))
