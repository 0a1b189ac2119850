"""A law, and what it says of a part."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Broken(Exception):
    """A part breaks a law; the text says how."""


class Finding(NamedTuple):
    """One law, and how the part breaks it; None: it holds."""

    law: str
    problem: str | None


Law = Callable[[Any], None]


def demand(holds: bool, problem: str) -> None:
    """Raise Broken where it does not hold."""
    if not holds:
        raise Broken(problem)


def findings(laws: Mapping[str, Law], part: Any) -> list[Finding]:
    """What each law says of the part. Whatever else the part raises is a way to break it."""
    found = []
    for name, law in laws.items():
        try:
            law(part)
            found.append(Finding(name, None))
        except Broken as broken:
            found.append(Finding(name, str(broken)))
        except Exception as error:  # of a stranger's code: of any kind
            found.append(Finding(name, f"{type(error).__name__}: {error}"))
    return found


def check_slope(
    function: Callable[[Tensor], float], gradient: Tensor, at: Tensor, what: str, step: float, tolerance: float
) -> None:
    """The gradient is the function's slope along random directions, by central differences."""
    for number in range(4):
        direction = torch.randn(at.shape, generator=torch.Generator().manual_seed(number), dtype=at.dtype)
        expected = (function(at + step * direction) - function(at - step * direction)) / (2 * step)
        slope = float((gradient * direction).sum())
        size = float((gradient * direction).norm())
        demand(
            abs(slope - expected) <= tolerance * max(abs(expected), size, 1e-3),
            f"the gradient of {what} gives a slope of {slope:.4g}, and differences give {expected:.4g}",
        )
