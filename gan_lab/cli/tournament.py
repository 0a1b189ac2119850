"""A fair comparison of contestants that a page names, such as `gan-lab tournament losses.yaml`.

The page (docs/tournament.md) says who plays (contestants, or factors, of which all combinations play), on what data,
what each may spend, its search included (`budget`: flops, images, rounds or seconds of this machine), how many seeds
the final runs have, which figure decides, and what is asked. First a few rounds of each are rehearsed: what a round
costs, and whether the evaluation can be had. Then the trials of the search are played, each contestant's best by
validation plays the final runs, and these are evaluated.

The result is DIR/tournament.md, .html and .json. The same command, given again, goes on with what is missing, whatever
ended it. Runs that failed are results; retry=true plays them again.

Arguments that begin with hydra/launcher or hydra.launcher are for the sweeps: hydra/launcher=joblib
hydra.launcher.n_jobs=2, or hydra/launcher=slurm. --config-dir=FOLDER has parts of your own (docs/own_parts.md).
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.started import split
from gan_lab.errors import UserError
from gan_lab.runtime.lock import exclusive
from gan_lab.tournament.page import ONCE, TournamentPage, parse_page, read_page

if TYPE_CHECKING:
    from gan_lab.tournament.content import Analyse

USAGE = "gan-lab tournament PAGE [dir=DIR] [plan=true] [until=decided] [KEY=VALUE ...] [--config-dir=FOLDER]"
FOLDER = "--config-dir="
LAUNCHER = ("hydra/launcher=", "hydra.launcher.", "+hydra.launcher.")


class Options(CommandOptions):
    """What may follow PAGE, as key=value."""

    dir: Path | None = Field(default=None, description="where all is kept; else multirun/NAME_OF_THE_PAGE")
    plan: bool = Field(default=False, description="true: only rehearse, and say what would be run and what it costs")
    until: Literal["all", "decided"] | None = Field(
        default=None, description="decided: end at the first of the page's looks that answers its question"
    )
    retry: bool = Field(default=False, description="true: play runs that failed again")


@entry(smaller="lower evaluation.n, or the contestants' batches")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    path = place(arguments[0])
    rest, passed, folders = divided(arguments[1:])
    page, options = read_page(path), parse_options(Options, rest)
    if page.parts:
        raise UserError(f"{path}: has parts, which gan-lab ablate plays")
    if not page.factors:
        return hold(path, page, options, passed, folders)

    from gan_lab.tournament.factors import analysis_of, as_tournament

    return hold(path, as_tournament(page), options, passed, folders, lambda result: analysis_of(result, page), True)


def divided(arguments: list[str]) -> tuple[list[str], list[str], list[Path]]:
    """The command's own options, what is for the sweeps, and the folders of parts of one's own."""
    flags, overrides = split(arguments)
    folders = [place(flag.partition("=")[2]).absolute() for flag in flags if flag.startswith(FOLDER)]
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{FOLDER}{folder}: no such folder")
    passed = [override for override in overrides if override.startswith(LAUNCHER)]
    own = ["plan=true" if flag == "--plan" else flag for flag in flags if not flag.startswith(FOLDER)]
    return [*own, *(override for override in overrides if override not in passed)], passed, folders


def hold(
    path: Path,
    page: TournamentPage,
    options: Options,
    passed: list[str],
    folders: list[Path],
    analyse: "Analyse | None" = None,
    chooses: bool = False,
) -> int:
    """Play the tournament of a page, or say what that would cost; the exit code.

    `chooses`: what `analyse` finds was chosen by validation.
    """
    from gan_lab.cli.stages import Stages  # which imports what is slow to import

    if analyse is not None and options.until == "decided":
        raise UserError(f"until=decided: {ONCE}")
    if options.until == "decided":
        page = parse_page(page.model_dump() | {"until": options.until}, str(path))
    elif options.until is not None:
        page = page.model_copy(update={"until": options.until})
    name = path.resolve().name if path.is_dir() else path.stem
    directory = (options.dir or Path("multirun") / name).expanduser().absolute()
    with exclusive(directory):
        stages = Stages(page, directory, passed, options.retry, folders, chooses)
        stages.begin()
        if options.plan:
            print(stages.plan())
            return 0
        print(stages.play(analyse))
        print(f"\n{directory / 'tournament.html'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
