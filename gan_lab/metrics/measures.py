"""The metrics that an evaluation may ask for: each puts a pure function to two sets of samples."""

import math
from dataclasses import dataclass
from typing import ClassVar

from gan_lab.metrics.distances import between_gaussians, gaussian, kernel_distance, paired
from gan_lab.metrics.samples import Samples
from gan_lab.metrics.uncertainty import jackknife_error
from gan_lab.ranges import NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class Frechet:
    """`frechet`: the squared Frechet distance of the features' Gaussians (Heusel et al. 2017); 0 where they are equal.

    Its error is that of drawing these generated samples rather than others, from a jackknife over `groups` groups of
    them (0: no error); it does not know of the bias, which falls with their number.
    """

    higher_is_better: ClassVar[bool] = False
    groups: NonNegativeInt = 10

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        paired(real.features, fake.features)
        target = gaussian(real.features)
        found = {"frechet": between_gaussians(target, gaussian(fake.features))}
        if self.groups:
            error = jackknife_error(lambda x: between_gaussians(target, gaussian(x)), fake.features, self.groups)
            found["frechet/error"] = error
        return found


@dataclass(frozen=True)
class Kernel:
    """`kernel`: the unbiased squared MMD of the features under a cubic kernel, the KID (Binkowski et al. 2018).

    Mean over `blocks` disjoint parts, and its error from their spread. It may fall below 0.
    """

    higher_is_better: ClassVar[bool] = False
    blocks: PositiveInt = 10

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        value, error = kernel_distance(real.features, fake.features, self.blocks)
        return {"kernel": value} if math.isnan(error) else {"kernel": value, "kernel/error": error}


@dataclass(frozen=True)
class Recognition:
    """`recognition`: the share of generated samples whose likeliest class is the one that was asked for, in 0..1.

    Its error is the binomial's, sqrt(p (1 - p) / n).
    """

    higher_is_better: ClassVar[bool] = True

    def __call__(self, real: Samples, fake: Samples) -> dict[str, float]:
        asked = fake.labels  # first: it refuses at once where nothing was asked for
        share = (fake.probabilities.argmax(1) == asked).double().mean().item()
        return {"recognition": share, "recognition/error": math.sqrt(share * (1 - share) / fake.n)}
