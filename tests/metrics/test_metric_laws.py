"""What every measure of samples obeys. One row in `MEASURES` joins a new one to all of these tests."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.classification import classification_accuracy
from gan_lab.metrics.distances import frechet_by_class, frechet_distance, kernel_distance, nearest_neighbour_error
from gan_lab.metrics.diversity import ms_ssim_diversity
from gan_lab.metrics.frechet import extrapolated_frechet, frechet_interval
from gan_lab.metrics.kernels import gaussian_mmd, kernel_distance_of_subsets, median_distance
from gan_lab.metrics.likelihood import feature_likelihood
from gan_lab.metrics.memorisation import (
    authenticity,
    birthday_paradox,
    closest_pairs,
    copying_by_cells,
    data_copying,
)
from gan_lab.metrics.modes import modes_found
from gan_lab.metrics.ndb import different_bins
from gan_lab.metrics.precision_recall import density_coverage, precision_recall
from gan_lab.metrics.realism import rarity, realism
from gan_lab.metrics.scores import am_score, inception_score, modified_inception_score
from gan_lab.metrics.sliced import sliced_wasserstein
from gan_lab.metrics.two_sample import classifier_test, nearest_neighbour_test
from gan_lab.metrics.uncertainty import jackknife_error
from gan_lab.metrics.vendi import vendi_score
from gan_lab.types import Batch

N, DIM = 240, 12


class Measure(NamedTuple):
    """A row: the measure, of real and of generated points (N, 12), and what is to be expected of it."""

    call: Callable[..., Any]  # (real, fake) -> a float, or numbers of which the first is tested
    with_noise: int  # +1: it rises where noise is added to the fakes; -1: it falls; 0: it need do neither
    shuffled: float = 0  # by how much the first number may change where points are put in another order
    chunked: bool = False  # whether it takes `chunk`
    real: bool = True  # whether it looks at the real points
    points: bool = True  # whether it takes points as they are, and so refuses those that are none
    moved: bool = True  # whether it is of distances alone, the same wherever both clouds are moved to


def probabilities(x: Tensor) -> Tensor:
    return (2 * x[:, :5]).softmax(dim=1)


def images(x: Tensor) -> Tensor:
    return (x[:, None, :, None] * x[:, None, None, :]).tanh()


def labelled(x: Tensor) -> Batch:
    return Batch(x, (x[:, 0] > 0).long())


MEASURES = {
    "frechet": Measure(frechet_distance, +1),
    "frechet, by class": Measure(
        lambda x, y: frechet_by_class(x, x[:, 0] > 0, y, y[:, 0] > 0), +1, points=False, moved=False
    ),
    "frechet, extrapolated": Measure(  # which needs fifty points for each dimension
        lambda x, y: extrapolated_frechet(x[..., : x.shape[-1] // 3], y[..., : y.shape[-1] // 3]), +1
    ),
    "frechet, lower end": Measure(lambda x, y: frechet_interval(x, y, resamples=40).low, +1),
    "frechet, error": Measure(
        lambda x, y: jackknife_error(functools.partial(frechet_distance, x), y, 10), 0, points=False
    ),
    "nearest neighbour error": Measure(
        lambda x, y, **more: nearest_neighbour_error(x, x[:, 0] > 0, y, y[:, 0] > 0, **more),
        0,
        chunked=True,
        points=False,
        moved=False,
    ),
    "kernel": Measure(functools.partial(kernel_distance, blocks=1), +1, moved=False),
    "kernel, blocks": Measure(kernel_distance, +1, moved=False),
    "kernel, subsets": Measure(functools.partial(kernel_distance_of_subsets, size=60), +1, moved=False),
    "gaussian mmd": Measure(gaussian_mmd, +1, chunked=True),
    "precision": Measure(precision_recall, -1, chunked=True),
    "recall": Measure(lambda x, y, **more: precision_recall(x, y, **more).recall, 0, chunked=True),
    "density": Measure(density_coverage, -1, chunked=True),
    "coverage": Measure(lambda x, y, **more: density_coverage(x, y, **more).coverage, -1, chunked=True),
    "sliced wasserstein": Measure(sliced_wasserstein, +1, chunked=True),
    "nearest neighbour test": Measure(nearest_neighbour_test, +1, chunked=True),
    "classifier test": Measure(functools.partial(classifier_test, hidden=5), +1, shuffled=0.15),
    "different bins": Measure(functools.partial(different_bins, bins=20), +1, shuffled=8, chunked=True),
    "data copying": Measure(lambda x, y, **more: data_copying(x, x + 1, y, **more), -1, chunked=True),
    "copying by cells": Measure(
        lambda x, y, **more: copying_by_cells(x, x + 1, y, cells=2, **more), +1, shuffled=0.3, chunked=True
    ),
    "authenticity": Measure(authenticity, +1, chunked=True),
    "feature likelihood": Measure(
        lambda x, y: feature_likelihood(x, 1.2 * x[::3], y), 0, shuffled=20, points=False, moved=False
    ),
    "realism": Measure(lambda x, y, **more: realism(x, y, **more).quantile(0.5), -1, chunked=True),
    "rarity": Measure(lambda x, y, **more: rarity(x, y, k=20, **more).mean(), 0, chunked=True),
    "vendi": Measure(lambda x, y, **more: vendi_score(y, **more), 0, chunked=True, real=False, moved=False),
    "closest pairs": Measure(
        lambda x, y, **more: closest_pairs(y, **more).distances.mean(), +1, chunked=True, real=False
    ),
    "birthday": Measure(lambda x, y, **more: birthday_paradox(y, 3.0, **more), -1, chunked=True, real=False),
    "learning from fakes": Measure(
        lambda x, y: classification_accuracy(labelled(y), labelled(x), labelled(x)),
        0,
        shuffled=1e-3,
        points=False,
        moved=False,
    ),
    "inception": Measure(
        lambda x, y: inception_score(probabilities(y), splits=1), 0, real=False, points=False, moved=False
    ),
    "inception, splits": Measure(
        lambda x, y: inception_score(probabilities(y)), 0, shuffled=0.3, real=False, points=False, moved=False
    ),
    "modified inception": Measure(
        lambda x, y: modified_inception_score(probabilities(y)), 0, real=False, points=False, moved=False
    ),
    "am": Measure(lambda x, y: am_score(probabilities(x), probabilities(y)), 0, points=False, moved=False),
    "modes": Measure(
        lambda x, y: modes_found(probabilities(y).argmax(1), 5).kl, 0, real=False, points=False, moved=False
    ),
    "ms-ssim": Measure(
        lambda x, y, **more: ms_ssim_diversity(images(y[:20]), pairs=1000, **more),
        0,
        chunked=True,
        real=False,
        points=False,
        moved=False,
    ),
}


def measures(wanted: Callable[[Measure], bool] = lambda _: True) -> Any:
    found = {name: measure for name, measure in MEASURES.items() if wanted(measure)}
    return pytest.mark.parametrize("measure", found.values(), ids=found)


def first(found: Any) -> float:
    return float(found[0] if isinstance(found, tuple) else found)


def cloud(seed: int, n: int = N) -> Tensor:
    """Two modes, and coordinates of unequal variance."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, DIM, generator=rng, dtype=torch.float64) * torch.linspace(0.5, 1.5, DIM, dtype=torch.float64)
    x[:, 0] += torch.randint(2, (n,), generator=rng) * 4 - 2
    return x


@measures()
def test_the_order_of_the_points_does_not_matter(measure: Measure) -> None:
    real, fake = cloud(1), 0.7 * cloud(2)
    turned = torch.cat([fake[:20].flip(0), fake[20:].roll(31, 0)])  # one of them looks at 20 points only
    whole, again = first(measure.call(real, fake)), first(measure.call(real.flip(0), turned))
    assert again == pytest.approx(whole, rel=1e-9, abs=measure.shuffled + 1e-12)


@pytest.mark.parametrize(
    "measured",
    [
        lambda real, fake: kernel_distance(real, fake)[0],
        lambda real, fake: kernel_distance_of_subsets(real, fake, subsets=10, size=50).mean,
        lambda real, _: median_distance(real, most=50),
        lambda real, fake: jackknife_error(functools.partial(frechet_distance, real), fake, 10),
    ],
    ids=["kernel", "kernel_subsets", "mmd", "frechet's error"],
)
def test_nor_does_that_of_points_whose_numbers_have_equal_sums(measured: Callable[[Tensor, Tensor], float]) -> None:
    real, fake = cloud(1).round(), cloud(2).round()
    assert measured(real.flip(0), fake.roll(31, 0)) == pytest.approx(measured(real, fake), rel=1e-9, abs=1e-12)


@measures(lambda measure: measure.chunked)
@pytest.mark.parametrize("twins", [False, True], ids=["", "with twins"])
def test_the_chunks_do_not_matter(measure: Measure, twins: bool) -> None:
    """Nor where fakes copy real points, and one another: rounding must not decide what is nearer."""
    real = cloud(1)
    fake = torch.cat([real[:100], real[:100], 3 * cloud(2, 40)]) if twins else cloud(2)
    found = [first(measure.call(real, fake, chunk=chunk)) for chunk in (1000, 37, 1)]
    assert found == pytest.approx([found[0]] * 3, rel=1e-9, abs=1e-12)


@measures()
def test_single_precision_will_do(measure: Measure) -> None:
    real, fake = cloud(1).float(), cloud(2).float()
    found = first(measure.call(real, fake))
    assert found == pytest.approx(first(measure.call(real.double(), fake.double())), rel=1e-4, abs=1e-6)


@measures(lambda measure: measure.moved)
def test_it_says_the_same_far_from_the_origin(measure: Measure) -> None:
    real, fake = cloud(1), cloud(2)
    found = first(measure.call(real + 1000, fake + 1000))
    assert found == pytest.approx(first(measure.call(real, fake)), rel=1e-4, abs=1e-6)


@measures()
def test_it_follows_from_its_arguments_alone(measure: Measure) -> None:
    real, fake = cloud(1), cloud(2)
    copies, state = (real.clone(), fake.clone()), torch.get_rng_state()
    once = first(measure.call(real, fake))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(real, copies[0]) and torch.equal(fake, copies[1])
    torch.manual_seed(99)
    assert first(measure.call(real, fake)) == once


@measures()
def test_it_sees_noise(measure: Measure) -> None:
    rng = torch.Generator().manual_seed(3)
    noise = torch.randn(N, DIM, generator=rng, dtype=torch.float64)
    found = [measure.with_noise * first(measure.call(cloud(1), cloud(2) + s * noise)) for s in (0, 1.5, 4)]
    assert found == sorted(found)
    assert measure.with_noise == 0 or found[2] > found[0]


BAD: dict[str, Callable[[Tensor], Tensor]] = {
    "one point": lambda x: x[:1],
    "no number": lambda x: x.where(torch.arange(DIM) > 0, torch.nan),
    "images": images,
    "another dimension": lambda x: x[:, 1:],
}


@measures(lambda measure: measure.points)
@pytest.mark.parametrize("bad", BAD)
def test_bad_points_are_refused_in_one_line(measure: Measure, bad: str) -> None:
    if bad == "another dimension" and not measure.real:
        pytest.skip("it has nothing to compare the dimension with")
    with pytest.raises(UserError) as refused:
        measure.call(cloud(1), BAD[bad](cloud(2)))
    assert "\n" not in str(refused.value)
