"""Metrics of two sets of samples: their laws, their features, the cache, and how sure the figures are."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers.configuration import options
from helpers.samples import Blind, Knowing, N, World, chunks, images, labels, metric_of, styled, texts
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.evaluation.comparison import badness
from gan_lab.evaluation.evaluator import check_use, neighbours
from gan_lab.features.extractors import Pixels
from gan_lab.features.lpips import LPIPS
from gan_lab.latents import Normal
from gan_lab.metrics.distances import frechet_distance, kernel_distance
from gan_lab.metrics.memorisation import data_copying
from gan_lab.metrics.metric import Doubting, demand, measure
from gan_lab.metrics.pairwise import Neighbours, nearest
from gan_lab.metrics.samples import RealSamples, Samples, generated, recut
from gan_lab.sampling import noise_of, sampled
from gan_lab.types import Batch

# --- metrics ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", options("metric"))
def test_every_metric_gives_numbers_that_no_batch_size_changes(name: str, tmp_path: Path) -> None:
    metric, world = metric_of(name), World()
    assert all(best in ("higher", "lower", "real", 0.0, 0.5, 1.0, None) for best in metric.figures.values())
    found = []
    for size in (7, 60):
        fake = Samples(chunks(*world.draw(1), size), Knowing(), N, trained=styled(), texts=texts())
        found.append(metric(world.real(tmp_path / str(size), size), fake))
    assert found[0] == found[1]
    assert all(type(value) is float and math.isfinite(value) for value in found[0].values())
    assert {key.removesuffix("/error") for key in found[0]} == {*metric.figures} <= {*found[0]}


def test_features_for_one_metric_are_refused_beside_others() -> None:
    check_use(LPIPS(), {"ppl": metric_of("ppl")})
    many = {name: metric_of(name) for name in ("frechet", "ppl", "kernel")}
    with pytest.raises(UserError, match=r"^features=lpips: for metric=ppl alone, .*; leave out frechet, kernel, or"):
        check_use(LPIPS(), many)
    check_use(Pixels(), many)


@pytest.mark.parametrize("name", [name for name in options("metric") if "generator" not in metric_of(name).needs])
def test_every_metric_prefers_the_real_thing(name: str, tmp_path: Path) -> None:
    metric, world = metric_of(name), World()
    real = world.real(tmp_path)
    good, bad, floor = (
        metric(real, Samples(chunks(*drawn), Knowing(), N, texts=texts()))
        for drawn in (world.draw(1), world.collapsed(2), world.draw(3))
    )
    told = {key: best for key, best in metric.figures.items() if best is not None}  # else it is a yardstick
    assert told
    for key, best in told.items():
        assert badness(good[key], best, floor[key]) < badness(bad[key], best, floor[key])


@pytest.mark.parametrize("name", options("metric"))
def test_every_metric_says_what_it_needs(name: str, tmp_path: Path) -> None:
    """It looks at nothing but the features and what it needs; what it needs and is lacking is refused beforehand."""
    metric, world = metric_of(name), World()
    assert set(metric.needs) <= {"labels", "probabilities", "images", "mixture", "held_out", "generator", "texts"}
    see = Knowing() if {"probabilities", "texts"} & {*metric.needs} else Blind()

    def without_labels(seed: int) -> Callable[[], Iterator[Batch]]:
        x, y = world.draw(seed)
        return chunks(x, y if "labels" in metric.needs else None)

    held_out = RealSamples(without_labels(10), see, N, tmp_path) if "held_out" in metric.needs else None
    mixture = world if "mixture" in metric.needs else None
    real = RealSamples(without_labels(0), see, N, tmp_path, held_out=held_out, mixture=mixture)
    trained = styled() if "generator" in metric.needs else None
    metric(
        real, Samples(without_labels(1), see, N, trained=trained, texts=texts() if "texts" in metric.needs else None)
    )
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
    with pytest.raises(UserError, match="metric=kernel: needs 20 points or more of each"):
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


def test_how_far_held_out_samples_lie_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, copying, asked = World(), metric_of("copying"), []

    def counting(points: Tensor, others: Tensor) -> Neighbours:
        asked.append(len(points))
        return nearest(points, others)

    monkeypatch.setattr("gan_lab.metrics.samples.nearest", counting)
    for seed in (1, 2):
        real, fake = world.real(tmp_path), Samples(chunks(*world.draw(seed)), Knowing(), N)
        found = data_copying(real.features, real.held_out.features, fake.features)
        assert copying(real, fake)["copying"] == found.probability
    assert asked == [N]
    nothing = Samples(chunks(torch.full((N, 1, 16, 16), math.nan)), Knowing(), N)
    with pytest.raises(UserError, match="must be finite, and hold NaN or infinity"):
        copying(real, nothing)
    real = world.real(tmp_path)  # others are held out: another figure
    other = RealSamples(chunks(*world.draw(11)), Knowing(), N, tmp_path)
    RealSamples(chunks(*world.draw(0)), Knowing(), N, tmp_path, held_out=other).to_held_out  # noqa: B018
    assert asked == [N, N] and torch.equal(real.to_held_out, nearest(real.held_out.features, real.features)[0][:, 0])


def test_only_metrics_of_covariances_and_of_copies_ask_for_many_samples(tmp_path: Path) -> None:
    few = RealSamples(chunks(images(0)), Pixels(), 20, tmp_path)
    doubting = {name for name in options("metric") if isinstance(metric_of(name), Doubting)}
    copies = {"copying", "copying_by_cells"}
    assert doubting == {"frechet", "frechet_infinity", "frechet_interval", "inception_score", "intra_frechet"} | copies
    part, whole = (RealSamples(chunks(images(0)), Pixels(), 20, tmp_path, of=of) for of in (50_000, 20))
    for name in copies:
        assert metric_of(name).doubts(part, few) == [
            "looks for copies of 20 of the 50,000 training samples alone; of all: features=pixels real=all"
        ]
        assert metric_of(name).doubts(whole, few) == metric_of(name).doubts(few, few) == []
    assert any("20 samples are few for 256 features" in said for said in metric_of("frechet").doubts(few, few))


GENERATORS = {
    "draws nothing": lambda z, y: z * 2,
    "noise": lambda z, y: z + torch.randn(len(z), 4),
    "one noise for all": lambda z, y: z + torch.randn(4),
    "dropout": lambda z, y: torch.nn.functional.dropout(z),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_no_sample_depends_on_the_batch_that_it_comes_in_or_leaves_a_trace(name: str) -> None:
    latent = Normal(4)
    before = torch.get_rng_state()
    z = noise_of(latent, 23, seed=3)
    assert torch.equal(z[:7], noise_of(latent, 7, seed=3))
    sampler = partial(sampled, GENERATORS[name])
    whole, *cut = (torch.cat([batch.x for batch in generated(sampler, z, size, seed=5)]) for size in (100, 1, 5, 23))
    assert all(torch.equal(whole, other) for other in cut)
    assert torch.equal(torch.get_rng_state(), before)
    other = torch.cat([batch.x for batch in generated(sampler, z, 5, seed=6)])
    assert torch.equal(other, whole) == (name == "draws nothing")


# --- how sure -----------------------------------------------------------------------------------------------------


def test_the_error_of_frechet_is_the_spread_over_fresh_samples(tmp_path: Path) -> None:
    def draw(seed: int) -> Tensor:
        return torch.randn(400, 3, generator=torch.Generator().manual_seed(seed)) * 1.2 + 0.3

    real = RealSamples(chunks(torch.randn(400, 3)), Pixels(), 400, tmp_path)
    found = [metric_of("frechet")(real, Samples(chunks(draw(seed)), Pixels(), 400)) for seed in range(40)]
    spread = torch.tensor([values["frechet"] for values in found]).std().item()
    error = sum(values["frechet/error"] for values in found) / len(found)
    assert error == pytest.approx(spread, rel=0.4)
