"""A page of a run, or of a sweep or several runs, such as `gan-lab report outputs/ring`.

The page is one HTML file that needs neither a server nor a network. Of a run it shows the verdict, samples and curves
along the rounds, figures with their procedures, data, configuration, and the commands that repeat it or go on with it;
a run that still plays may be looked at, too. Of a folder of runs, or of several, it compares the configurations: a
table with intervals and tests, the knobs, curves with bands over seeds, samples at equal seeds, what failed and what is
still to run.

The page of one directory is its report.html; of several, report.html in the current one, unless `out` names another.
"""

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import Field

from gan_lab.cli.compare import (
    LARGEST,
    Run,
    compare,
    find_runs,
    is_place,
    label_of,
    labels_of,
    places_among,
    played_overrides,
    read_run,
    shared,
)
from gan_lab.cli.status import Job, status
from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.observing import key_of
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.words import printable
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.io.inside import check_inside
from gan_lab.io.reading import read_json, read_yaml
from gan_lab.io.run_file import RUN
from gan_lab.sweeps.plan import PLAN

USAGE = "gan-lab report DIR [DIR ...] [out=FILE.html]"
PATIENCE = 15 * 60.0  # seconds without a sign of life, after which a run counts as stopped
MOST_RUNS = 2000


class Options(CommandOptions):
    """What may stand beside the directories, as key=value."""

    out: str | None = Field(default=None, description="where the page is written")


@entry(smaller="report on fewer runs at once")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    places = places_among(arguments)
    options = parse_options(Options, [argument for argument in arguments if not is_place(argument)])
    if options.out is not None and Path(options.out).suffix != ".html":
        raise UserError(f"out={options.out}: must end in .html")
    print(report(places, None if options.out is None else place(options.out)))
    return 0


def report(places: Sequence[Path], out: Path | None = None) -> Path:
    """Write the page of these directories; its path.

    Raises:
        UserError: there is no run, its files are damaged, or a package of the extra `report` is not installed.
    """
    if not places:
        raise UserError("no run directory: name one, or a folder of them")
    (first, *others) = places
    if not others and (first / "config.yaml").is_file() and not (first / PLAN).exists():
        from gan_lab.report.run import write_page

        return write_page(first, out)
    from gan_lab.report.comparison import page_of
    from gan_lab.report.run import PAGE

    if out is None:
        out = Path(PAGE) if others else first / PAGE
    jobs = {path: job for directory in places for path, job in _jobs(directory).items()}
    members, runs = gather(places, jobs)
    title = ", ".join(printable(directory.resolve().name) for directory in places[:4]) + (" ..." if places[4:] else "")
    page = page_of(title, members, compare(runs), [*jobs.values()], out.parent)
    write_atomically(out, lambda path: path.write_text(page, encoding="utf-8"))
    return out


def gather(places: Sequence[Path], jobs: Mapping[Path, Job]) -> tuple[list[Any], list[Run]]:
    """The runs among and below these, for a page; and those that there are figures of, for a comparison.

    `jobs` are those of sweeps, by the directories of their runs; all of a sweep may have failed before they left any. A
    run whose files are damaged is among the first as one that has failed.
    """
    from gan_lab.report.comparison import KEY, Member
    from gan_lab.report.configuration import masked
    from gan_lab.report.curves import read_table
    from gan_lab.report.pictures import thumbnail

    sweeps = {path.parent for path in jobs}
    begun = [place for place in places if place not in sweeps or next(place.rglob(RUN), None) is not None]
    found = [path for path in find_runs(begun, RUN) if (path / "config.yaml").is_file()] if begun else []
    if len(found) > MOST_RUNS:
        raise UserError(f"{len(found)} runs: a page has at most {MOST_RUNS}; name fewer")
    runs, broken = [], {}
    for directory in found:
        try:
            check_inside(directory)
            run = with_own_figures(_begun(directory))
            runs.append(run._replace(overrides=frozenset(map(masked, run.overrides))))
        except UserError as error:
            broken[directory] = str(error)
    measured = [run for run in runs if run.scores]
    common = shared(measured or runs)
    labels = {run.directory: label for run, label in zip(measured, labels_of(measured), strict=True)}
    members = []
    for run in runs:
        job = jobs.get(run.directory, Job("", "", ""))
        knobs = {key_of(o): o.partition("=")[2] for o in run.overrides - common if "=" in o}
        figures = {n if k == KEY else f"{n} {k}": v for (n, k), v in run.scores.items() if math.isfinite(v)}
        words = _summary(run.directory).get("equilibrium/verdict")
        try:
            table = read_table(run.directory / "metrics.csv")
        except UserError as error:
            broken[run.directory] = str(error)
            continue
        label = labels.get(run.directory) or label_of(run, common, len(measured) == 1)
        verdict = printable(words)[:100] if _is_text(words) else ""
        about = (label, run.seed, knobs, figures, job.state, job.note, verdict, table, thumbnail(run.directory))
        members.append(Member(run.directory, *about))
    members += [
        Member(path, printable(path.name), None, {}, {}, "failed", printable(why)) for path, why in broken.items()
    ]
    return members, [run for run in measured if run.directory not in broken]


def with_own_figures(run: Run) -> Run:
    """The run, with the figures that it reported of itself beside its scores."""
    from gan_lab.report.comparison import KEY, OWN

    summary = _summary(run.directory)
    audit = {name: summary[f"audit/{name}"] for name in ("n", "seen") if _is_number(summary.get(f"audit/{name}"))}
    settings = ", ".join(f"{name} {value:g}" for name, value in audit.items())  # what an AUC depends on
    own: dict[tuple[str, str], float] = {}
    procedures: dict[str, dict[str, Any]] = {}
    for name in OWN:
        if not _is_number(summary.get(name)):
            continue
        is_audit = name.startswith("audit/") and bool(audit)
        key = f"{KEY[:-1]}, {settings})" if is_audit else KEY
        own[name, key] = float(summary[name])
        facts = procedures.setdefault(key, {"of": "the last round in which each run reported it, by noise of its seed"})
        facts |= {f"best/{name}": OWN[name], **(audit if is_audit else {})}
    return run._replace(scores=run.scores | own, procedures=run.procedures | procedures)


def _begun(directory: Path) -> Run:
    """The run as `compare` reads it; one that has not ended yet, too."""
    if os.path.lexists(directory / "summary.json"):
        return read_run(directory)
    seed = read_yaml(directory / "config.yaml").get("seed")
    kept = frozenset(played_overrides(directory))
    return Run(directory, kept, seed if isinstance(seed, int) else 0, {}, {}, [], ())


def _jobs(directory: Path) -> dict[Path, Job]:
    """The jobs of the sweep by the directories of their runs; of a folder that is none, nothing."""
    alone = (directory / "config.yaml").is_file() and not (directory / PLAN).exists()
    try:
        return {directory if alone else directory / job.name: job for job in status(directory, PATIENCE)}
    except UserError:
        return {}


def _summary(directory: Path) -> dict[str, Any]:
    path = directory / "summary.json"
    return read_json(path) if os.path.lexists(path) else {}


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool) and abs(value) < LARGEST


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
