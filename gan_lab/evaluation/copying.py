"""Answer of the copying tests, which stands beside figures of quality: a run that copies may have the best of them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

COPIES = 3.0  # standard deviations of a copying test, above which a run copies


class Answer(NamedTuple):
    """How many runs were tested for copies of training data, and how many of these copy."""

    copies: int
    tested: int

    def __str__(self) -> str:
        if not self.tested:
            return "not tested"
        return f"COPIES ({self.copies} of {self.tested})" if self.copies else f"no (0 of {self.tested})"

    def marked(self, name: str) -> str:
        """The name, with a mark where runs copy."""
        return f"{name} (COPIES)" if self.copies else name


def answer(zs: Iterable[float | None]) -> Answer:
    """The answer for several runs, of each its `most`."""
    tested = [z for z in zs if z is not None]
    return Answer(sum(z > COPIES for z in tested), len(tested))


def in_words(z: float | None) -> str:
    """The answer for one run, with the figure."""
    if z is None:
        return f"{answer([z])}"
    if z < -COPIES:
        return f"{answer([z])}; samples lie further from the training data than real ones do, which hides a few copies"
    return f"{answer([z])}, at least {z:.1f} standard deviations from chance"


def most(summary: Mapping[str, Any], only: str | None = None) -> float | None:
    """The largest number of standard deviations by which a copying test of the run's generator speaks for copies.

    Tests are `copying`, whose figure is 1/2 without copies, and `copying_by_cells`, a mean of standard normal figures
    of cells, whose standard deviation is at most 1, and which is low with them; those of a checkpoint are not of this
    generator. Those along the run count (`callbacks=evaluation` with such a metric) if they are of the generator's
    round. `only`: those under this key of a procedure. None: none was made.
    """
    found = [] if only is not None else [when_it_was_left(summary)]
    for name, value in summary.items():
        head, key, figure = [*name.split("/", 2), "", ""][:3]
        is_current = summary.get(f"score/{key}/generator") == summary.get("generator")
        of_another = "checkpoint=" in str(summary.get(f"score/{key}/procedure/weights"))
        if head != "score" or of_another or not is_current or only not in (None, key) or not _is_number(value):
            continue
        found.append(_deviations(figure, value, summary.get(f"{name}/error")))
    return max((z for z in found if z is not None), default=None)


def beside(summary: Mapping[str, Any], figure: str) -> float | None:
    """The same of the generator that a figure of the summary is of: of the best round, or of the one that was left."""
    kind = figure.partition("/")[0]
    if kind == "best":
        return _best(summary)
    return None if kind in ("min", "max") else most(summary)  # of rounds that the summary does not name


def when_it_was_left(summary: Mapping[str, Any]) -> float | None:
    """By tests along the run, of the round of the generator that it has left: the last one, or the best."""
    left = summary.get("generator_round", summary.get("rounds"))
    if left != summary.get("rounds"):
        return _best(summary) if left == summary.get("best/round") else None
    return along({name: value for name, value in summary.items() if f"as_of/{name}" not in summary})


def _best(summary: Mapping[str, Any]) -> float | None:
    z: Any = summary.get("best/copying")
    return float(z) if _is_number(z) else None


def along(figures: Mapping[str, Any]) -> float | None:
    """The same of the tests among figures that were published together along a run."""
    found = [
        _deviations(name, figures.get(f"evaluation/{name}"), figures.get(f"evaluation/{name}/error"))
        for name in ("copying", "copying_by_cells")
    ]
    return max((z for z in found if z is not None), default=None)


def _deviations(figure: str, value: Any, error: Any) -> float | None:
    if figure == "copying" and _is_number(value) and _is_number(error) and error:
        return float(value - 0.5) / float(error)
    return -float(value) if figure == "copying_by_cells" and _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e150
