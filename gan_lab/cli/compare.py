"""One table of many runs, such as `gan-lab compare multirun/losses out=table.csv`.

DIR is a run directory that `gan-lab evaluate` has scored, or a folder of such. Runs that differ by nothing but the
seed, and where and how they were watched, make a row: the mean of their figures with Student's 95 % interval, standard
deviation and number of seeds. Figures that were not obtained by the same procedure never share a column. For each
column a test compares the best two rows: paired by seed where both have the same ones, else Welch's; beside its p-value
stands the one by Holm's correction for all columns. Where there are more than two rows, the best two were chosen after
the fact: then the p-value is larger than it need be, and what flatters is the best row's own mean.

`out` also writes the table: `.md`, `.csv` (a line for each row and column) or `.json` (with the value of each seed).
"""

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from gan_lab.config.arguments import at_home, place
from gan_lab.config.entry import entry
from gan_lab.config.observing import key_of, only_observes
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.resume import OVERRIDES
from gan_lab.config.words import printable
from gan_lab.errors import UserError
from gan_lab.evaluation.copying import answer, most
from gan_lab.io.files import write_atomically
from gan_lab.io.metrics_table import read_rows
from gan_lab.io.reading import read_json, read_yaml_list
from gan_lab.io.run_file import may_end_early, read_facts, rounds_asked
from gan_lab.sweeps.plan import COST, PLAN

if TYPE_CHECKING:
    from gan_lab.evaluation.comparison import Comparison

GENERATOR = "generator.safetensors"
ENDINGS = (".csv", ".json", ".md")
SWEEPS_OWN = (".csv", ".db", ".html", ".json", ".md", ".yaml")  # endings of files beside its runs
PROCEDURE = "procedure/"  # what precedes the names of a figure's circumstances
FLOOR = "floor/"  # and, among these, of what the metric says of real samples
SCORED = "generator"  # the digest of the generator that the run had left when it was scored
USAGE = "gan-lab compare DIR [DIR ...] [out=FILE]"
LARGEST = 1e150  # of a figure: a table has squares of them
LONGEST = 1000  # characters of a circumstance
TOURNAMENT = "page.yaml"  # in its directory: contestants of two may have one name
DOUBTS = "doubts"  # what speaks against it, in words; absent where nothing does


class Run(NamedTuple):
    """A scored run: the overrides that matter, its seed, and its figures by (name, key of the procedure)."""

    directory: Path
    overrides: frozenset[str]
    seed: int
    scores: dict[tuple[str, str], float]
    procedures: dict[str, dict[str, Any]]
    doubts: list[str]
    made_by: tuple[Any, ...]
    copying: float | None = None  # what the copying tests say of it, as `evaluation.copying.most` has it
    data: str | None = None  # digest of what it has learnt from, and where that lies
    root: str | None = None


class Options(CommandOptions):
    """What may stand beside the directories, as key=value."""

    out: str | None = Field(default=None, description="a file for the table, too: .md, .csv or .json")


@entry(smaller="compare fewer runs at once")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    places = places_among(arguments)
    options = parse_options(Options, [argument for argument in arguments if not is_place(argument)])
    print(tabulate(find_runs(places), check_ending(options.out)))
    return 0


def places_among(arguments: Iterable[str]) -> list[Path]:
    """The runs, folders and files that a command was given.

    Files that a sweep keeps beside its runs (`SWEEP/*` names them, too) are left out.
    """
    places = [place(argument) for argument in arguments if is_place(argument)]
    return [path for path in places if not _is_note_of_a_sweep(path)]


def _is_note_of_a_sweep(path: Path) -> bool:
    return path.suffix in SWEEPS_OWN and path.is_file() and (path.parent / PLAN).is_file()


def is_place(argument: str) -> bool:
    """Whether it names a directory or file rather than an option; those of a sweep have names like `loss=hinge`."""
    try:
        return "=" not in argument or Path(at_home(argument)).exists()
    except OSError:  # too long for a name
        return False


def check_ending(out: str | None) -> Path | None:
    """Raises UserError unless it is None or the name of a file of a kind that we write."""
    if out is not None and Path(out).suffix not in ENDINGS:
        raise UserError(f"out={out}: must end in {', '.join(ENDINGS)}")
    return None if out is None else place(out)


def find_runs(places: Iterable[Path], sign: str = GENERATOR) -> list[Path]:
    """The run directories among and below these, each once: those with a file of this name.

    Rehearsals of a tournament, which are no runs to compare, are left out below a folder.

    Raises UserError where there are none.
    """
    found: dict[Path, None] = {}
    for root in places:
        files = [root / sign] if (root / sign).is_file() else sorted(root.rglob(sign), key=natural)
        files = [file for file in files if file.parent == root or not (file.parent / COST).exists()]
        if not files:
            finished = " with a finished run" if sign == GENERATOR else ""
            saved = sign == GENERATOR and next(root.rglob("checkpoints"), None)
            hint = "; checkpoint=last takes what an unfinished one has saved" if saved else ""
            raise UserError(f"{root}: no run directory{finished} (no {sign} in it or below){hint}")
        found |= dict.fromkeys(file.parent for file in files)
    if not found:
        raise UserError("no run directory: name one, or a folder of them")
    return list(found)


def natural(path: Path) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in path.parts]


def tabulate(directories: Sequence[Path], out: Path | None = None) -> str:
    """The table as Markdown; written to `out` in the form that its ending asks for.

    Raises UserError where no run has been scored.
    """
    from gan_lab.evaluation.comparison import as_csv, as_json, as_markdown  # they import scipy, which is slow

    comparison = compare([read_run(directory) for directory in directories])
    if not comparison.cells:
        raise UserError(f"{directories[0]}: not scored yet; python -m gan_lab.evaluate {directories[0]}")
    table = as_markdown(comparison)
    if out is not None:
        text = {".md": as_markdown, ".csv": as_csv, ".json": as_json}[out.suffix](comparison)
        write_atomically(out, lambda path: path.write_text(text + "\n"))
    return table


def read_run(directory: Path) -> Run:
    """Raises UserError where its files are missing, damaged or of another version of this lab."""
    facts = read_facts(directory)
    path = directory / "summary.json"
    summary = read_json(path)
    seed, rounds, finished = (summary.get(name) for name in ("seed", "rounds", "finished"))
    if not (isinstance(seed, int) and isinstance(rounds, int) and isinstance(finished, bool)):
        raise UserError(f"{path}: not the summary of a run (it must have seed, rounds and finished)")
    kept = played_overrides(directory)
    if not finished:
        kept.add(f"(stopped after round {rounds})")
    elif went_on(directory, summary):
        kept.add(f"(at round {rounds})")
    kept |= {f"(of {printable(str(place))})" for place in directory.parents[1:3] if (place / TOURNAMENT).is_file()}
    scores: dict[tuple[str, str], float] = {}
    procedures: dict[str, dict[str, Any]] = {}
    doubts, stale = [], set()
    for name, value in summary.items():
        head, key, rest = [*printable(name).split("/", 2), "", ""][:3]
        if head != "score":
            continue
        value = value if isinstance(value, int | float | None) else printable(str(value))[:LONGEST]
        if rest.startswith(PROCEDURE + FLOOR):
            value = _number(value, f"{path}: {name}")
        if rest.startswith(PROCEDURE):
            procedures.setdefault(key, {})[rest.removeprefix(PROCEDURE)] = value
        elif rest == SCORED:
            stale |= {key} if value != summary.get("generator") else set()
        elif rest == DOUBTS:
            doubts.append(str(value))
        elif not rest.endswith("/error"):
            scores[rest, key] = _number(value, f"{path}: {name}")
    if stale:
        doubts.append(f"left out what is of another generator than the run's ({', '.join(sorted(stale))})")
        scores = {(name, key): value for (name, key), value in scores.items() if key not in stale}
    for figure, key in scores:
        if not _says_where_best(figure, procedures.get(key, {})):
            raise UserError(f"{path}: does not say how {key} was obtained")
    made_by = tuple(str(summary.get(name)) for name in ("git_commit", "version/gan_lab", "version/torch"))
    return Run(
        directory, frozenset(kept), seed, scores, procedures, doubts, made_by, most(summary), *_data(directory, facts)
    )


def went_on(directory: Path, summary: dict[str, Any]) -> bool:
    """Whether the run was started again after the end that the summary tells of, and has not ended since."""
    played, budget = summary.get("rounds"), summary.get("budget")
    if budget is not None and rounds_asked(directory) not in (None, budget):
        return True
    if not (isinstance(played, int) and isinstance(budget, int) and played < budget):
        return False  # it has played all that it was asked for
    return max((at for at, _ in read_rows(directory / "metrics.csv")), default=0) > played


def _data(directory: Path, facts: dict[str, Any]) -> tuple[str | None, str | None]:
    """Digest and place of what a run has learnt from; None where these are not noted."""
    found = facts.get("data")
    digest = found.get("digest") if isinstance(found, dict) else None
    given = [o for o in map(str, read_yaml_list(directory / OVERRIDES)) if key_of(o) == "data.root"]
    root = printable(given[-1].partition("=")[2])[:LONGEST] if given else None
    return None if digest is None else str(digest), root


def played_overrides(directory: Path) -> set[str]:
    """The run's overrides that say which game it plays and what it leaves, without its seed."""
    overrides = {printable(str(o)) for o in read_yaml_list(directory / OVERRIDES)}
    ends_early = may_end_early(directory)  # by what its callbacks publish

    def counts(override: str) -> bool:
        return not only_observes(override) or (ends_early and key_of(override).startswith("callbacks."))

    return {o for o in overrides if counts(o) and key_of(o) != "seed"}


def labels_of(runs: Sequence[Run]) -> list[str]:
    """The configuration of each among these: its overrides that not all have.

    Where runs that are alike in these have learnt from other data in other places, the place is added.
    """
    common = shared(runs)
    labels = [label_of(run, common, len(runs) == 1) for run in runs]
    data: dict[str, set[str | None]] = {}
    roots: dict[str, set[str | None]] = {}
    for label, run in zip(labels, runs, strict=True):
        data.setdefault(label, set()).add(run.data)
        roots.setdefault(label, set()).add(run.root)
    apart = {label for label in data if len(data[label]) > 1 and len(roots[label]) > 1}
    return [
        f"{label} data.root={run.root}" if label in apart else label for label, run in zip(labels, runs, strict=True)
    ]


def _says_where_best(figure: str, procedure: dict[str, Any]) -> bool:
    """As `gan_lab.metrics.metric.Best` has it, or the first version."""
    if f"best/{figure}" in procedure:
        best = procedure[f"best/{figure}"]
        return best in ("higher", "lower", "real", None) or isinstance(best, float)
    return procedure.get("higher_is_better", "") in (True, False, None)


def _number(value: Any, where: str) -> float:
    if value is None:  # what was not finite
        return math.nan
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            if abs(number) < LARGEST or not math.isfinite(number):
                return number
    except OverflowError:
        pass
    raise UserError(f"{where} must be a number below {LARGEST:g}")


def shared(runs: Sequence[Run]) -> frozenset[str]:
    """The overrides that all of them have."""
    return frozenset.intersection(*(run.overrides for run in runs)) if runs else frozenset()


def label_of(run: Run, common: frozenset[str], alone: bool = False) -> str:
    """The run's configuration among runs that have `common`: its other overrides."""
    return " ".join(sorted(run.overrides - common)) or ("this run" if alone else "(no other override)")


def compare(runs: Sequence[Run]) -> "Comparison":
    """Group by configuration; of several runs with one seed, the first counts."""
    from gan_lab.evaluation.comparison import Cell, Comparison

    notes = [f"{run.directory}: not scored; left out" for run in runs if not run.scores]
    runs = [run for run in runs if run.scores]
    notes += [f"{run.directory}: {doubt}" for run in runs for doubt in run.doubts]
    if len({run.made_by for run in runs}) > 1:
        notes.append("these runs were not all made by the same code and version of torch")
    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    copying: dict[str, list[float | None]] = {}
    for run, label in zip(runs, labels_of(runs), strict=True):
        counts = False
        for (name, key), value in run.scores.items():
            values = cells.setdefault((label, name, key), {})
            if run.seed in values:
                notes.append(f"{run.directory}: left out, since seed {run.seed} of this configuration is there already")
            else:
                values[run.seed], counts = value, True
        if counts:
            copying.setdefault(label, []).append(run.copying)
    procedures: dict[str, dict[str, Any]] = {}
    for run in runs:
        for key, procedure in run.procedures.items():
            procedures.setdefault(key, {}).update(procedure)  # only some may have been scored with a floor
    return Comparison(
        [Cell(*place, values) for place, values in cells.items()],
        procedures,
        list(dict.fromkeys(notes)),
        {label: answer(zs) for label, zs in copying.items()},
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
