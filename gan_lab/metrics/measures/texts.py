"""Metrics of the agreement of samples with their texts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from gan_lab.metrics.metric import Best
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.metrics.texts import clip_scores
from gan_lab.ranges import PositiveFloat


@dataclass(frozen=True)
class ClipScore:
    """`clip_score`: the mean of w max(cos(image, text), 0) in CLIP's space, 0 to w = `weight` (Hessel et al. 2021).

    `prefix` is put before each text; None: nothing is. Its error is that of drawing these pairs of
    image and text, s / sqrt(n). Real samples are not asked.
    """

    figures: ClassVar[Mapping[str, Best]] = {"clip_score": "higher"}
    error_source: ClassVar[str] = "fakes and their texts redrawn"
    needs: ClassVar[tuple[str, ...]] = ("texts",)
    weight: PositiveFloat = 2.5
    prefix: str | None = "A photo depicts "

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]:
        texts = fake.read([(self.prefix or "") + text for text in fake.texts])
        scores = clip_scores(fake.features, texts, self.weight)
        found = {"clip_score": scores.mean().item()}
        return found if fake.n < 2 else found | {"clip_score/error": scores.std().item() / math.sqrt(fake.n)}
