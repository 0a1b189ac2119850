"""Metrics of fidelity and coverage: precision, recall, density, coverage, realism, rarity, NDB, modes, diversity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gan_lab.metrics import modes
from gan_lab.metrics.metric import Best
from gan_lab.metrics.ndb import different_bins
from gan_lab.metrics.precision_recall import density_coverage, precision_recall
from gan_lab.metrics.realism import rarity, realism
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.metrics.uncertainty import binomial_error
from gan_lab.metrics.vendi import vendi_score
from gan_lab.ranges import OpenUnitInterval, PositiveInt


@dataclass(frozen=True)
class PrecisionRecall:
    """`precision`, `recall`: shares of samples near real ones, and conversely (Kynkaanniemi et al. 2019), in 0..1.

    Near: within the distance to the `k`-th nearest of one's own. Precision's error is that of drawing these samples.
    Samples that keep to the middle of the data have more precision than real ones: read it beside the floor.
    """

    figures: ClassVar[Mapping[str, Best]] = {"precision": "higher", "recall": "higher"}
    error_source: ClassVar[str] = "fakes redrawn"
    needs: ClassVar[tuple[str, ...]] = ()
    k: PositiveInt = 3

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        precision, recall = precision_recall(real.features, fake.features, self.k)
        return {"precision": precision, "precision/error": binomial_error(precision, fake.n), "recall": recall}


@dataclass(frozen=True)
class DensityCoverage:
    """`density` and `coverage` of balls round the real samples up to their `k`-th neighbours (Naeem et al. 2020).

    Density is best near 1: samples that keep to the middle of the data have more.
    """

    figures: ClassVar[Mapping[str, Best]] = {"density": 1.0, "coverage": "higher"}
    needs: ClassVar[tuple[str, ...]] = ()
    k: PositiveInt = 5

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        density, coverage = density_coverage(real.features, fake.features, self.k)
        return {"density": density, "coverage": coverage}


@dataclass(frozen=True)
class NDB:
    """`different_bins`: the share of `bins` cells that hold another share of the samples than of the real ones.

    By a test at the level `significance`, below which the share for equal laws stays (Richardson & Weiss 2018).
    `bins_jsd`: the Jensen-Shannon divergence of the two histograms in nats.
    """

    figures: ClassVar[Mapping[str, Best]] = {"different_bins": "lower", "bins_jsd": "lower"}
    needs: ClassVar[tuple[str, ...]] = ()
    bins: PositiveInt = 100
    significance: OpenUnitInterval = 0.05

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        found = different_bins(real.features, fake.features, self.bins, self.significance)
        return {"different_bins": found.share, "bins_jsd": found.jsd}


@dataclass(frozen=True)
class Modes:
    """`modes`: how many of the classes that the features know are some sample's likeliest one (Metz et al. 2017)."""

    figures: ClassVar[Mapping[str, Best]] = {"modes": "higher"}
    needs: ClassVar[tuple[str, ...]] = ("probabilities",)

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        p = fake.probabilities
        return {"modes": float(modes.modes_found(p.argmax(1), p.shape[1]).number)}


@dataclass(frozen=True)
class ModeDivergence:
    """`mode_divergence`: KL(shares of the samples' likeliest classes || equal shares) in nats, of Metz et al. 2017.

    Above 0 by some (K - 1) / (2 n) for K classes even where all are equally likely: compare with the floor.
    """

    figures: ClassVar[Mapping[str, Best]] = {"mode_divergence": "lower"}
    needs: ClassVar[tuple[str, ...]] = ("probabilities",)

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        p = fake.probabilities
        return {"mode_divergence": modes.modes_found(p.argmax(1), p.shape[1]).kl}


@dataclass(frozen=True)
class ModeCoverage:
    """`modes_covered`, `high_quality`: of a known mixture, the modes with a sample within 3 sigma; such samples' share.

    The protocol of PacGAN (Lin et al. 2018, section 4.1), of 2,500 samples there; of points as they are. The truth has
    98.9 % of high quality in two dimensions, and more is not better.
    """

    figures: ClassVar[Mapping[str, Best]] = {"modes_covered": "higher", "high_quality": "real"}
    error_source: ClassVar[str] = "fakes redrawn"
    needs: ClassVar[tuple[str, ...]] = ("mixture",)

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        mixture = real.mixture
        number, share, _ = modes.coverage(fake.images.flatten(1), mixture.means, mixture.sigma)
        return {"modes_covered": number, "high_quality": share, "high_quality/error": binomial_error(share, fake.n)}


@dataclass(frozen=True)
class Realism:
    """`realism`: of the median sample, above 1 within the real manifold (Kynkaanniemi et al. 2019, section 5).

    Where half of the samples or more are copies of real ones it is infinite, which is null in files.

    `rarity`: the mean over the samples in that manifold of how far apart real ones lie there (Han et al. 2022), in the
    features' units; 0 where no sample lies in it. Balls reach to the `k`-th nearest real sample. Samples that
    keep to the middle of the data have more realism and less rarity than real ones: both are best near what those get.
    """

    figures: ClassVar[Mapping[str, Best]] = {"realism": "real", "rarity": "real"}
    needs: ClassVar[tuple[str, ...]] = ()
    k: PositiveInt = 3

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        rare = rarity(real.features, fake.features, self.k)
        found = realism(real.features, fake.features, self.k)
        # Between two infinite ones quantile would interpolate, to NaN.
        below, above = (found.quantile(0.5, interpolation=side).item() for side in ("lower", "higher"))
        return {
            "realism": (below + above) / 2,
            "rarity": rare.mean().item() if len(rare) else 0.0,
        }


@dataclass(frozen=True)
class Vendi:
    """`vendi`: the effective number of different samples (Friedman & Dieng 2023), 1 to their number or the features'.

    Best near what real samples get: noise has more.
    """

    figures: ClassVar[Mapping[str, Best]] = {"vendi": "real"}
    needs: ClassVar[tuple[str, ...]] = ()

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        return {"vendi": vendi_score(fake.features)}
