"""Measures of samples against independent implementations, on the same arrays."""

import itertools
import math

import numpy as np
import ot
import pytest
import torch
from prdc import compute_prdc
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist, jensenshannon, pdist, squareform
from scipy.stats import binomtest, chi2_contingency, wasserstein_distance
from scipy.stats import entropy as scipy_entropy
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.image.kid import poly_mmd

from gan_lab.metrics.distances import frechet_distance, gaussian, random_order
from gan_lab.metrics.diversity import EXPONENTS, ms_ssim, ms_ssim_diversity, pair
from gan_lab.metrics.frechet import extrapolated_frechet
from gan_lab.metrics.kernels import gaussian_mmd, kernel_distance_of_subsets
from gan_lab.metrics.memorisation import birthday_paradox, closest_pairs, data_copying
from gan_lab.metrics.modes import modes_found, stacked
from gan_lab.metrics.ndb import different_bins, k_means
from gan_lab.metrics.pairwise import nearest
from gan_lab.metrics.precision_recall import density_coverage, precision_recall
from gan_lab.metrics.probe import fit_probe
from gan_lab.metrics.scores import am_score, inception_score, modified_inception_score
from gan_lab.metrics.sliced import random_directions, sliced_wasserstein, wasserstein_on_lines
from gan_lab.metrics.two_sample import classifier_test, nearest_neighbour_test
from gan_lab.seeding import derive_seed


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def clouds(n: int, m: int, dim: int) -> tuple[Tensor, Tensor]:
    return normal(n, dim, seed=1) + 2, 1.3 * normal(m, dim, seed=2) + 2.2


@pytest.mark.parametrize(("n", "m", "dim"), [(300, 200, 8), (900, 1100, 64)])
def test_frechet_distance_is_that_of_torch_fidelity(n: int, m: int, dim: int) -> None:
    x, y = clouds(n, m, dim)
    reference = fid_statistics_to_metric(*(fid_features_to_statistics(z) for z in (x, y)), verbose=False)
    assert frechet_distance(x, y) == pytest.approx(reference["frechet_inception_distance"], rel=1e-7)


def test_frechet_distance_extrapolates_along_the_line_of_polyfit() -> None:
    real, fake = clouds(200, 220, 4)
    rng = torch.Generator().manual_seed(derive_seed(3, "extrapolation"))
    sizes = [40, 100, 160, 220]
    shuffled = fake[random_order(fake, rng)]
    values = [frechet_distance(real, shuffled[torch.randperm(220, generator=rng)[:n]]) for n in sizes]
    slope, limit = np.polyfit(1 / np.array(sizes), values, 1)
    assert extrapolated_frechet(real, fake, sizes=4, seed=3) == pytest.approx((limit, slope))
    mean, root = gaussian(real)
    np.testing.assert_allclose(root.T @ root, np.cov(real.T), atol=1e-12)
    np.testing.assert_allclose(mean, real.mean(0))


def test_kernel_distance_of_subsets_is_that_of_torchmetrics_and_torch_fidelity() -> None:
    x, y = clouds(150, 150, 8)
    found = kernel_distance_of_subsets(x, y, subsets=3, size=150)  # each subset is all points
    assert found.mean == pytest.approx(poly_mmd(x, y).item(), rel=1e-9)
    options = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
    reference = kernel_mmd(x.numpy(), y.numpy(), kid_kernel_poly_coef0=1, **options)
    assert found.mean == pytest.approx(reference, rel=1e-9)
    assert found.std == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bandwidth", [None, 0.7, 5.0])
def test_gaussian_mmd_is_that_of_torch_fidelity(bandwidth: float | None) -> None:
    x, y = clouds(120, 120, 6)
    found = gaussian_mmd(x, y, bandwidth, chunk=50)
    assert found.bandwidth == pytest.approx(bandwidth or np.median(pdist(torch.cat([x, y]))))
    reference = kernel_mmd(x.numpy(), y.numpy(), kid_kernel="rbf", kid_kernel_rbf_sigma=found.bandwidth)
    assert found.value == pytest.approx(reference, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(200, 150), (90, 300)])
def test_precision_and_recall_are_those_of_torch_fidelity_and_prdc(n: int, m: int, k: int) -> None:
    real, fake = clouds(n, m, 5)
    found = precision_recall(real, fake, k, chunk=70)
    reference = prc_features_to_metric(
        fake, real, prc_neighborhood=k, prc_batch_size=1000, save_cpu_ram=False, verbose=False
    )
    assert found == pytest.approx((reference["precision"], reference["recall"]))
    other = compute_prdc(real.numpy(), fake.numpy(), nearest_k=k)
    assert found == pytest.approx((other["precision"], other["recall"]))
    assert density_coverage(real, fake, k, chunk=70) == pytest.approx((other["density"], other["coverage"]))


@pytest.mark.parametrize(("n", "m"), [(100, 100), (60, 84), (50, 7)])
@pytest.mark.parametrize("order", [1.0, 2.0, 3.0])
def test_sliced_wasserstein_is_that_of_pot(n: int, m: int, order: float) -> None:
    x, y = clouds(n, m, 6)
    lines = random_directions(6, 40, seed=5)
    reference = ot.sliced_wasserstein_distance(x.numpy(), y.numpy(), p=order, projections=lines.numpy())
    assert sliced_wasserstein(x, y, 40, order, seed=5, chunk=13) == pytest.approx(reference, rel=1e-9)


def test_wasserstein_on_lines_is_that_of_scipy() -> None:
    x, y = normal(31, 3, seed=1), 0.4 + normal(45, 3, seed=2)
    reference = [wasserstein_distance(a, b) for a, b in zip(x.T.numpy(), y.T.numpy(), strict=True)]
    np.testing.assert_allclose(wasserstein_on_lines(x, y, 1.0), reference)


@pytest.mark.parametrize("k", [1, 4])
def test_nearest_is_that_of_scikit_learn(k: int) -> None:
    points, others = normal(60, 9, seed=1), normal(47, 9, seed=2)
    reference = NearestNeighbors(n_neighbors=k).fit(others)
    for mine, theirs in zip(nearest(points, others, k, chunk=17), reference.kneighbors(points), strict=True):
        np.testing.assert_allclose(mine, theirs)
    among = NearestNeighbors(n_neighbors=k).fit(points).kneighbors()  # without the point itself
    for mine, theirs in zip(nearest(points, k=k, chunk=17), among, strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_nearest_neighbour_test_leaves_one_out_as_scikit_learn_does() -> None:
    real, fake = clouds(70, 70, 3)
    kinds = np.repeat([0, 1], 70)
    guessed = cross_val_predict(KNeighborsClassifier(1), torch.cat([real, fake]).numpy(), kinds, cv=LeaveOneOut())
    right = guessed == kinds
    found = nearest_neighbour_test(real, fake, chunk=23)
    assert found == pytest.approx((right.mean(), right[:70].mean(), right[70:].mean()))


@pytest.mark.parametrize("classes", [2, 4])
def test_the_probe_is_the_logistic_regression_of_scikit_learn(classes: int) -> None:
    x, new = normal(300, 5, seed=1), normal(500, 5, seed=2)
    labels = (x @ normal(5, classes, seed=3) + normal(300, classes, seed=4)).argmax(1)
    decay = 0.01
    scaler = StandardScaler().fit(x)
    # scikit-learn's objective is C times the sum; of two classes it has one weight vector, where ours has two halves.
    strength = 1 / (len(x) * decay) * (2 if classes == 2 else 1)
    model = LogisticRegression(C=strength, max_iter=1000, tol=1e-8).fit(scaler.transform(x), labels)
    found = fit_probe(x, labels, classes, decay=decay)(new)
    assert (found.numpy() == model.predict(scaler.transform(new))).mean() > 0.995


def test_the_two_sample_test_has_the_p_value_of_scipy() -> None:
    found = classifier_test(*clouds(80, 90, 4), hidden=0)
    reference = binomtest(round(found.accuracy * 80), 80, alternative="greater")
    assert found.p_value == pytest.approx(reference.pvalue)


def test_different_bins_are_those_of_scipys_test() -> None:
    real, fake = clouds(400, 300, 3)
    centres = k_means(real, 15, seed=2)
    p, q = (np.bincount(cdist(z, centres).argmin(1), minlength=15) for z in (real, fake))
    tests = [chi2_contingency([[a, 400 - a], [b, 300 - b]], correction=False).pvalue for a, b in zip(p, q, strict=True)]
    found = different_bins(real, fake, bins=15, seed=2, chunk=64)
    assert found.different == sum(value < 0.05 for value in tests)
    assert 0 < found.different < 15
    assert found.share == found.different / 15
    assert found.jsd == pytest.approx(jensenshannon(p, q) ** 2)


def test_closest_pairs_and_birthdays_are_those_of_all_distances() -> None:
    points = normal(50, 2)
    distances = pdist(points)
    order = np.argsort(distances)[:30]
    pairs = np.array(list(itertools.combinations(range(50), 2)))
    for chunk in (1000, 7, 1):
        found = closest_pairs(points, 30, chunk)
        np.testing.assert_allclose(found.distances, distances[order])
        np.testing.assert_array_equal(found.indices, pairs[order])
    assert birthday_paradox(points, 0.1, chunk=7).collision == pytest.approx((distances <= 0.1).mean())


def test_data_copying_counts_pairs() -> None:
    train, held_out, fake = normal(60, 3, seed=1), normal(40, 3, seed=2), 0.5 * normal(30, 3, seed=3)
    x, y = (cdist(z, train).min(1) for z in (held_out, fake))
    assert data_copying(train, held_out, fake).probability == pytest.approx((y[:, None] < x).mean())


@pytest.mark.parametrize("splits", [1, 4])
def test_inception_score_is_that_of_torch_fidelity(splits: int) -> None:
    logits = 3 * normal(100, 6)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(derive_seed(7, "splits")))
    reference = isc_features_to_metric(logits[order], splits, shuffle=False)
    found = inception_score(logits.softmax(1), splits, seed=7)
    assert found == pytest.approx((reference["inception_score_mean"], reference["inception_score_std"]))


def test_modified_inception_score_is_the_mean_over_pairs() -> None:
    p = (2 * normal(60, 3)).softmax(1).numpy()
    groups = [p[p.argmax(1) == c] for c in range(3)]
    each = [math.exp(np.mean([scipy_entropy(a, b) for a, b in itertools.product(g, g)])) for g in groups]
    assert modified_inception_score(torch.from_numpy(p)) == pytest.approx(np.mean(each))


def test_am_score_and_modes_have_the_entropies_of_scipy() -> None:
    p, q = ((2 * normal(80, 4, seed=seed)).softmax(1) for seed in (1, 2))
    reference = scipy_entropy(p.mean(0), q.mean(0)) + scipy_entropy(q.numpy(), axis=1).mean()
    assert am_score(p, q) == pytest.approx(reference)
    classes, shares = q.argmax(1) % 3, p.mean(0)
    found = modes_found(classes, 4, shares)
    assert found == (3, pytest.approx(scipy_entropy(np.bincount(classes, minlength=4), shares)))
    assert stacked(torch.tensor([[2, 0, 7], [9, 9, 9]])).tolist() == [207, 999]


def reference_ms_ssim(x: np.ndarray, y: np.ndarray, exponents: list[float]) -> float:
    """Wang et al. 2003 with scipy's Gaussian filter, of one channel."""

    def smooth(a: np.ndarray) -> np.ndarray:
        return gaussian_filter(a, sigma=1.5, truncate=3.5)[5:-5, 5:-5]

    found = 1.0
    for scale, exponent in enumerate(exponents):
        m_x, m_y = smooth(x), smooth(y)
        contrast = (2 * (smooth(x * y) - m_x * m_y) + 0.06**2) / (
            smooth(x * x) - m_x**2 + smooth(y * y) - m_y**2 + 0.06**2
        )
        luminance = (2 * m_x * m_y + 0.02**2) / (m_x**2 + m_y**2 + 0.02**2)
        last = scale == len(exponents) - 1
        found *= max(0, (luminance * contrast if last else contrast).mean()) ** (exponent / sum(exponents))
        h, w = (side // 2 * 2 for side in x.shape)
        x, y = (a[:h, :w].reshape(h // 2, 2, w // 2, 2).mean((1, 3)) for a in (x, y))
    return float(found)


@pytest.mark.parametrize(("height", "width", "scales"), [(11, 20, 1), (28, 28, 2), (45, 50, 3), (180, 176, 5)])
def test_ms_ssim_is_its_formula_on_each_pair(height: int, width: int, scales: int) -> None:
    x = torch.from_numpy(gaussian_filter(normal(3, 1, height, width).numpy(), (0, 0, 1, 1)))
    y = (x + 0.2 * normal(3, 1, height, width, seed=2)).clamp(-1, 1)
    reference = [
        reference_ms_ssim(a[0].numpy(), b[0].numpy(), list(EXPONENTS[:scales])) for a, b in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(ms_ssim(x, y), reference, rtol=1e-9)
    np.testing.assert_allclose(ms_ssim(x, x), 1)


def test_diversity_is_the_mean_over_the_pairs_of_a_class() -> None:
    x, labels = normal(9, 1, 12, 12).clamp(-1, 1), torch.tensor([0, 1, 0, 1, 1, 3, 0, 3, 1])
    each = []
    for label in (0, 1, 3):
        members = x[labels == label]
        each.append(np.mean([ms_ssim(a[None], b[None]).item() for a, b in itertools.combinations(members, 2)]))
    found = ms_ssim_diversity(x, labels, pairs=100)
    np.testing.assert_allclose(found.by_class, each)
    assert found.mean == pytest.approx(np.mean(each))
    assert sorted(pair(p) for p in range(36)) == sorted(itertools.combinations(range(9), 2))
    assert ms_ssim_diversity(x, pairs=36).mean == pytest.approx(ms_ssim_diversity(x, pairs=99).mean)


def test_squareform_agrees_that_twins_are_zero_apart() -> None:
    points = torch.cat([normal(20, 784).float(), normal(20, 784).float()]) + 100
    assert np.count_nonzero(squareform(pdist(points)) == 0) == 40 + 40  # each of 40 points, and its twin
    found = nearest(points, chunk=7)
    assert found.distances.eq(0).all()
    assert (found.indices[:, 0] - torch.arange(40)).abs().eq(20).all()
