"""Ablation: the subsets of a recipe's parts as contestants, and the effects of the parts."""

from collections.abc import Sequence
from typing import Any

from gan_lab.config.observing import key_of
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError
from gan_lab.evaluation.factorial import Effect, Subset, effects, subsets
from gan_lab.tournament.content import Analysis, Table
from gan_lab.tournament.overrides import TAKEN
from gan_lab.tournament.page import BETWEEN, NOTHING, Contestant, TournamentPage
from gan_lab.tournament.result import Result

MOST = 6  # parts: 64 subsets


def contestants_of(page: TournamentPage, parts: Sequence[str], half: bool) -> dict[Subset, str]:
    """The subsets that are to be played, and their contestants' names.

    Raises:
        UserError: there is no such part, or too many or too few of them.
    """
    for part in parts:
        if part not in page.parts:
            raise UserError(f"parts: {part} is none{near(part, page.parts)} {listed(page.parts)}")
    least = 3 if half else 1
    if not least <= len(set(parts)) == len(parts) <= MOST:
        raise UserError(f"parts=[{','.join(parts)}]: must be {least} to {MOST} different ones")
    return {some: BETWEEN.join(part for part in parts if part in some) or NOTHING for some in subsets(parts, half)}


def as_tournament(page: TournamentPage, names: dict[Subset, str], parts: Sequence[str]) -> TournamentPage:
    """The page with a contestant for each subset: the common overrides, and those of its parts.

    Parts of the page that are not ablated belong to the recipe of all.
    """
    kept = [override for part, given in page.parts.items() if part not in parts for override in given]
    contestants = {
        name: Contestant(overrides=[override for part in parts if part in some for override in page.parts[part]])
        for some, name in names.items()
    }
    common = [*page.common, *kept]
    return page.model_copy(update={"contestants": contestants, "parts": {}, "common": common})


def effects_of(result: Result, names: dict[Subset, str], parts: Sequence[str]) -> list[Effect]:
    """Main effects and interactions, on the figure; a failed run has the worst run's."""
    known = [
        (bad, run.figure)
        for one in result.standings
        for bad, run in zip(one.values, one.runs.values(), strict=True)
        if run.figure is not None
    ]
    worst = max(known)[1]
    rows = {
        one.name: [worst if run.figure is None else run.figure for run in one.runs.values()] for one in result.standings
    }
    return effects(parts, {some: rows[name] for some, name in names.items()})


def analysis_of(result: Result, names: dict[Subset, str], parts: Sequence[str]) -> Analysis:
    """The effects, as a table of the report."""
    found = effects_of(result, names, parts)
    rows = [
        [
            " x ".join(effect.parts),
            f"{effect.mean:+.4g} ± {effect.half_width:.2g}",
            f"{effect.p:.2g}",
            f"{effect.adjusted:.2g}",
            ", ".join(" x ".join(alias) for alias in effect.aliases) or "-",
        ]
        for effect in found
    ]
    note = (
        "What a part adds to the figure, averaged over the others; of two parts: half of how much the effect of one "
        "changes with the other. 95 % t-interval over seeds, which are blocks. This design cannot tell aliases apart."
    )
    table = Table("Effects", ["parts", "effect", "p", "by Holm", "aliases"], rows, note)
    return Analysis("Ablation", [], [table], [], {"effects": [effect._asdict() for effect in found]})


def page_of_run(overrides: Sequence[str], parts: Sequence[str], rounds: int, more: dict[str, Any]) -> dict[str, Any]:
    """The page, as plain data, of an ablation of a run: each part is a key of its overrides, left out or not.

    Each of the runs has as many rounds as that one.

    Raises:
        UserError: it was given no override of such a key.
    """
    kept = [o for o in overrides if not f"{key_of(o)}.".startswith(tuple(f"{key}." for key in (*TAKEN, "data.cache")))]
    own: dict[str, list[str]] = {}
    for part in parts:
        own[part] = [o for o in kept if f"{key_of(o)}.".startswith(f"{part}.")]
        if not own[part]:
            keys = sorted({key_of(o) for o in kept})
            raise UserError(f"parts: the run was given no override of {part}{near(part, keys)} {listed(keys)}")
    common = [o for o in kept if all(o not in given for given in own.values())]
    named = {part.replace(".", "_"): given for part, given in own.items()}
    return {"common": common, "parts": named, **more, "budget": {"rounds": rounds * more["seeds"]}}
