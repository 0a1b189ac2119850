"""Protocols of features, and the samples that they learn from."""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from gan_lab.types import Batch


class Lessons(NamedTuple):
    """Real samples with their classes: to learn from, and others to be tested by."""

    train: Batch
    test: Batch


class Features(Protocol):
    """What turns samples (N, *shape) into points (N, F), between which distances mean something."""

    resize: str  # the filter that brings images to its size, or "none"
    learns: ClassVar[bool]  # whether it learns from the data's classes, and so must not be asked about its lessons

    @property
    def identity(self) -> str:
        """Its name, and what tells its weights from others of that name. Known once it is prepared."""
        ...

    def prepare(self, shape: tuple[int, ...], lessons: Callable[[], Lessons]) -> None:
        """Called once, before the rest.

        Raises:
            UserError: samples of this shape have no such features, or weights or labels that they need are not there.
        """
        ...

    def __call__(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Reading(Protocol):
    """Features in whose space texts lie, too."""

    def read(self, texts: Sequence[str]) -> Tensor:
        """The points (N, F) of N texts."""
        ...


@runtime_checkable
class Classifying(Protocol):
    """Features that lie one layer before class probabilities."""

    def probabilities(self, features: Tensor) -> Tensor:
        """(N, F) to (N, K), rows with sum one."""
        ...
