"""What an analysis is given, and what it finds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.samples import NO_IMAGES, RealSamples, Samples
from gan_lab.sampling import Sampler, Trained
from gan_lab.types import Batch


class Subject(NamedTuple):
    """A trained generator, its samples, and real ones.

    Attributes:
        trained: the generator and its noise; `discriminator` and `unseen` are not asked for.
        real: real samples, in features that have not learnt from them.
        fake: the generator's plain samples, of `z` and `y`.
        draw: its samples of the same `z` and `y` by another sampler.
        z: (N, latent dim).
        y: their classes (N,); None where the generator takes none.
        classes: the classes' names; None as for `y`.
        targets: real pictures to invert, and their classes where the generator takes some and they are known.
        origin: where those come from, in words.
        features: the name of the features of `real` and `fake`.
        seed: of all that is drawn.
    """

    trained: Trained
    real: RealSamples
    fake: Samples
    draw: Callable[[Sampler], Samples]
    z: Tensor
    y: Tensor | None
    classes: Sequence[str] | None
    targets: Batch
    origin: str
    features: str
    seed: int


class Finding(NamedTuple):
    """What an analysis shows.

    Attributes:
        picture: (3, H, W), uint8.
        text: what is seen there, for people.
        table: rows of cells, the first one the head; none where there is nothing to tabulate.
    """

    picture: Tensor
    text: str
    table: Sequence[Sequence[str]] = ()


Analysis = Callable[[Subject], Finding]
"""Raises UserError where it does not apply: a line that says why."""


def check_images(subject: Subject) -> None:
    """Raises UserError where the samples are no images."""
    if subject.targets.x.ndim != 4:
        raise UserError(NO_IMAGES)
