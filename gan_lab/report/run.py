"""Page of a run: verdict, samples, curves, figures, data, configuration, and how to do it again."""

import math
import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gan_lab.config.resume import OVERRIDES
from gan_lab.config.words import printable
from gan_lab.data.identity import DataIdentity
from gan_lab.errors import UserError
from gan_lab.evaluation.copying import in_words, most
from gan_lab.io.files import write_atomically
from gan_lab.io.inside import check_inside
from gan_lab.io.ownership import is_own
from gan_lab.io.reading import read_json, read_text, read_yaml, read_yaml_list
from gan_lab.io.run_file import read_facts
from gan_lab.report.configuration import Difference, defaults, differences, masked
from gan_lab.report.curves import charts, read_table
from gan_lab.report.page import render
from gan_lab.report.pictures import frames, sheet
from gan_lab.sweeps.plan import FAILURE

PAGE = "report.html"
REAL = "data.png"  # real samples, beside samples/
LONGEST = 2000  # characters of a text of a run
MOST_CLASSES = 200  # in the table
VERSION = "version/"


class Figure(NamedTuple):
    """A number of the run: with the interval, and how it was obtained, where these are known."""

    name: str
    value: float
    interval: str
    procedure: str


class Run(NamedTuple):
    """What is in a run directory, as plain data."""

    directory: Path
    summary: dict[str, Any]
    facts: dict[str, Any]
    config: dict[str, Any]
    overrides: list[str]
    own: bool
    failure: str | None


def write_page(directory: Path, out: Path | None = None) -> Path:
    """Write the page of the run in `directory`, into it unless `out` names another place; its path.

    Raises:
        UserError: there is no run, its files are damaged, or a package of the extra `report` is not installed.
    """
    check_inside(directory)
    run = read_run(directory)
    place = out or directory / PAGE
    page = page_of(run)
    write_atomically(place, lambda path: path.write_text(page, encoding="utf-8"))
    return place


def read_run(directory: Path) -> Run:
    """Raises UserError where there is no run, or its files cannot be read."""
    if not (directory / "config.yaml").is_file():
        raise UserError(f"{directory}: not a run directory (it has no config.yaml)")

    def present(name: str) -> bool:
        return os.path.lexists(directory / name)

    return Run(
        directory,
        read_json(directory / "summary.json") if present("summary.json") else {},
        read_facts(directory),
        read_yaml(directory / "config.yaml"),
        [masked(_text(o)) for o in read_yaml_list(directory / OVERRIDES)] if present(OVERRIDES) else [],
        is_own(directory / OVERRIDES) if present(OVERRIDES) else False,
        _text(read_text(directory / FAILURE).strip()) if present(FAILURE) else None,
    )


def page_of(run: Run) -> str:
    """The page, as HTML."""
    grids = frames(run.directory)
    shown = charts(read_table(run.directory / "metrics.csv"))
    verdict, advice = verdict_of(run.summary)
    return render(
        "run.html",
        {"frames": grids, "charts": shown},
        title=title_of(run.overrides, run.directory),
        run=run,
        state=state_of(run, shown[0].curves[0].x[-1] if shown else 0),
        written=time.strftime("%Y-%m-%d %H:%M"),
        verdict=verdict,
        advice=advice,
        audit=audit_of(run.summary),
        frames=grids,
        charts=shown,
        figures=figures_of(run.summary),
        procedures=procedures_of(run.summary),
        copies=in_words(most(run.summary)),
        doubts=doubts_of(run.summary),
        data=data_of(run.facts),
        most_classes=MOST_CLASSES,
        real=sheet(run.directory / REAL),
        differences=_differences(run.config),
        environment=environment_of(run),
        commands=commands_of(run),
    )


def title_of(overrides: list[str], directory: Path) -> str:
    """The words of the command line, or the folder's name where there are none."""
    return " ".join(overrides) or _text(directory.resolve().name)


def state_of(run: Run, logged: int) -> str:
    """How far the run is, in words; `logged` is the last round of its curves."""
    summary, directory = run.summary, run.directory
    if run.failure is not None:
        return f"failed after round {logged}"
    table = directory / "metrics.csv"
    written = (directory / "summary.json").stat().st_mtime if summary else 0.0
    seen = table.stat().st_mtime if table.is_file() else 0.0
    if not summary or logged > _count(summary, "rounds"):
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(max(seen, written)))
        return f"round {logged} of {_count(run.config, 'rounds')}; last sign of life {at}; no end yet"
    played = _count(summary, "rounds")
    ended = "finished" if summary.get("finished") is True else "stopped"
    return f"{ended} after {played:,} rounds, {_count(summary, 'images'):,} images, {_duration(summary.get('seconds'))}"


def verdict_of(summary: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The verdict on the game, and what to do next."""
    return _words(summary, "equilibrium/verdict"), _words(summary, "equilibrium/advice")


def audit_of(summary: Mapping[str, Any]) -> str | None:
    """What an independent discriminator sees, in a sentence."""
    found = [_number(summary.get(f"audit/auc{end}")) for end in ("", "/low", "/high")]
    if any(math.isnan(value) for value in found):
        return None
    auc, low, high = found
    share = f"{auc:.1%} [{low:.1%}, {high:.1%}]"
    return f"An independent auditor orders {share} of the pairs of a real and a generated sample rightly."


def figures_of(summary: Mapping[str, Any]) -> list[Figure]:
    """The scores first, each with its procedure; then the audit's and the last of the game's own figures."""
    scores, own = [], []
    for name, value in summary.items():
        head, _, rest = name.partition("/")
        number = _number(value)
        if math.isnan(number) or rest == "" or head == "version" or "/verdict/" in name:
            continue
        if head == "score":
            key, _, figure = rest.partition("/")
            if not figure.startswith("procedure/") and not figure.endswith("/error"):
                error = _number(summary.get(f"{name}/error"))
                interval = "" if math.isnan(error) else f"± {error:.2g} (standard error)"
                scores.append(Figure(_text(figure), number, interval, _text(key)))
        elif head not in ("min", "max", "as_of") and not name.endswith(("/low", "/high")):
            ends = [_number(summary.get(f"{name}/{end}")) for end in ("low", "high")]
            interval = "" if any(map(math.isnan, ends)) else f"[{ends[0]:.4g}, {ends[1]:.4g}]"
            at = summary.get(f"as_of/{name}", summary.get("rounds"))
            own.append(Figure(_text(name), number, interval, f"of round {_text(at)}"))
    return scores + sorted(own, key=lambda figure: not figure.name.startswith("audit/"))


def doubts_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """What speaks against a score, by the key of its procedure."""
    found = {name.split("/")[1]: value for name, value in summary.items() if _is_doubt(name)}
    return {_text(key): _text(value) for key, value in found.items()}


def _is_doubt(name: str) -> bool:
    head, _, rest = name.partition("/")
    return head == "score" and rest.endswith("/doubts") and rest.count("/") == 1


def procedures_of(summary: Mapping[str, Any]) -> dict[str, str]:
    """How each score was obtained, by its key."""
    found: dict[str, list[str]] = {}
    for name, value in summary.items():
        head, key, rest = [*name.split("/", 2), "", ""][:3]
        if head == "score" and rest.startswith("procedure/"):
            found.setdefault(_text(key), []).append(f"{_text(rest.removeprefix('procedure/'))} {_text(value)}")
    return {key: ", ".join(settings) for key, settings in found.items()}


def data_of(facts: Mapping[str, Any]) -> DataIdentity | None:
    """What the run has learnt from."""
    try:
        identity = DataIdentity.from_json(facts["data"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not isinstance(identity.samples, int | None):
        return None
    classes = identity.classes
    if classes is not None:
        classes = {_text(name): count for name, count in classes.items()}
    return identity._replace(classes=classes, digest=_text(identity.digest), digest_of=_text(identity.digest_of))


def environment_of(run: Run) -> dict[str, str]:
    """Seed, commit, versions, players and speed."""
    summary, rows = run.summary, {"seed": _text(run.config.get("seed"))}
    rows |= {_text(n.removeprefix(VERSION)): _text(v) for n, v in summary.items() if n.startswith(VERSION)}
    code = run.facts.get("code")
    for package, facts in (code if isinstance(code, dict) else {}).items():
        if isinstance(facts, dict):
            rows[_text(package)] = f"version {_text(facts.get('version'))}, commit {_text(facts.get('commit'))}"
    sizes = run.facts.get("parameters")
    if isinstance(sizes, dict):
        rows["parameters"] = ", ".join(f"{_text(name).upper()} {_text(size)}" for name, size in sizes.items())
    speed = _number(summary.get("images_per_second"))
    if not math.isnan(speed):
        rows["speed"] = f"{speed:,.0f} images per second"
    return {name: value for name, value in rows.items() if value}


def commands_of(run: Run) -> dict[str, str]:
    """The lines that draw from the run and score it; of one's own runs also those that repeat it or go on with it."""
    place = _nearby(run.directory)
    looks = {"draw samples": shlex.join(["gan-lab", "sample", place, "n=64", "out=grid.png"])}
    looks["score it"] = shlex.join(["gan-lab", "evaluate", place])
    if not run.own:
        return looks
    start = run.facts.get("start") or {}
    program = [*start.get("program", ["gan-lab", "train"]), *start.get("flags", [])]
    finished = run.summary.get("finished") is True
    more = [f"rounds={2 * _count(run.config, 'rounds')}"] if finished else []
    stopping = run.config.get("callbacks", {}).get("early_stopping")
    if finished and isinstance(stopping, dict) and _count(run.summary, "rounds") < _count(run.config, "rounds"):
        more.append(f"callbacks.early_stopping.patience={2 * _count(stopping, 'patience')}")
    return {
        "repeat it": shlex.join([*program, *run.overrides, "hydra.run.dir=NEW_DIR"]),
        "go on with it": shlex.join(["gan-lab", "train", f"resume={place}", *more]),
        **looks,
    }


def _differences(config: Mapping[str, Any]) -> list[Difference]:
    return differences(config, defaults())


def _nearby(directory: Path) -> str:
    """The directory as a shell in the current one has it."""
    path = directory.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _text(value: object) -> str:
    return "" if value is None else printable(str(value))[:LONGEST]


def _words(summary: Mapping[str, Any], name: str) -> str | None:
    return _text(summary[name]) if isinstance(summary.get(name), str) else None


def _number(value: object) -> float:
    """A number as a float; NaN for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    return math.nan


def _count(values: Mapping[str, Any], name: str) -> int:
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _duration(seconds: object) -> str:
    value = _number(seconds)
    if not 0 <= value < 1e9:
        return "an unknown time"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"
