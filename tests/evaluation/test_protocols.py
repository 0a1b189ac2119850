"""Published procedures by their names: what each sets, when a figure bears the name, and when it loses it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.configuration import options
from helpers.samples import chunks, images, labels
from PIL import Image

from gan_lab.cli.evaluate import configure, main
from gan_lab.errors import UserError
from gan_lab.evaluation.evaluator import Evaluator
from gan_lab.features.extractors import Pixels
from gan_lab.metrics.samples import mirrored, recut

PIXELS = ["features=pixels", "metric=frechet", "metric.frechet.groups=0"]


@pytest.mark.parametrize("name", options("protocol"))
def test_each_protocol_is_of_fifty_thousand_samples_and_keeps_its_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configure([f"protocol={name}"])
    assert config.protocol == name
    assert (config.n, config.split) == (50000, "train")
    assert config.real in ("all", 50000)
    same = configure([f"protocol={name}", "seed=4", "batch_size=7", "root=elsewhere"])
    assert same.protocol == name and not capsys.readouterr().err
    of_file = configure([f"protocol={name}", "features.weights=somewhere"])
    assert of_file.protocol == (name if config.features.get("digest") else None)  # which tells the published file


@pytest.mark.parametrize(
    ("change", "deviating"),
    [
        ("n=10000", "n"),
        ("real=10000", "real"),
        ("flips=true", "flips"),
        ("split=test", "split"),
        ("resizer@features.resizer=bilinear", "features"),
        ("features.digest=abc", "features"),
        ("features=pixels", "features"),
        ("metric=kernel", "metric"),
        ("metric.frechet.groups=5", "metric"),
        ("sampling=drs", "sampling"),
        ("image_size=8", "image_size"),
    ],
)
def test_what_deviates_loses_the_name(change: str, deviating: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert configure(["protocol=fid50k_full", change]).protocol is None
    says = f"protocol=fid50k_full: {deviating} deviate from it, so that the figures do not bear its name"
    assert capsys.readouterr().err.strip() == f"warning: {says}"


def pictures(folder: Path, seed: int, n: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    return folder


def test_a_folder_of_fewer_pictures_than_a_protocol_takes_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = pictures(tmp_path / "a", 0, 6), pictures(tmp_path / "b", 1, 5)
    assert main([str(a), str(b), "protocol=fid50k_full"]) == 2
    assert "a: has 6 pictures, fewer than the 50000 that are asked for" in capsys.readouterr().err


def test_mirror_images_count_as_further_real_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if they lay in the folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    a, b, both = (pictures(tmp_path / name, seed, 8) for name, seed in (("a", 0), ("b", 1), ("both", 1)))
    for path in list(both.glob("*.png")):
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(both / f"mirrored_{path.name}")

    def figures(reference: Path, *more: str) -> Any:
        out = tmp_path / "out.json"
        assert main([str(a), str(reference), *PIXELS, f"out={out}", *more]) == 0
        return json.loads(out.read_text())["figures"][str(a)]

    flipped, laid_out = figures(b, "flips=true"), figures(both)
    assert flipped["n_real"] == laid_out["n_real"] == 16
    assert flipped["frechet"] == pytest.approx(laid_out["frechet"], rel=1e-6)
    assert figures(b, "flips=true", "real=8")["frechet"] == figures(b)["frechet"]
    assert json.loads((tmp_path / "out.json").read_text())["flips"] is False
    assert main([str(a), str(b), *PIXELS, "flips=true", "real=17"]) == 2


def test_mirror_images_come_after_all_pictures_whatever_the_batches() -> None:
    x, y = images(0), labels()
    found = [next(recut(mirrored(chunks(x, y, size), 30), 60)) for size in (7, 60)]
    assert torch.equal(found[0].x, found[1].x)
    assert torch.equal(found[0].x, torch.cat([x[:30], x[:30].flip(-1)]))


def digits(**more: Any) -> Any:
    from gan_lab.data.digits import Digits

    return Digits((1, 8, 8), 10, 16, seed=0, **more)


def test_all_and_mirrored_of_a_run_s_data() -> None:
    data = digits(subset=100)
    whole = Evaluator(data, Pixels(), {}, 500, "all")
    assert whole.real.n == 100
    assert sorted(map(tuple, whole.real.images.flatten(1).tolist())) == sorted(
        map(tuple, data.labelled().x.flatten(1).tolist())
    )
    plain, some, every = (Evaluator(data, Pixels(), {}, 500, real, flips=True).real for real in (50, 151, "all"))
    assert torch.equal(plain.images, some.images[:50])
    assert torch.equal(some.images[100:], some.images[:51].flip(-1))
    assert (some.n, every.n) == (151, 200)


@pytest.mark.parametrize(("n", "real", "advice"), [(60, None, "n=50"), (60, 50, "real=40"), (100, 50, "n=50")])
def test_what_is_advised_for_a_floor_works(n: int, real: int | None, advice: str) -> None:
    with pytest.raises(UserError, match=f"take {advice}$"):
        Evaluator(digits(subset=100), Pixels(), {}, n, real, floor=True)
    name, value = advice.split("=")
    Evaluator(digits(subset=100), Pixels(), {}, **({"n": n, "real": real} | {name: int(value)}), floor=True)


@pytest.mark.parametrize("real", ["all", 60, 50])
def test_a_conditional_generator_is_asked_about_all_where_too_few_are_left(real: Any) -> None:
    from functools import partial

    from gan_lab.latents import Normal
    from gan_lab.sampling import sampled

    def generator(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return y.view(-1, 1, 1, 1).expand(-1, 1, 8, 8).float()

    found = Evaluator(digits(subset=60), Pixels(), {}, 120, real, conditional=True)
    assert found.asks_all
    asked = found.fake(partial(sampled, generator), Normal(2)).labels
    everything = Evaluator(digits(subset=60), Pixels(), {}, 120, "all").real.labels
    assert asked.tolist() == 2 * everything.tolist()
