"""Truncation curve: fidelity against diversity of samples that are drawn towards the centre."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor
from tqdm import tqdm

from gan_lab.analysis.subject import Finding, Subject
from gan_lab.metrics.distances import frechet_distance
from gan_lab.metrics.precision_recall import precision_recall
from gan_lab.plots.analyses import trade_off
from gan_lab.sampling import Sampler, StyleTruncation, Trained, Truncation
from gan_lab.types import Styled

PSIS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
K = 3  # neighbours of precision and recall


class Point(NamedTuple):
    """What samples of one truncation get."""

    psi: float
    frechet: float
    precision: float
    recall: float


def truncated(trained: Trained, psi: float) -> Sampler:
    """Samples truncated in w where the generator has styles, else in z; psi = 1 is none."""
    truncation = StyleTruncation(psi) if isinstance(trained.generator, Styled) else Truncation(psi)
    return truncation.sampler(trained)


def curve(real: Tensor, features: Callable[[float], Tensor]) -> list[Point]:
    """Figures of the features (N, F) that each truncation's samples have, against real ones (N, F)."""
    points = []
    for psi in tqdm(PSIS, "truncation", unit="", disable=None):
        fake = features(psi)
        points.append(Point(psi, frechet_distance(real, fake), *precision_recall(real, fake, K)))
    return points


def analyse(subject: Subject) -> Finding:
    """Precision and recall (Kynkaanniemi et al. 2019), and the Frechet distance, for psi from 0.3 to 1.

    Raises:
        UserError: the generator's samples do not depend on it.
    """
    n = min(subject.real.n, subject.fake.n)
    real = subject.real.features[:n]

    points = curve(real, lambda psi: subject.draw(truncated(subject.trained, psi)).features[:n])
    where = "w" if isinstance(subject.trained.generator, Styled) else "z"
    best = min(points, key=lambda point: point.frechet)
    psi, frechet, precision, recall = zip(*points, strict=True)
    return Finding(
        trade_off(psi, frechet, precision, recall, where),
        f"{n} samples for each psi against as many real ones, truncated in {where}; psi = 1 is none. Up is nearer to "
        f"the data, to the right is more of them. The Frechet distance is least at psi = {best.psi:g}.",
        [("psi", "Frechet distance", "precision", "recall")]
        + [(f"{p.psi:g}", f"{p.frechet:.4g}", f"{p.precision:.3f}", f"{p.recall:.3f}") for p in points],
    )
