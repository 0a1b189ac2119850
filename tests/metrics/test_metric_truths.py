"""Measures of samples where the truth is known: closed forms, equal laws, lost modes, copies, repetitions, blur."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from helpers.samples import normal
from scipy.ndimage import gaussian_filter
from scipy.stats import kstest, norm
from sklearn.datasets import load_digits
from torch import Tensor

from gan_lab.metrics.classification import classification_accuracy
from gan_lab.metrics.distances import frechet_distance, kernel_distance
from gan_lab.metrics.diversity import ms_ssim, ms_ssim_diversity
from gan_lab.metrics.frechet import extrapolated_frechet, frechet_interval
from gan_lab.metrics.kernels import gaussian_mmd, kernel_distance_of_subsets
from gan_lab.metrics.memorisation import birthday_paradox, data_copying
from gan_lab.metrics.modes import modes_found
from gan_lab.metrics.ndb import different_bins
from gan_lab.metrics.pairwise import nearest
from gan_lab.metrics.precision_recall import density_coverage, precision_recall
from gan_lab.metrics.scores import am_score, inception_score, modified_inception_score
from gan_lab.metrics.sliced import sliced_wasserstein
from gan_lab.metrics.two_sample import classifier_test, nearest_neighbour_test
from gan_lab.types import Batch


def modes(n: int, seed: int, of: int = 10) -> tuple[Tensor, Tensor]:
    """Points of ten modes, far from each other, or of the first few of them; and the mode of each."""
    mode = torch.randint(of, (n,), generator=torch.Generator().manual_seed(seed))
    return 20 * torch.eye(10, dtype=torch.float64)[mode] + normal(n, 10, seed=seed), mode


# --- Gaussians


def test_extrapolation_takes_away_the_bias_of_few_fakes() -> None:
    real, truth = normal(20_000, 8), 8 * 0.3**2
    pairs = [(extrapolated_frechet(real, y).limit, frechet_distance(real, y)) for y in shifted(24, 400, 8, 0.3)]
    limit, plain = np.array(pairs).T
    error = limit.std() / math.sqrt(24)
    assert abs(limit.mean() - truth) < 4 * error
    taken = plain - limit
    assert taken.mean() > 3 * taken.std() / math.sqrt(24)
    assert extrapolated_frechet(real, normal(400, 8, seed=5)).slope > 0


def shifted(times: int, n: int, dim: int, by: float) -> list[Tensor]:
    return [by + normal(n, dim, seed=100 + seed) for seed in range(times)]


@pytest.mark.parametrize("dim", [2, 12])
def test_the_bootstrap_interval_holds_the_distance_of_the_distributions(dim: int) -> None:
    truth, held, missed = dim * 0.3**2, 0, 0
    for seed, fake in enumerate(shifted(40, 200, dim, 0.3)):
        found = frechet_interval(normal(200, dim, seed=500 + seed), fake, resamples=60, level=0.9, seed=seed)
        held += found.low <= truth <= found.high
        missed += found.value > found.high
    assert held >= 30  # of 36 expected
    assert dim == 2 or missed > 30  # the plain value is so biased that it lies above


@pytest.mark.parametrize("bandwidth", [1.0, 3.0])
def test_gaussian_mmd_is_the_closed_form(bandwidth: float) -> None:
    dim, s = 3, 0.8
    values = [
        gaussian_mmd(normal(150, dim, seed=i), y, bandwidth).value for i, y in enumerate(shifted(100, 200, dim, s))
    ]
    variance = bandwidth**2 + 2  # of the kernel and of a difference of two points
    truth = (bandwidth**2 / variance) ** (dim / 2) * 2 * (1 - math.exp(-dim * s**2 / (2 * variance)))
    assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / 10)


def test_the_subsets_of_equal_laws_are_zero_on_average_and_their_spread_is_a_subsets() -> None:
    x, y = normal(3000, 4, seed=1), normal(3000, 4, seed=2)
    small, large = (kernel_distance_of_subsets(x, y, subsets=100, size=size) for size in (50, 300))
    assert abs(small.mean) < 4 * small.std / 10
    assert small.std > 3 * large.std


def test_sliced_wasserstein_of_a_shift_is_its_length_by_the_root_of_the_dimension() -> None:
    x, shift = normal(80, 6), torch.tensor([3.0, 0, 0, 0, 4, 0])
    found = sliced_wasserstein(x, x.flip(0) + shift, directions=4000)
    assert found == pytest.approx(5 / math.sqrt(6), rel=0.05)
    assert sliced_wasserstein(x[:, :1], x[:, :1] + 3, order=1) == pytest.approx(3)
    assert sliced_wasserstein(x, x.repeat(3, 1)) == pytest.approx(0, abs=1e-9)  # one law, whatever the numbers


def test_the_classifier_test_is_as_right_as_the_bayes_classifier_and_no_more() -> None:
    x, y = normal(4000, 5, seed=1), normal(4000, 5, seed=2) + 1 / math.sqrt(5)
    for hidden in (0, 20):
        assert classifier_test(x, y, hidden).accuracy == pytest.approx(norm.cdf(0.5), abs=0.03)
    wide = 2 * normal(1000, 5, seed=3)
    assert classifier_test(x[:1000], wide, 0).p_value > 1e-3  # a plane sees no difference of scale
    assert classifier_test(x[:1000], wide, 20).p_value < 1e-20


def test_the_p_value_of_equal_laws_is_uniform() -> None:
    values = [classifier_test(normal(200, 3, seed=i), normal(200, 3, seed=1000 + i), 0).p_value for i in range(100)]
    assert kstest(values, "uniform").pvalue > 0.01


# --- Equal laws, lost modes, copies


def test_equal_laws_have_their_known_values() -> None:
    x, y, z = (normal(2000, 6, seed=seed) for seed in (1, 2, 3))
    assert nearest_neighbour_test(x, y).accuracy == pytest.approx(0.5, abs=0.03)
    density, coverage = density_coverage(x, y)
    assert (density, coverage) == pytest.approx((1, 1 - 2**-5), abs=0.05)
    assert data_copying(x, z, y).probability == pytest.approx(0.5, abs=0.04)
    assert abs(data_copying(x, z, y).z) < 3.5
    assert 0.01 <= different_bins(x, y).share <= 0.15
    assert different_bins(x, y + 0.5).share > 0.5


def test_lost_modes_are_seen_by_recall_and_coverage_and_not_by_precision() -> None:
    real, mode = modes(1000, 1)
    whole, _ = modes(1000, 2)
    half, found = modes(1000, 3, of=5)
    share = (mode < 5).double().mean().item()
    assert precision_recall(real, whole).recall > 0.8
    assert precision_recall(real, half).recall < share + 0.01
    assert precision_recall(real, half).precision > precision_recall(real, whole).precision - 0.03
    assert density_coverage(real, whole).coverage > 0.9
    assert density_coverage(real, half).coverage < share + 0.01
    assert density_coverage(real, half).density > 0.9
    assert different_bins(real, half, bins=10).different == 10  # five are empty, and five have too many
    assert nearest_neighbour_test(real, half).accuracy > 0.6 > nearest_neighbour_test(real, whole).accuracy
    assert modes_found(found, 10) == (5, pytest.approx(math.log(2), abs=0.01))


def test_copies_look_perfect_to_all_but_the_measures_of_memory() -> None:
    train, _ = modes(500, 1)
    held_out, _ = modes(500, 2)
    copies = train.flip(0)
    assert frechet_distance(train, copies) == pytest.approx(0, abs=1e-6)
    assert precision_recall(train, copies) == (1, 1)
    assert nearest_neighbour_test(train, copies) == (0, 0, 0)
    assert nearest_neighbour_test(train, held_out).accuracy > 0.4
    assert data_copying(train, held_out, copies) == (1, pytest.approx(27.4, abs=0.1))
    assert data_copying(train, held_out, copies + 0.1 * normal(500, 10)).z > 10
    found = nearest(copies, train)
    assert found.distances.eq(0).all()
    assert found.indices[:, 0].tolist() == list(range(499, -1, -1))


def test_one_point_again_and_again_is_heaped() -> None:
    real = normal(100, 4)
    fake = real[:1].expand(100, 4)
    assert nearest_neighbour_test(real, fake + 0.01).fake == 1
    assert nearest_neighbour_test(real, fake).fake == 0.5  # the real one and other fakes tie
    assert precision_recall(real, fake) == (1, 0.01)
    assert density_coverage(real, fake).coverage <= 0.2
    assert birthday_paradox(fake, 0).support == 1
    assert birthday_paradox(real, 0).support == math.inf


@pytest.mark.parametrize("support", [10, 300])
def test_birthdays_count_the_support(support: int) -> None:
    drawn = torch.randint(support, (1500,), generator=torch.Generator().manual_seed(0))
    found = birthday_paradox(normal(support, 5)[drawn], threshold=1e-6)
    assert found.support == pytest.approx(support, rel=0.1)
    half = [drawn_twins(support, math.ceil(found.batch), seed) for seed in range(400)]
    assert 0.4 < np.mean(half) < 0.7


def drawn_twins(support: int, n: int, seed: int) -> bool:
    drawn = torch.randint(support, (n,), generator=torch.Generator().manual_seed(seed))
    return len(drawn.unique()) < n


# --- Classes


def test_scores_of_known_distributions() -> None:
    certain, doubtful = torch.eye(5, dtype=torch.float64).repeat(4, 1), torch.full((20, 5), 0.2, dtype=torch.float64)
    assert inception_score(certain, splits=1).mean == pytest.approx(5)
    assert inception_score(doubtful).mean == pytest.approx(1)
    assert inception_score(certain[::5], splits=2).mean == pytest.approx(1)  # one class
    assert am_score(certain, certain) == pytest.approx(0)
    assert am_score(certain, doubtful) == pytest.approx(math.log(5))
    assert am_score(certain, certain[::5]) == math.inf
    for alike in (certain, doubtful):
        assert modified_inception_score(alike) == pytest.approx(1)


def test_the_mode_score_is_the_inception_score() -> None:
    """Whatever the shares of the data's classes: E KL(p(y | x) || q) - KL(p(y) || q) does not depend on q."""
    p, q = (2 * normal(50, 4)).softmax(1), normal(4, seed=1).softmax(0)
    marginal = p.mean(0)
    score = ((p * (p / q).log()).sum(1).mean() - (marginal * (marginal / q).log()).sum()).exp()
    assert score.item() == pytest.approx(inception_score(p, splits=1).mean)


def test_samples_teach_what_they_are() -> None:
    (x, y), (new, asked), (fake, told) = modes(600, 1), modes(400, 2), modes(600, 3)
    train, test = Batch(x, y), Batch(new, asked)
    assert classification_accuracy(Batch(fake, told), train, test) == (1, 1, 1)
    assert classification_accuracy(train, train, test).train_on_fake == 1
    collapsed = classification_accuracy(Batch(*modes(600, 3, of=5)), train, test)
    assert collapsed.train_on_fake == pytest.approx((asked < 5).double().mean().item(), abs=0.02)
    assert collapsed.test_on_fake == 1
    disobedient = classification_accuracy(Batch(fake, told.flip(0)), train, test)
    assert disobedient.train_on_fake < 0.4 and disobedient.test_on_fake < 0.2
    circle = normal(400, 2)
    bent = Batch(circle, (circle.norm(dim=1) > 1.2).long())
    assert (
        classification_accuracy(bent, bent, bent, hidden=20).real
        > 0.95
        > classification_accuracy(bent, bent, bent).real
    )


# --- Pictures


def digits() -> Tensor:
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
    return (torch.from_numpy(load_digits().images) / 8 - 1)[order]


def blurred(x: Tensor, sigma: float) -> Tensor:
    return torch.from_numpy(gaussian_filter(x.numpy(), (0, sigma, sigma))) if sigma else x


BLUR: dict[str, Callable[[Tensor, Tensor], float]] = {
    "frechet": frechet_distance,
    "kernel": lambda x, y: kernel_distance(x, y)[0],
    "mmd": lambda x, y: gaussian_mmd(x, y, 5.0).value,
    "sliced": sliced_wasserstein,
    "nearest neighbour": lambda x, y: nearest_neighbour_test(x, y).accuracy,
    "classifier": lambda x, y: classifier_test(x, y, hidden=0).accuracy,
    "bins": lambda x, y: different_bins(x, y, bins=50).different,
    "coverage lost": lambda x, y: -density_coverage(x, y).coverage,
    "recall lost": lambda x, y: -precision_recall(x, y).recall,
}


@pytest.mark.parametrize("name", BLUR)
def test_blur_is_seen_and_the_more_of_it_the_more(name: str) -> None:
    x = digits()
    real, other = x[:800], x[800:1600]
    found = [BLUR[name](real.flatten(1), blurred(other, sigma).flatten(1)) for sigma in (0, 0.8, 1.2, 2)]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_pictures_of_one_class_are_alike() -> None:
    noise = normal(30, 1, 16, 16).clamp(-1, 1)
    same = noise[:1] + 0.05 * normal(30, 1, 16, 16, seed=1)
    assert ms_ssim_diversity(noise).mean < 0.2 < 0.9 < ms_ssim_diversity(same).mean
    assert ms_ssim_diversity(noise[:1].expand(30, 1, 16, 16)).mean == pytest.approx(1)
    both, labels = torch.cat([noise, same]), torch.arange(2).repeat_interleave(30)
    apart = ms_ssim_diversity(both, labels)
    assert apart.by_class[0] < 0.2 < 0.9 < apart.by_class[1]
    large = normal(3, 1, 28, 28)
    assert ms_ssim(large, -large).eq(0).all()  # a negative contrast has no root
