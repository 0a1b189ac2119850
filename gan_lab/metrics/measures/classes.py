"""Metrics by classes: scores, recognition, accuracy of a learner."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gan_lab.metrics import classification
from gan_lab.metrics.metric import Best
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.metrics.scores import inception_score, inception_score_bias
from gan_lab.metrics.uncertainty import binomial_error
from gan_lab.ranges import NonNegativeInt, PositiveInt
from gan_lab.types import Batch


@dataclass(frozen=True)
class Recognition:
    """`recognition`: the share of generated samples whose likeliest class is the one that was asked for, in 0..1.

    Its error is the binomial's, sqrt(p (1 - p) / n).
    """

    figures: ClassVar[Mapping[str, Best]] = {"recognition": "higher"}
    error_source: ClassVar[str] = "fakes redrawn"
    needs: ClassVar[tuple[str, ...]] = ("labels", "probabilities")

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        share = (fake.probabilities.argmax(1) == fake.labels).double().mean().item()
        return {"recognition": share, "recognition/error": binomial_error(share, fake.n)}


@dataclass(frozen=True)
class InceptionScore:
    """`inception_score`: exp(H(y) - H(y | x)) of the features' classes, 1 to K (Salimans et al. 2016, section 4).

    The mean over `splits` parts, and its error from their spread, which does not know of its bias: the smaller
    the parts, the lower it is. The published figures are of features=inception.
    """

    figures: ClassVar[Mapping[str, Best]] = {"inception_score": "higher"}
    needs: ClassVar[tuple[str, ...]] = ("probabilities",)
    splits: PositiveInt = 10

    @property
    def error_source(self) -> str:
        return f"fakes redrawn, without the bias; t with {self.splits - 1} degrees of freedom"

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        mean, deviation = inception_score(fake.probabilities, self.splits)
        found = {"inception_score": mean}
        return found if self.splits == 1 else found | {"inception_score/error": deviation / math.sqrt(self.splits - 1)}

    def doubts(self, real: RealSamples, fake: Samples) -> list[str]:
        """A score that is further below that of endless samples than its error says."""
        bias, found = inception_score_bias(fake.probabilities, self.splits), self(real, fake)
        if -bias <= found.get("inception_score/error", 0.0):
            return []
        return [
            f"parts of {fake.n // self.splits} samples take some {-bias:.2g} off the Inception score, more than its "
            "error: give more samples, and compare at equal n only"
        ]


@dataclass(frozen=True)
class ClassificationAccuracy:
    """`train_on_fake`, `test_on_fake`: shares of right answers of a learner of the one kind about the other.

    The classification accuracy score (Ravuri & Vinyals 2019) and its reverse, beside `train_on_real`: both real, which
    they are to be compared with: `test_on_fake` is best near it, since samples that are all too typical have more. The
    learner, with `hidden` ReLUs (0: logistic regression), has one half of the real
    samples, or as many generated ones; asked about real ones it is asked about the other half. Errors are binomial.
    """

    figures: ClassVar[Mapping[str, Best]] = {"train_on_fake": "higher", "test_on_fake": "real", "train_on_real": None}
    needs: ClassVar[tuple[str, ...]] = ("labels",)
    error_source: ClassVar[str] = "the points asked about redrawn, given the learner"
    hidden: NonNegativeInt = 0

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        half = min(real.n // 2, fake.n)
        fakes = Batch(fake.features[:half], fake.labels[:half])
        train, test = (Batch(real.features[part], real.labels[part]) for part in (slice(half), slice(half, None)))
        found = classification.classification_accuracy(fakes, train, test, self.hidden)
        named = {"train_on_fake": found.train_on_fake, "test_on_fake": found.test_on_fake, "train_on_real": found.real}
        asked = {"train_on_fake": real.n - half, "test_on_fake": half, "train_on_real": real.n - half}
        return named | {f"{name}/error": binomial_error(share, asked[name]) for name, share in named.items()}
