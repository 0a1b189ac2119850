"""Are the figures right where the truth is known? `python benchmarks/calibration.py [TRIALS]` (2,000) prints the table.

Each case draws what a figure is computed of from known laws, again and again, and says after each draw what the figure
was, what it should have been and the interval that its `+-` makes (95 %, by the normal law, or by Student's t where
the metric says so), or the p-value of a test whose null hypothesis holds. Printed are the figure's bias with its
Monte-Carlo error, the share of intervals that hold the truth, and the share of p-values below 0.05.

Where an error covers the fakes alone, the reference is one for all draws, and the truth is the mean over many fakes.
"""

import math
import sys
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
from scipy.stats import t as student
from torch import Tensor

from gan_lab.metrics.distances import between_gaussians, gaussian, kernel_distance
from gan_lab.metrics.estimates import estimate, holm, paired, welch
from gan_lab.metrics.frechet import extrapolated_frechet, frechet_interval
from gan_lab.metrics.kernels import gaussian_mmd
from gan_lab.metrics.memorisation import birthday_error, birthday_paradox, closest_pairs, data_copying
from gan_lab.metrics.modes import coverage, modes_found
from gan_lab.metrics.ndb import different_bins
from gan_lab.metrics.parzen import parzen_log_likelihood
from gan_lab.metrics.precision_recall import density_coverage, precision_recall
from gan_lab.metrics.probe import fit_probe
from gan_lab.metrics.scores import inception_score, inception_score_bias
from gan_lab.metrics.sliced import sliced_wasserstein
from gan_lab.metrics.two_sample import classifier_test, nearest_neighbour_test
from gan_lab.metrics.uncertainty import binomial_error, jackknife_error

NORMAL = 1.959964
MANY = 2000  # draws that a truth is the mean of, where no formula gives it


class Trial(NamedTuple):
    """One draw: the figure, the truth, the half width of its interval (NaN: it has none), or a p-value."""

    value: float = math.nan
    truth: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan


class Case(NamedTuple):
    """A figure under a law: what a seed's draw gives, and what is claimed of it."""

    draw: Callable[[int], Trial]
    biased: bool = False  # it says so, and is to be read beside the floor
    covers: bool = False  # 93 to 97 % of its intervals hold the truth
    sized: bool = True  # at most 5 % of its p-values are below 0.05


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def around(value: float, truth: float, error: float, freedom: int | None = None) -> Trial:
    half = error * (NORMAL if freedom is None else float(student.ppf(0.975, freedom)))
    return Trial(value, truth, value - half, value + half)


@cache
def expected(figure: Callable[[int], float]) -> float:
    """The mean of a figure over draws that no trial has."""
    return sum(figure(10**6 + seed) for seed in range(MANY)) / MANY


# --- metrics: of normal points, the fakes shifted by 0.3 in each coordinate where they are not perfect ----------------

DIM, N, SHIFT = 4, 200, 0.3


def real(seed: int) -> Tensor:
    return normal(N, DIM, seed=seed)


def fake(seed: int, shift: float = SHIFT) -> Tensor:
    return shift + normal(N, DIM, seed=seed + 10**8)


REFERENCE = gaussian(real(-1 % 2**31))


def frechet_of(points: Tensor) -> float:
    return between_gaussians(REFERENCE, gaussian(points))


def frechet_expected(seed: int) -> float:
    return frechet_of(fake(seed))


def frechet(seed: int) -> Trial:
    points = fake(seed)
    error = jackknife_error(frechet_of, points, groups=10)
    return around(frechet_of(points), expected(frechet_expected), error, 9)


def frechet_infinity(shift: float) -> Callable[[int], Trial]:
    def draw(seed: int) -> Trial:
        points = shift + normal(50 * DIM, DIM, seed=seed)
        truth = normal(20_000, DIM, seed=10**7)
        return Trial(extrapolated_frechet(truth, points).limit, DIM * shift**2)

    return draw


def frechet_range(seed: int) -> Trial:
    found = frechet_interval(real(seed), fake(seed), resamples=100, seed=seed)
    return Trial((found.low + found.high) / 2, DIM * SHIFT**2, found.low, found.high)


def kernel(shift: float) -> Callable[[int], Trial]:
    """E (1 + s)^3 of s = x . y / d, with the moments of s for x, y ~ N(m, I)."""

    def mean(a: float, variance: float, third: float) -> float:
        return (1 + a) ** 3 + 3 * (1 + a) * variance + third

    m = DIM * shift**2
    within, among = mean(0, 1 / DIM, 0), mean(m / DIM, (2 * m + DIM) / DIM**2, 6 * m / DIM**3)
    truth = within + among - 2 * mean(0, (m + DIM) / DIM**2, 0)

    def draw(seed: int) -> Trial:
        value, error = kernel_distance(real(seed), fake(seed, shift))
        return around(value, truth, error, 9)

    return draw


def mmd(seed: int) -> Trial:
    return Trial(gaussian_mmd(real(seed), fake(seed, 0), 2.0).value, 0)


def sliced(seed: int) -> Trial:
    return Trial(sliced_wasserstein(real(seed), fake(seed, 0), 50), 0)


CLOUD = real(0)


def precision_expected(seed: int) -> float:
    return precision_recall(CLOUD, fake(seed)).precision


def precision(seed: int) -> Trial:
    value = precision_expected(seed)
    return around(value, expected(precision_expected), binomial_error(value, N))


def density(seed: int) -> Trial:
    return Trial(density_coverage(real(seed), fake(seed, 0)).density, 1)


def cover(seed: int) -> Trial:
    return Trial(density_coverage(real(seed), fake(seed, 0)).coverage, 1 - 2**-5)


def bins(seed: int) -> Trial:
    return Trial(different_bins(real(seed), fake(seed, 0), bins=20, seed=seed).share, 0.05)


def mode_divergence(seed: int) -> Trial:
    classes = torch.randint(10, (N,), generator=torch.Generator().manual_seed(seed))
    return Trial(modes_found(classes, 10).kl, 9 / (2 * N))


def high_quality(seed: int) -> Trial:
    share = coverage(normal(2500, 2, seed=seed), torch.zeros(1, 2), 1.0).high_quality
    return around(share, 1 - math.exp(-4.5), binomial_error(share, 2500))


def nearest_neighbour(seed: int) -> Trial:
    return Trial(nearest_neighbour_test(real(seed), fake(seed, 0)).accuracy, 0.5)


def c2st(seed: int) -> Trial:
    found = classifier_test(real(seed), fake(seed, 0), hidden=0, seed=seed)
    return around(found.accuracy, 0.5, binomial_error(found.accuracy, N))._replace(p=found.p_value)


def copying(seed: int) -> Trial:
    found = data_copying(real(seed), fake(seed, 0), normal(N, DIM, seed=seed + 10**7))
    return around(found.probability, 0.5, math.sqrt((2 * N + 1) / (12 * N * N)))


def birthday(seed: int) -> Trial:
    x, y = real(seed), fake(seed, 0)
    threshold = closest_pairs(x, 20).distances[-1].item()
    value = birthday_paradox(y, threshold).collision
    return around(value, 20 / (N * (N - 1) / 2), birthday_error(x, y, threshold))


def parzen(seed: int) -> Trial:
    asked = parzen_log_likelihood(CLOUD, real(seed), 0.5)
    return around(asked.mean().item(), expected(parzen_expected), asked.std().item() / math.sqrt(N))


def parzen_expected(seed: int) -> float:
    return parzen_log_likelihood(CLOUD, real(seed), 0.5).mean().item()


def probabilities(seed: int, n: int = N) -> Tensor:
    return (3 * normal(n, 10, seed=seed)).softmax(1)


@cache
def endless_score() -> float:
    return inception_score(probabilities(1, 400_000), 1).mean


def inception_expected(seed: int) -> float:
    return inception_score(probabilities(seed)).mean


def inception(against: Callable[[], float], corrected: bool = False) -> Callable[[int], Trial]:
    def draw(seed: int) -> Trial:
        p = probabilities(seed)
        mean, deviation = inception_score(p)
        bias = inception_score_bias(p) if corrected else 0.0
        return around(mean - bias, against(), deviation / math.sqrt(9), 9)

    return draw


def recognition(seed: int) -> Trial:
    share = (torch.rand(N, generator=torch.Generator().manual_seed(seed)) < 0.8).double().mean().item()
    return around(share, 0.8, binomial_error(share, N))


def learner(seed: int) -> Trial:
    """Of two classes that overlap; the truth is the learner's share of right answers about many points."""

    def classes(n: int, seed: int) -> tuple[Tensor, Tensor]:
        y = torch.arange(n) % 2
        return normal(n, DIM, seed=seed) + y[:, None], y

    x, y = classes(5000, seed + 10**7)
    right = fit_probe(*classes(N, seed), num_classes=2)(x).eq(y).double()
    share = right[:N].mean().item()
    return around(share, right[N:].mean().item(), binomial_error(share, N))


# --- tables of runs: normal values of seeds ---------------------------------------------------------------------------


def values(n: int, seed: int, scale: float = 1.0) -> list[float]:
    return (scale * normal(n, seed=seed)).tolist()


def mean_of_seeds(n: int) -> Callable[[int], Trial]:
    def draw(seed: int) -> Trial:
        e = estimate(values(n, seed))
        return Trial(e.mean, 0, e.mean - e.half_width, e.mean + e.half_width)

    return draw


def pairs(n: int) -> Callable[[int], Trial]:
    """Rows whose seeds have something in common."""

    def draw(seed: int) -> Trial:
        common = normal(n, seed=seed + 10**7)
        return Trial(p=paired(*((common + normal(n, seed=2 * seed + i)).tolist() for i in range(2))))

    return draw


def welch_of(n: int, m: int, scale: float = 1.0) -> Callable[[int], Trial]:
    return lambda seed: Trial(p=welch(values(n, 2 * seed), values(m, 2 * seed + 1, scale)))


def best_two(k: int, n: int = 5) -> Callable[[int], Trial]:
    """Of k equal rows: the p-value of the best against the second, and the interval of the best one's mean."""

    def draw(seed: int) -> Trial:
        best, second = sorted((values(n, k * seed + i) for i in range(k)), key=sum)[:2]
        e = estimate(best)
        return Trial(e.mean, 0, e.mean - e.half_width, e.mean + e.half_width, paired(best, second))

    return draw


def columns(k: int, n: int = 5, correct: bool = True) -> Callable[[int], Trial]:
    """Of k independent figures of two equal rows, the least p-value."""

    def draw(seed: int) -> Trial:
        found = [paired(values(n, 2 * (k * seed + i)), values(n, 2 * (k * seed + i) + 1)) for i in range(k)]
        return Trial(p=min(holm(found) if correct else found))

    return draw


CASES = {
    "frechet (its error: fakes redrawn)": Case(frechet, covers=True),
    "frechet_infinity, perfect, n = 50 d": Case(frechet_infinity(0)),
    "frechet_infinity, shifted, n = 50 d": Case(frechet_infinity(0.3)),
    "frechet_low, frechet_high (truth: the laws' distance)": Case(frechet_range, biased=True),
    "kernel, perfect": Case(kernel(0), covers=True),
    "kernel, shifted": Case(kernel(SHIFT), covers=True),
    "mmd, perfect": Case(mmd),
    "sliced_wasserstein, perfect": Case(sliced, biased=True),
    "precision (fakes redrawn)": Case(precision, covers=True),
    "density, perfect": Case(density),
    "coverage, perfect": Case(cover, biased=True),
    "different_bins, perfect (truth: its level)": Case(bins, biased=True),
    "mode_divergence, perfect (truth: (K - 1) / 2 n)": Case(mode_divergence, biased=True),
    "high_quality, perfect": Case(high_quality, covers=True),
    "nearest_neighbour_test, perfect": Case(nearest_neighbour),
    "classifier_test, perfect, and its p-value": Case(c2st, covers=True),
    "copying, perfect": Case(copying, covers=True),
    "collision, perfect": Case(birthday, biased=True),
    "parzen (reference redrawn)": Case(parzen, covers=True),
    "inception_score (fakes redrawn)": Case(inception(lambda: expected(inception_expected)), covers=True),
    "inception_score of endless samples": Case(inception(endless_score), biased=True),
    "inception_score less its estimated bias": Case(inception(endless_score, corrected=True), biased=True),
    "train_on_real (points asked about redrawn)": Case(learner, covers=True),
    "recognition": Case(recognition, covers=True),
    "compare: mean over 3 seeds": Case(mean_of_seeds(3), covers=True),
    "compare: mean over 5 seeds": Case(mean_of_seeds(5), covers=True),
    "compare: paired test, 3 seeds": Case(pairs(3)),
    "compare: paired test, 5 seeds": Case(pairs(5)),
    "compare: Welch, 3 and 3 seeds": Case(welch_of(3, 3)),
    "compare: Welch, 3 and 10 seeds": Case(welch_of(3, 10)),
    "compare: Welch, 3 and 10 seeds, sd 1 and 1/3": Case(welch_of(3, 10, 1 / 3)),
    "compare: Welch, 10 and 3 seeds, sd 1 and 1/3": Case(welch_of(10, 3, 1 / 3)),
    "compare: the best two of 3 equal rows": Case(best_two(3), biased=True),
    "compare: the best two of 10 equal rows": Case(best_two(10), biased=True),
    "compare: the least of 4 p-values by Holm": Case(columns(4)),
    "compare: the least of 10 p-values by Holm": Case(columns(10)),
    "compare: the least of 10 p-values as they are": Case(columns(10, correct=False), sized=False),
}


class Summary(NamedTuple):
    """Of the trials of a case: mean, bias and its Monte-Carlo error, coverage, and size at 0.05; NaN: it has none."""

    mean: float
    truth: float
    bias: float
    error: float
    coverage: float
    size: float


def summarise(case: Case, trials: int) -> Summary:
    found = torch.tensor([case.draw(seed) for seed in range(trials)], dtype=torch.float64)
    value, truth, low, high, p = found.unbind(1)
    off = value - truth
    held = ((low <= truth) & (truth <= high)).double().mean().item() if low.isfinite().all() else math.nan
    size = (p <= 0.05).double().mean().item() if p.isfinite().all() else math.nan
    error = off.std().item() / math.sqrt(trials)
    return Summary(value.mean().item(), truth.mean().item(), off.mean().item(), error, held, size)


def main(trials: int) -> None:
    print("| figure | truth | mean | bias, +- its Monte-Carlo error | intervals that hold the truth | p <= 0.05 |")
    print("|---|---|---|---|---|---|")
    for name, case in CASES.items():
        s = summarise(case, trials)
        shown = [
            f"{s.truth:.4g}",
            f"{s.mean:.4g}",
            f"{s.bias:.2g} +- {s.error:.1g}",
            f"{s.coverage:.3f}",
            f"{s.size:.3f}",
        ]
        print(f"| {name} | {' | '.join('' if 'nan' in part else part for part in shown)} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
