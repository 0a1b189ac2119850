"""Each metric against a reference written otherwise: scikit-learn, scipy, closed forms, numpy loops."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter
from sklearn.metrics import recall_score
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.conditional import accuracy_by_class, distinct_classes, pairwise_distance
from gan_lab.metrics.distances import frechet_distance, kernel_distance, nearest_neighbour_error
from gan_lab.metrics.restoration import psnr, ssim


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def classes(*shape: int, seed: int = 0, num_classes: int = 5) -> Tensor:
    return torch.randint(num_classes, shape, generator=generator(seed))


def test_accuracy_by_class_is_the_recall() -> None:
    predicted, asked = classes(200, seed=1), classes(200, seed=2)
    found = accuracy_by_class(predicted, asked, 5)
    np.testing.assert_allclose(found, recall_score(asked, predicted, average=None, labels=range(5)))
    assert accuracy_by_class(torch.tensor([1, 1, 0]), torch.tensor([1, 0, 0]), 3).tolist()[:2] == [0.5, 1.0]
    assert accuracy_by_class(predicted, asked, 6)[5].isnan()


def test_distinct_classes_counts_a_set() -> None:
    predicted = classes(50, 7)
    assert distinct_classes(predicted).tolist() == [len(set(row)) for row in predicted.tolist()]
    assert distinct_classes(predicted[:, :1]).tolist() == [1] * 50


@pytest.mark.parametrize("k", [2, 5, 40])
def test_pairwise_distance_is_the_mean_over_pairs(k: int) -> None:
    x = normal(6, k, 1, 4, 3)
    pairs = [[(a - b).square().sum().sqrt() for a, b in itertools.combinations(row, 2)] for row in x]
    torch.testing.assert_close(pairwise_distance(x), torch.tensor(pairs, dtype=torch.float64).mean(1))


def test_pairwise_distance_of_twins_is_exactly_zero() -> None:
    assert pairwise_distance(normal(4, 1, 784).float().expand(4, 50, 784)).tolist() == [0.0] * 4


@pytest.mark.parametrize(("n", "m", "chunk"), [(100, 37, 1000), (60, 50, 7), (1, 5, 2)])
def test_nearest_neighbour_error_is_that_of_scikit_learn(n: int, m: int, chunk: int) -> None:
    train, test = normal(n, 1, 3, 2, seed=1).float(), normal(m, 1, 3, 2, seed=2).float()
    train_labels, test_labels = classes(n, seed=3), classes(m, seed=4)
    reference = KNeighborsClassifier(1, algorithm="brute").fit(train.flatten(1), train_labels)
    found = nearest_neighbour_error(train, train_labels, test, test_labels, chunk)
    assert found == pytest.approx(1 - reference.score(test.flatten(1), test_labels))


def test_nearest_neighbour_error_of_the_training_set_is_zero() -> None:
    points, labels = normal(80, 3), classes(80)
    assert nearest_neighbour_error(points, labels, points, labels) == 0


@pytest.mark.parametrize(("n", "m"), [(500, 400), (6, 500)])  # the second has singular covariance
def test_frechet_distance_is_that_of_scipy(n: int, m: int) -> None:
    x, y = normal(n, 8, seed=1) @ normal(8, 8, seed=2), 0.5 + normal(m, 8, seed=3) @ normal(8, 8, seed=4)
    c_x, c_y = np.cov(x.T), np.cov(y.T)
    reference = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c_x + c_y - 2 * np.real(sqrtm(c_x @ c_y)))
    assert frechet_distance(x.float(), y.float()) == pytest.approx(float(reference), rel=1e-4)


def standard(n: int, dim: int, seed: int) -> Tensor:
    """Points with mean 0 and covariance I, to rounding."""
    x = normal(n, dim, seed=seed)
    q = torch.linalg.qr(x - x.mean(0)).Q
    return q * math.sqrt(n - 1)


def test_frechet_distance_of_gaussians_is_the_closed_form() -> None:
    s, t, shift = (torch.linspace(*ends, 6, dtype=torch.float64) for ends in ((0, 2), (3, 1), (-1, 1)))
    x, y = standard(100, 6, 1) * s, standard(70, 6, 2) * t + shift  # C_x and C_y are diagonal, and so commute
    reference = shift.square().sum() + (s - t).square().sum()
    assert frechet_distance(x, y) == pytest.approx(reference.item())
    assert frechet_distance(x, x.flip(0)) == pytest.approx(0, abs=1e-10)


def test_kernel_distance_is_its_formula() -> None:
    x, y = normal(13, 4, seed=1).numpy(), 1 + normal(9, 4, seed=2).numpy()
    k_xx, k_yy, k_xy = (polynomial_kernel(a, b, degree=3, coef0=1) for a, b in ((x, x), (y, y), (x, y)))
    within = [np.mean([k[i, j] for i, j in itertools.permutations(range(len(k)), 2)]) for k in (k_xx, k_yy)]
    value, error = kernel_distance(torch.from_numpy(x), torch.from_numpy(y), blocks=1)
    assert value == pytest.approx(sum(within) - 2 * k_xy.mean())
    assert math.isnan(error)


def test_kernel_distance_in_blocks_is_unbiased_and_knows_its_error() -> None:
    """Of clouds sorted by class, where blocks of consecutive or of evenly mixed points would be far off."""
    x = torch.cat([normal(60, 3, seed=1), 3 + normal(60, 3, seed=2)])
    y = torch.cat([normal(60, 3, seed=3), 3.2 + normal(60, 3, seed=4)])
    whole, _ = kernel_distance(x, y, blocks=1)
    values, errors = np.array([kernel_distance(x, y, blocks=6, seed=seed) for seed in range(400)]).T
    assert values.mean() == pytest.approx(whole, abs=4 * values.std() / 20)
    assert abs(values - whole).max() < 10 * errors.mean()


def test_kernel_distance_errs_as_much_as_it_says() -> None:
    runs = [(normal(80, 3, seed=2 * i), 0.2 + normal(120, 3, seed=2 * i + 1)) for i in range(300)]
    values, errors = np.array([kernel_distance(x, y, blocks=8) for x, y in runs]).T
    assert np.sqrt(np.square(errors).mean()) == pytest.approx(values.std(), rel=0.2)


def test_kernel_distance_of_equal_distributions_is_zero_on_average() -> None:
    """Of 20 points each, where the biased estimator would be off by far; and the error covers the truth."""
    value, error = kernel_distance(normal(20 * 400, 5, seed=1), normal(20 * 400, 5, seed=2), blocks=400)
    assert abs(value) < 4 * error
    biased = 2 * ((1 + 1) ** 3 - 1) / 20  # roughly (E k(x, x) - E k(x, x')) / n for each cloud
    assert error < biased / 10


def images(n: int, channels: int, height: int, width: int, noise: float) -> tuple[Tensor, Tensor]:
    truth = normal(n, channels, height, width, seed=1).clamp(-1, 1)
    return (truth + noise * normal(n, channels, height, width, seed=2)).clamp(-1, 1), truth


SIZES = [(3, 1, 28, 28, 0.1), (2, 3, 11, 20, 0.7), (1, 1, 32, 16, 1e-3)]


@pytest.mark.parametrize("size", SIZES)
def test_psnr_is_its_formula_on_each_image(size: tuple[int, int, int, int, float]) -> None:
    restored, truth = images(*size)
    reference = [
        10 * math.log10(4 / np.square(a - b).mean()) for a, b in zip(restored.numpy(), truth.numpy(), strict=True)
    ]
    np.testing.assert_allclose(psnr(restored, truth), reference)
    assert psnr(truth, truth).isinf().all()


def reference_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Wang et al. 2004 with scipy's Gaussian filter, of one channel."""

    def smooth(a: np.ndarray) -> np.ndarray:
        return gaussian_filter(a, sigma=1.5, truncate=3.5)[5:-5, 5:-5]

    m_x, m_y = smooth(x), smooth(y)
    v_x, v_y, v_xy = smooth(x * x) - m_x**2, smooth(y * y) - m_y**2, smooth(x * y) - m_x * m_y
    c_1, c_2 = 0.02**2, 0.06**2
    ratio = (2 * m_x * m_y + c_1) * (2 * v_xy + c_2) / ((m_x**2 + m_y**2 + c_1) * (v_x + v_y + c_2))
    return float(ratio.mean())


@pytest.mark.parametrize("size", SIZES)
def test_ssim_is_its_formula_on_each_image(size: tuple[int, int, int, int, float]) -> None:
    restored, truth = images(*size)
    pairs = [zip(a.numpy(), b.numpy(), strict=True) for a, b in zip(restored, truth, strict=True)]
    reference = [np.mean([reference_ssim(a, b) for a, b in pair]) for pair in pairs]
    np.testing.assert_allclose(ssim(restored, truth), reference, rtol=1e-9)
    np.testing.assert_allclose(ssim(truth, truth), 1)


BAD: dict[str, Callable[[], object]] = {
    "asked for another number": lambda: accuracy_by_class(classes(3), classes(4), 5),
    "one completion": lambda: pairwise_distance(normal(3, 1, 4)),
    "no completions": lambda: distinct_classes(classes(3)),
    "labels missing": lambda: nearest_neighbour_error(normal(3, 2), classes(2), normal(3, 2), classes(3)),
    "other features": lambda: frechet_distance(normal(5, 2), normal(5, 3)),
    "one point": lambda: frechet_distance(normal(1, 2), normal(5, 2)),
    "blocks of one": lambda: kernel_distance(normal(5, 2), normal(5, 2), blocks=3),
    "images that would broadcast": lambda: psnr(normal(4, 1, 16, 16), normal(1, 1, 16, 16)),
    "smaller than the window": lambda: ssim(normal(4, 1, 10, 16), normal(4, 1, 10, 16)),
}


@pytest.mark.parametrize("name", BAD)
def test_shapes_are_checked(name: str) -> None:
    with pytest.raises(UserError, match=r"\d"):
        BAD[name]()
