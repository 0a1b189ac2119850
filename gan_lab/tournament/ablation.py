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
    """Main effects and interactions, on the figure; a failed run has the worst run's.

    Of a figure that is best near real samples' they are on its distance from theirs, which alone says what is better.
    """
    if result.best not in ("higher", "lower"):
        values = {one.name: one.values for one in result.standings}
        return effects(parts, {some: values[name] for some, name in names.items()})
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
    """The effects, in sentences and as a table of the report."""
    found, error = effects_of(result, names, parts), result.page.error
    rows = [
        [
            " x ".join(effect.parts),
            f"{effect.mean:+.4g} ± {effect.half_width:.2g}",
            f"{effect.p:.2g}",
            f"{effect.adjusted:.2g}",
            "yes" if effect.adjusted <= error else "no",
            ", ".join(" x ".join(alias) for alias in effect.aliases) or "-",
        ]
        for effect in found
    ]
    better = "higher" if result.best == "higher" else "lower"
    of = result.figure if result.best in ("higher", "lower") else f"how far {result.figure} is from real samples'"
    note = (
        f"What a part adds to {of} ({better} is better), averaged over the others; of two parts: half of how much the "
        "effect of one changes with the other. 95 % t-interval over seeds, which are blocks. This design cannot tell "
        "aliases apart. Means: one subset that diverges moves all effects, so see how each one ranks."
    )
    table = Table("Effects", ["parts", "effect", "p", "by Holm", "decided", "aliases"], rows, note)
    data = {"effects": [effect._asdict() for effect in found]}
    return Analysis("Ablation", _sentences(result, found), [table], [], data)


def _sentences(result: Result, found: Sequence[Effect]) -> list[str]:
    """Which effects are decided, and which are not; and which subsets copy, and so say little."""
    error, sign = result.page.error, -1 if result.best == "higher" else 1
    decided, left = [], []
    for effect in sorted(found, key=lambda one: one.adjusted):
        name = " x ".join(effect.parts)
        if effect.adjusted > error:
            left.append(f"{name} (p = {effect.adjusted:.2g})")
        elif len(effect.parts) == 1:
            way = "better" if sign * effect.mean < 0 else "worse"
            decided.append(f"{name} makes it {way} by {abs(effect.mean):.4g} ± {effect.half_width:.2g}")
        else:
            decided.append(f"{name} interact ({effect.mean:+.4g} ± {effect.half_width:.2g})")
    copying = [one.name for one in result.standings if one.copies.copies]
    return [
        *(
            [f"Effects decided at an error rate of {error:g} over all of them: {'; '.join(decided)}."]
            if decided
            else []
        ),
        *([f"Effects not decided: {', '.join(left)}."] if left else []),
        *([f"These subsets copy training samples: {', '.join(copying)}."] if copying else []),
    ]


def page_of_run(overrides: Sequence[str], parts: Sequence[str], rounds: int, more: dict[str, Any]) -> dict[str, Any]:
    """The page, as plain data, of an ablation of a run: each part is a key of its overrides, left out or not.

    Each of the runs has as many rounds as that one.

    Raises:
        UserError: it was given no override of such a key, or began with another's weights.
    """
    if any(key_of(override) == "start_from" and not override.endswith("=null") for override in overrides):
        raise UserError("the run began with another's weights (start_from), and an ablation's runs begin anew")
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
