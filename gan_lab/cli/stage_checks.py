"""Checks of a tournament: a figure that decides, a search that can choose by it, and rehearsals that measure alike."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.utils import get_object

from gan_lab.config.conf import CONF
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError
from gan_lab.io.reading import read_yaml
from gan_lab.tournament.page import TournamentPage
from gan_lab.tournament.plan import is_cheap
from gan_lab.tournament.state import procedure_of

WHAT = {  # of a procedure: how figures differ by it, and what to do
    "data": ("by other real samples", "give all the same data, with the same data.flip, data.fit and data.subset"),
    "features": ("in other features", "name evaluation.features, and give all the same data where they learn"),
    "n_real": ("by another number of real samples", "give a smaller evaluation.real"),
}


def check_search(page: TournamentPage, figure: str, best: Any, chooses: bool) -> None:
    """Raise a UserError for a search that would choose by something else than it says."""
    protocol, search = page.evaluation, page.search
    if best == "real" and protocol.validation_n != protocol.n and (search or chooses):
        raise UserError(
            f"evaluation.validation_n={protocol.validation_n}: {figure} is best near what real samples get, which "
            f"depends on their number; to choose by it, give as many as n={protocol.n}"
        )
    if search is None or search.sampler != "tpe":
        return
    if best not in ("lower", "higher"):
        raise UserError(f"search.sampler=tpe: {figure} is neither best low nor high; take random")
    costly = sorted({key for name in page.contestants for key in page.space_of(name) if not is_cheap(key)})
    if costly and page.unit != "rounds":
        raise UserError(
            f"search.sampler=tpe: {costly[0]} alters what a round costs, and Optuna's trials are not rehearsed; take "
            "random, budget.rounds, or leave it out of the space"
        )


def check_comparable(rehearsals: Path, names: Iterable[str]) -> None:
    """Raise a UserError where the figures of two of these would not be measured alike."""
    measured = {name: procedure for name in names if (procedure := procedure_of(rehearsals / name)) is not None}
    first = next(iter(measured), None)
    for name, procedure in measured.items():
        for what, value in procedure.items():
            if value != measured[first][what]:  # type: ignore[index]
                said, remedy = WHAT.get(what, (f"by another {what}", "give all the same"))
                raise UserError(
                    f"{name}: its figures would not be comparable with those of {first}: {said} "
                    f"({value} and {measured[first][what]}); {remedy}"  # type: ignore[index]
                )


def figure_of(page: TournamentPage) -> tuple[str, Any]:
    """The figure that decides, and where it is best.

    Raises:
        UserError: there is no such metric, it has no such figure, or one that is no merit.
    """
    metric, folder = page.evaluation.metric, CONF / "metric"
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if metric not in names:
        raise UserError(f"evaluation.metric={metric}: no such metric{near(metric, names)} {listed(names)}")
    figures = get_object(read_yaml(folder / f"{metric}.yaml")[metric]["_target_"]).figures
    figure = page.evaluation.figure or next(iter(figures))
    if figure not in figures or figures[figure] is None:
        merits = [name for name, best in figures.items() if best is not None]
        raise UserError(f"evaluation.figure={figure}: must be a merit of {metric} {listed(merits)}")
    if figures[figure] == "real" and not page.evaluation.floor:
        raise UserError(f"evaluation.floor=false: {figure} is best near what real samples get; leave it out")
    return figure, figures[figure]
