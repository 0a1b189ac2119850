"""Metrics of distance between generated and real samples."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gan_lab.metrics.distances import between_gaussians, frechet_by_class, gaussian, kernel_distance
from gan_lab.metrics.frechet import extrapolated_frechet, frechet_interval
from gan_lab.metrics.kernels import gaussian_mmd, kernel_distance_of_subsets, median_distance
from gan_lab.metrics.metric import Best
from gan_lab.metrics.pairwise import paired
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.metrics.sliced import sliced_wasserstein
from gan_lab.metrics.uncertainty import doubts, jackknife_error
from gan_lab.ranges import NonNegativeInt, OpenUnitInterval, PositiveFloat, PositiveInt


class OfGaussians:
    """What the metrics share that estimate covariances, and so need many samples."""

    needs: ClassVar[tuple[str, ...]] = ()

    def doubts(self, real: RealSamples, fake: Samples) -> list[str]:
        return doubts(real.features, fake.features)


@dataclass(frozen=True)
class Frechet(OfGaussians):
    """`frechet`: the squared Frechet distance of the features' Gaussians (Heusel et al. 2017); 0 where they are equal.

    Its error is that of drawing these generated samples rather than others, from a jackknife over `groups` groups of
    them (0: no error); it does not know of the bias, which falls with their number.
    """

    figures: ClassVar[Mapping[str, Best]] = {"frechet": "lower"}
    groups: NonNegativeInt = 10

    @property
    def error_source(self) -> str:
        return f"fakes redrawn, without the bias; t with {self.groups - 1} degrees of freedom"

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        paired(real.features, fake.features)
        target = gaussian(real.features)
        found = {"frechet": between_gaussians(target, gaussian(fake.features))}
        if self.groups:
            error = jackknife_error(lambda x: between_gaussians(target, gaussian(x)), fake.features, self.groups)
            found["frechet/error"] = error
        return found


@dataclass(frozen=True)
class IntraFrechet:
    """`intra_frechet`: the mean over classes of the Frechet distance within one, the intra-FID (Miyato & Koyama 2018).

    Of class-conditional generators. Its bias is that of the few samples of a class: compare at equal n only.
    """

    figures: ClassVar[Mapping[str, Best]] = {"intra_frechet": "lower"}
    needs: ClassVar[tuple[str, ...]] = ("labels",)

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        return {"intra_frechet": frechet_by_class(real.features, real.labels, fake.features, fake.labels)}

    def doubts(self, real: RealSamples, fake: Samples) -> list[str]:
        """Too few samples of a class for covariances."""
        fewest, dim = min(int(labels.bincount().min()) for labels in (real.labels, fake.labels)), real.features.shape[1]
        if fewest >= 10 * dim:
            return []
        return [
            f"{fewest} samples of a class are few for {dim} features: below {10 * dim} a Frechet distance says more "
            "about their number than about them, so compare it at equal n only"
        ]


@dataclass(frozen=True)
class FrechetInfinity(OfGaussians):
    """`frechet_infinity`: the Frechet distance that infinitely many samples would have (Chong & Forsyth 2020).

    From a line through the distances of `sizes` subsets; needs fifty samples for each feature.
    """

    figures: ClassVar[Mapping[str, Best]] = {"frechet_infinity": "lower"}
    sizes: PositiveInt = 15

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        return {"frechet_infinity": extrapolated_frechet(real.features, fake.features, self.sizes).limit}


@dataclass(frozen=True)
class FrechetInterval(OfGaussians):
    """`frechet_low`, `frechet_high`: a bootstrap interval of the distance, free of the bias of both sides.

    Both are redrawn. A range rather than a confidence interval: see `frechet_interval` for what it covers.
    """

    figures: ClassVar[Mapping[str, Best]] = {"frechet_low": "lower", "frechet_high": "lower"}
    resamples: PositiveInt = 200
    level: OpenUnitInterval = 0.95

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        _, low, high = frechet_interval(real.features, fake.features, self.resamples, self.level)
        return {"frechet_low": low, "frechet_high": high}


@dataclass(frozen=True)
class Kernel:
    """`kernel`: the unbiased squared MMD of the features under a cubic kernel, the KID (Binkowski et al. 2018).

    Mean over `blocks` disjoint parts, and its error from their spread. It may fall below 0. The 95 % interval of ten
    blocks is 2.26 errors each way, by Student's t with nine degrees of freedom.
    """

    figures: ClassVar[Mapping[str, Best]] = {"kernel": "lower"}
    needs: ClassVar[tuple[str, ...]] = ()
    blocks: PositiveInt = 10

    @property
    def error_source(self) -> str:
        return f"both redrawn; t with {self.blocks - 1} degrees of freedom"

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        value, error = kernel_distance(real.features, fake.features, self.blocks)
        return {"kernel": value} if math.isnan(error) else {"kernel": value, "kernel/error": error}


@dataclass(frozen=True)
class KernelSubsets:
    """`kernel_subsets`: the KID as most papers report it, the mean over `subsets` random subsets of `size` samples.

    The subsets overlap, so that their spread is no error of the mean, and none is said; `kernel` has one.
    """

    figures: ClassVar[Mapping[str, Best]] = {"kernel_subsets": "lower"}
    needs: ClassVar[tuple[str, ...]] = ()
    subsets: PositiveInt = 100
    size: PositiveInt = 1000

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        found = kernel_distance_of_subsets(real.features, fake.features, self.subsets, self.size)
        return {"kernel_subsets": found.mean}


@dataclass(frozen=True)
class MMD:
    """`mmd`: the unbiased squared MMD of the features under a Gaussian kernel (Gretton et al. 2012); may be below 0.

    The `bandwidth` is in the features' units; None: the median distance of the real samples, the same for all runs.
    """

    figures: ClassVar[Mapping[str, Best]] = {"mmd": "lower"}
    needs: ClassVar[tuple[str, ...]] = ()
    bandwidth: PositiveFloat | None = None

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        bandwidth = self.bandwidth or median_distance(real.features)
        return {"mmd": gaussian_mmd(real.features, fake.features, bandwidth).value}


@dataclass(frozen=True)
class SlicedWasserstein:
    """`sliced_wasserstein`: the 2-Wasserstein distance on `directions` random lines, in the features' units.

    Rabin et al. 2011. Above 0 for equal laws: compare with the floor.
    """

    figures: ClassVar[Mapping[str, Best]] = {"sliced_wasserstein": "lower"}
    needs: ClassVar[tuple[str, ...]] = ()
    directions: PositiveInt = 500

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        return {"sliced_wasserstein": sliced_wasserstein(real.features, fake.features, self.directions)}
