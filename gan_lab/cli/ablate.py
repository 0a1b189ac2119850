"""Ablation of a recipe: which of its parts matter, such as `gan-lab ablate PAGE fraction=1/2`.

All subsets of the parts are played, with the same seeds, as contestants of a tournament (see `gan-lab tournament`);
fraction=1/2 plays half of them: with four parts or more it tells main effects from interactions of two, with five or
more also these from each other; three parts may be halved, but then each main effect is mixed with an interaction. The
result has, beside a tournament's, the main effects and the interactions of two parts, with intervals over seeds.

PAGE is a tournament's with `parts` in place of `contestants`: each a name with the overrides that put the part in;
without it they are left out. Parts that `parts=[...]` does not name stay in all.

Of a run, `gan-lab ablate RUN_DIR parts=[loss,d_terms]`, the parts are keys of overrides that it was started with; the
options `seeds`, `metric`, `features` and `n` say the rest, and each run has as many rounds as that one. Of another
person's run say where its data lie here: data.root=FOLDER.
"""

import sys
from pathlib import Path
from typing import Literal

from pydantic import Field

from gan_lab.cli.tournament import Options as TournamentOptions
from gan_lab.cli.tournament import divided, hold
from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import help_page, parse_options, print_help
from gan_lab.config.resume import OVERRIDES
from gan_lab.config.stranger import vetted
from gan_lab.errors import UserError
from gan_lab.io.ownership import is_own
from gan_lab.io.reading import read_json, read_yaml_list
from gan_lab.tournament.page import TournamentPage, parse_page, read_page

USAGE = "gan-lab ablate PAGE_OR_RUN [parts=[A,B,...]] [fraction=1/2] [dir=DIR] [KEY=VALUE ...]"


PLACES = ("data.root=", "data.labels=")  # what may be said of a run beside the options


class Options(TournamentOptions):
    """What may follow PAGE_OR_RUN, as key=value."""

    parts: str | None = Field(default=None, description="[A,B,...]; else all parts of the page")
    fraction: Literal["1", "1/2"] = Field(default="1", description="1/2: the half of the subsets")
    seeds: int | None = Field(default=None, ge=3, description="of a run: how many (5)")
    metric: str | None = Field(default=None, description="of a run: what decides (frechet)")
    features: str | None = Field(default=None, description="of a run: where samples are compared (auto)")
    n: int | None = Field(default=None, ge=2, description="of a run: generated samples (10000)")


@entry(smaller="lower evaluation.n, or the recipe's batches")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    path = place(arguments[0])
    rest, passed, folders = divided(arguments[1:])
    given = [argument for argument in rest if path.is_dir() and argument.startswith(PLACES)]
    options = parse_options(Options, [argument for argument in rest if argument not in given])
    page = run_page(path, options, given) if path.is_dir() else own_page(path, options)
    chosen = named(options)
    parts = list(page.parts) if path.is_dir() or not chosen else chosen

    from gan_lab.tournament.ablation import analysis_of, as_tournament, contestants_of

    names = contestants_of(page, parts, half=options.fraction == "1/2")
    return hold(
        path,
        as_tournament(page, names, parts),
        options,
        passed,
        folders,
        lambda result: analysis_of(result, names, parts),
    )


def named(options: Options) -> list[str]:
    """The parts that were asked for."""
    return [part.strip() for part in (options.parts or "").strip("[]").split(",") if part.strip()]


def own_page(path: Path, options: Options) -> TournamentPage:
    """A page with parts.

    Raises:
        UserError: it has none, or an option is for runs.
    """
    for name in ("seeds", "metric", "features", "n"):
        if getattr(options, name) is not None:
            raise UserError(f"{name}={getattr(options, name)}: the page says that; leave it out")
    page = read_page(path)
    if not page.parts:
        raise UserError(f"{path}: has no parts; a tournament's page is for gan-lab tournament")
    return page


def run_page(path: Path, options: Options, given: list[str]) -> TournamentPage:
    """The page of a run's ablation, with the data where the overrides in `given` say.

    Raises:
        UserError: it is no run, or no parts were named; or it is another person's and asks for more than parts.
    """
    from gan_lab.tournament.ablation import page_of_run

    chosen = named(options)
    if not chosen:
        raise UserError("parts: name those of the run's overrides that are to be left out, parts=[loss,d_terms]")
    evaluation = {"metric": options.metric or "frechet"}
    evaluation |= {key: value for key in ("features", "n") if (value := getattr(options, key)) is not None}
    summary = read_json(path / "summary.json")
    rounds = summary.get("budget")
    if not isinstance(rounds, int) or summary.get("finished") is not True:
        raise UserError(f"{path}: not the directory of a run that has ended")
    overrides = [str(override) for override in read_yaml_list(path / OVERRIDES)]
    if not is_own(path / OVERRIDES):
        overrides = vetted(overrides, given, [], path / OVERRIDES)
    more = {"seeds": options.seeds or 5, "evaluation": evaluation}
    return parse_page(page_of_run([*overrides, *given], chosen, rounds, more), str(path))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
