"""Protocol of a metric, and the measurement of several."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol, runtime_checkable

from gan_lab.errors import UserError
from gan_lab.metrics.samples import RealSamples, Samples

Best = Literal["higher", "lower", "real"] | float | None
"""Which way a figure is better: near this number, or near what other real samples get; None: it is a yardstick."""


class Metric(Protocol):
    """How far, or how well: numbers and, under their names with `/error`, standard errors where these are known."""

    figures: ClassVar[Mapping[str, Best]]  # its numbers by name, and where each is best
    needs: ClassVar[tuple[str, ...]]  # the views that it cannot do without, beside the features

    def __call__(self, real: RealSamples, fake: Samples) -> dict[str, float]: ...


@runtime_checkable
class Unsure(Protocol):
    """A metric with standard errors, which says of what they are."""

    @property
    def error_source(self) -> str:
        """What is drawn anew, all else being given: fakes, reference, both, ...; the degrees of freedom if few."""
        ...


@runtime_checkable
class Doubting(Protocol):
    """A metric that needs many samples, fakes or real ones, and says so."""

    def doubts(self, real: RealSamples, fake: Samples) -> list[str]: ...


def demand(metrics: Mapping[str, Metric], lacking: Mapping[str, str]) -> None:
    """Called before anything is computed. `lacking`: the views that there will not be, and what is to be said of it.

    Raises:
        UserError: a metric needs one of them.
    """
    for name, metric in metrics.items():
        for view in metric.needs:
            if view in lacking:
                raise UserError(f"metric={name}: {lacking[view]}")


def measure(metrics: Mapping[str, Metric], real: RealSamples, fake: Samples) -> dict[str, dict[str, float]]:
    """What each metric says, by its name.

    Raises:
        UserError: it needs more samples, or a view that these samples do not have.
    """
    found = {}
    for name, metric in metrics.items():
        try:
            found[name] = metric(real, fake)
        except (UserError, ValueError) as error:
            raise UserError(f"metric={name}: {error}") from error
    return found
