"""Sample grids of a run directory: `samples/round_NNNNNN.png`."""

import re
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_NAME = re.compile(r"round_(\d{1,15})\.png")


def grids(directory: Path) -> list[tuple[int, Path]]:
    """Rounds and files of the run in `directory`, in order."""
    matches = ((_NAME.fullmatch(path.name), path) for path in (directory / "samples").glob("round_*.png"))
    return sorted((int(match[1]), path) for match, path in matches if match)


def spread(things: list[T], most: int) -> list[T]:
    """At most so many (two or more) of them, evenly spread, with the first and the last."""
    if len(things) <= most:
        return things
    return [things[round(i * (len(things) - 1) / (most - 1))] for i in range(most)]
