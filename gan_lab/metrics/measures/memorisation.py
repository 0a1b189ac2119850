"""Metrics of two-sample tests, memorisation, duplicates, diversity and likelihood."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from gan_lab.metrics.diversity import ms_ssim_diversity
from gan_lab.metrics.likelihood import feature_likelihood
from gan_lab.metrics.memorisation import (
    authenticity,
    birthday_error,
    birthday_paradox,
    closest_pairs,
    copying_by_cells,
    copying_by_distances,
)
from gan_lab.metrics.metric import Best
from gan_lab.metrics.pairwise import nearest, paired
from gan_lab.metrics.parzen import best_sigma, parzen_log_likelihood
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.metrics.two_sample import classifier_test, nearest_neighbour_test
from gan_lab.metrics.uncertainty import binomial_error
from gan_lab.ranges import NonNegativeInt, PositiveInt

SIGMAS = torch.logspace(-1.5, 0.5, 9).tolist()  # a quarter of a decade apart, for data of some unit of size
TUNING = 1000  # real samples that choose among them


@dataclass(frozen=True)
class NearestNeighbourTest:
    """`nearest_neighbour_test`: the leave-one-out accuracy of a 1-NN classifier of real and generated: 1/2 is best.

    Lopez-Paz & Oquab 2017; Xu et al. 2018. Near 0 samples are copies. Of unequal numbers the first ones are taken.
    """

    figures: ClassVar[Mapping[str, Best]] = {"nearest_neighbour_test": 0.5}
    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        n = min(real.n, fake.n)
        return {"nearest_neighbour_test": nearest_neighbour_test(real.features[:n], fake.features[:n]).accuracy}


@dataclass(frozen=True)
class ClassifierTest:
    """`classifier_test`: the held-out accuracy of a perceptron that learns to tell real and generated: 1/2 is best.

    The C2ST (Lopez-Paz & Oquab 2017), with `hidden` ReLUs (0: logistic regression). Its error is the binomial's.
    """

    figures: ClassVar[Mapping[str, Best]] = {"classifier_test": 0.5}
    error_source: ClassVar[str] = "the points asked about redrawn, given the classifier"
    needs: ClassVar[tuple[str, ...]] = ()
    hidden: NonNegativeInt = 20

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        accuracy = classifier_test(real.features, fake.features, self.hidden).accuracy
        asked = 2 * (min(real.n, fake.n) // 2)
        return {"classifier_test": accuracy, "classifier_test/error": binomial_error(accuracy, asked)}


def unseen(real: RealSamples) -> list[str]:
    """Said of a metric that looks for copies of the real samples, where these are a part of the training data."""
    if real.of is None or real.n >= real.of:
        return []
    return [
        f"looks for copies of {real.n:,} of the {real.of:,} training samples alone; of all: features=pixels real=all"
    ]


@dataclass(frozen=True)
class Copying:
    """`copying`: P(a sample is nearer to the training data than a held-out real one is): 1/2 is best (Meehan 2020).

    Near 1 samples are copies, near 0 they are far from all data. The training data are the real samples: only copies of
    those are seen, so take all of them (`real`). Its error is that for equal laws.
    """

    figures: ClassVar[Mapping[str, Best]] = {"copying": 0.5}
    error_source: ClassVar[str] = "fakes and held-out samples redrawn, under equal laws"
    needs: ClassVar[tuple[str, ...]] = ("held_out",)

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        n, m = real.held_out.n, fake.n
        paired(real.features, fake.features)
        found = copying_by_distances(real.to_held_out, nearest(fake.features, real.features).distances[:, 0])
        return {"copying": found.probability, "copying/error": math.sqrt((n + m + 1) / (12 * n * m))}

    def doubts(self, real: RealSamples, fake: Samples) -> list[str]:
        return unseen(real)


@dataclass(frozen=True)
class CopyingByCells:
    """`copying_by_cells`: C_T of Meehan et al. 2020, which sees copies in one part of the data alone: 0 is best.

    Below some -3 samples are copies, above 3 they are far from the data. In `cells` cells, those that have more than
    `least` samples. The training data are the real samples: only copies of those are seen, so take all (`real`).
    """

    figures: ClassVar[Mapping[str, Best]] = {"copying_by_cells": 0.0}
    needs: ClassVar[tuple[str, ...]] = ("held_out",)
    cells: PositiveInt = 3
    least: PositiveInt = 20

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        train, held_out = real.features, real.held_out.features
        return {"copying_by_cells": copying_by_cells(train, held_out, fake.features, self.cells, self.least)}

    def doubts(self, real: RealSamples, fake: Samples) -> list[str]:
        return unseen(real)


@dataclass(frozen=True)
class Authenticity:
    """`authenticity`: the share of samples that are no noisy copies of a real one (Alaa et al. 2022); AuthPct in 0..1.

    Best near what other real samples get: those far from all data have more. Only copies of the real samples are seen.
    """

    figures: ClassVar[Mapping[str, Best]] = {"authenticity": "real"}
    error_source: ClassVar[str] = "fakes redrawn"
    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        share = authenticity(real.features, fake.features)
        return {"authenticity": share, "authenticity/error": binomial_error(share, fake.n)}


@dataclass(frozen=True)
class FeatureLikelihood:
    """`fld`: how much less likely held-out data are around samples than around real ones (Jiralerspong et al. 2023).

    About 0 for equal laws, and higher where samples are poor, too alike, or copies. `fld_gap`: training data less
    held-out ones; far below 0 for copies, best near what other real samples get. The first 10,000 of each count.
    """

    figures: ClassVar[Mapping[str, Best]] = {"fld": "lower", "fld_gap": "real"}
    needs: ClassVar[tuple[str, ...]] = ("held_out",)

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        value, gap = feature_likelihood(real.features, real.held_out.features, fake.features)
        return {"fld": value, "fld_gap": gap}


@dataclass(frozen=True)
class Birthday:
    """`collision`: the probability that two samples are twins; 1 / it is the support's size (Arora & Zhang 2017).

    Twins are as near as the `twins` nearest pairs of the real samples, so that these have `twins` pairs of them: the
    floor's figure is what a generator as rich as the data has. That is a count of few: its error, of which half comes
    from the real samples, is some third of the figure.
    """

    figures: ClassVar[Mapping[str, Best]] = {"collision": "real"}
    error_source: ClassVar[str] = "both redrawn"
    needs: ClassVar[tuple[str, ...]] = ()
    twins: PositiveInt = 20

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        threshold = closest_pairs(real.features, self.twins).distances[-1].item()
        error = birthday_error(real.features, fake.features, threshold)
        return {"collision": birthday_paradox(fake.features, threshold).collision, "collision/error": error}


@dataclass(frozen=True)
class MsSsim:
    """`ms_ssim`: how alike two images are, the mean over `pairs` random pairs; of 11 pixels or more.

    Lower is more diverse, but noise is most diverse of all: best near what real images get.
    """

    figures: ClassVar[Mapping[str, Best]] = {"ms_ssim": "real"}
    needs: ClassVar[tuple[str, ...]] = ("images",)
    pairs: PositiveInt = 1000

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        return {"ms_ssim": ms_ssim_diversity(fake.images, None, self.pairs).mean}


@dataclass(frozen=True)
class MsSsimByClass:
    """`ms_ssim_by_class`: the same of `pairs` pairs of each class that was asked for (Odena et al. 2017), averaged."""

    figures: ClassVar[Mapping[str, Best]] = {"ms_ssim_by_class": "real"}
    needs: ClassVar[tuple[str, ...]] = ("images", "labels")
    pairs: PositiveInt = 100

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        return {"ms_ssim_by_class": ms_ssim_diversity(fake.images, fake.labels, self.pairs).mean}


@dataclass(frozen=True)
class Parzen:
    """`parzen`: the mean log-likelihood of real samples under a Parzen window of the generated ones, in nats.

    Breuleux et al. 2011, of samples as they are. The first real ones (a quarter, at most 1,000) choose its width, the
    others are asked; the error is that of drawing those. Known to rank badly in high dimensions (Theis et al. 2016):
    samples that keep to the middle of the data may have more than real ones, so that it is best near what those get.
    """

    figures: ClassVar[Mapping[str, Best]] = {"parzen": "real"}
    error_source: ClassVar[str] = "reference redrawn"
    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        cut = min(TUNING, max(1, real.n // 4))
        tuning, asked = real.images.flatten(1)[:cut], real.images.flatten(1)[cut:]
        samples = fake.images.flatten(1)
        sigma, _ = best_sigma(samples, tuning, SIGMAS)
        found = parzen_log_likelihood(samples, asked, sigma)
        return {"parzen": found.mean().item(), "parzen/error": found.std().item() / math.sqrt(len(found))}
