"""The jobs of a sweep, or one run, as they go on, such as `gan-lab watch multirun/losses`.

DIR is the directory of a sweep, here or on a cluster whose files are seen here, or of one run. For each job: how far it
is, its pace in rounds a second, the time left, and the figure that it monitors (callbacks.checkpoint.monitor, or
callbacks.early_stopping.monitor; else G's loss) with its curve. Of one run there are curves of its losses and of D's
accuracy, too. Where the output is no terminal there is a line for each job that has moved, once a minute.

It only reads files, and ends when no job is running and none is to come: one that has not started, or has given no sign
of life, is waited for as long as `minutes`. The exit code is 0 when every job is done, else 1; 2 when DIR is no sweep.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from gan_lab.cli.status import STATES, Job, status
from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.config.words import one_line
from gan_lab.errors import UserError
from gan_lab.evaluation.copying import along, answer
from gan_lab.io.metrics_table import read_rows
from gan_lab.io.reading import read_yaml
from gan_lab.ranges import PositiveFloat
from gan_lab.sweeps.plan import PLAN

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

USAGE = "gan-lab watch DIR [seconds=5] [minutes=15]"
FIGURE = "g/loss"  # where none is monitored
CURVES = ("d/loss", "g/loss", "d/accuracy_real", "d/accuracy_fake")
BLOCKS, ASCII = "▁▂▃▄▅▆▇█", "_.-=+*#@"
WIDTH = 21  # of the figure's column
LINES_EVERY = 60.0  # seconds between lines, where the output is no terminal
LARGEST = 10**15  # rounds, or seconds
ORDER = ("running", "failed", "waiting", "done")
COLOURS = {"running": "cyan", "failed": "red", "waiting": "yellow", "done": "green"}


class Options(CommandOptions):
    """What may follow DIR, as key=value."""

    seconds: PositiveFloat = Field(default=5, description="between two looks at the files")
    minutes: PositiveFloat = Field(
        default=15, description="without a sign of life, after which a job counts as stopped"
    )


class View(NamedTuple):
    """A job as it is seen: its table's columns by name, the rounds it is to play, and the figure that it monitors."""

    job: Job
    table: Mapping[str, Sequence[float]]
    budget: int | None
    figure: str

    @property
    def played(self) -> int:
        return int(self.last("round") or 0)

    @property
    def pace(self) -> float | None:
        """Rounds a second."""
        return self.last("rounds_per_second")

    @property
    def left(self) -> float | None:
        """Seconds that a running job still needs; None: not known."""
        if self.job.state != "running" or not self.pace or self.budget is None:
            return None
        return max(self.budget - self.played, 0) / self.pace

    @property
    def mark(self) -> str:
        """Of a run that copies, as far as it was tested along the way."""
        return answer([along({name: values[-1] for name, values in self.table.items() if values})]).marked("")

    def last(self, name: str) -> float | None:
        values = self.table.get(name)
        return values[-1] if values else None


Show = Callable[[Sequence[View], bool], None]  # the jobs, and whether it is their last look


@entry(smaller="ask again when other programs have ended")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    directory, *rest = arguments
    try:
        jobs = watch(place(directory), parse_options(Options, rest))
    except KeyboardInterrupt:  # the way to leave it; the jobs go on
        return 1
    return 0 if all(job.state == "done" for job in jobs) else 1


def watch(directory: Path, options: Options) -> list[Job]:
    """Show the jobs until they have ended; how they have.

    Raises:
        UserError: there is no sweep and no run.
    """
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    seen = Seen(directory, 60 * options.minutes)
    show = _in_place(console) if console.is_terminal else _in_lines()
    with show as shown:
        while True:
            views = seen.look()
            going = seen.going(views)
            shown(views, not going)
            if not going:
                return [view.job for view in views]
            time.sleep(options.seconds)


@contextmanager
def _in_place(console: "Console") -> Iterator[Show]:
    from rich.live import Live

    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield lambda views, _: live.update(picture(views, console), refresh=True)


@contextmanager
def _in_lines() -> Iterator[Show]:
    """A line for each job that has moved, once a minute and at the end."""
    shown: dict[str, str] = {}
    due = time.monotonic()

    def show(views: Sequence[View], last: bool) -> None:
        nonlocal due
        if time.monotonic() < due and not last:
            return
        due = time.monotonic() + LINES_EVERY
        for view in views:
            text = line(view)
            if shown.get(view.job.name) != text:
                print(text, flush=True)
            shown[view.job.name] = text
        if last:
            print(counts(views), flush=True)

    yield show


class Seen:
    """The jobs in a directory, read again where their files have changed."""

    def __init__(self, directory: Path, patience: float) -> None:
        self.directory, self.patience = directory, patience
        self._tables: dict[Path, tuple[tuple[int, int], Mapping[str, Sequence[float]]]] = {}

    def look(self) -> list[View]:
        """As they are now.

        Raises:
            UserError: there is no sweep and no run.
        """
        alone = (self.directory / "config.yaml").is_file() and not (self.directory / PLAN).exists()
        return [
            self._view(job, self.directory if alone else self.directory / job.name)
            for job in status(self.directory, self.patience)
        ]

    def going(self, views: Sequence[View]) -> bool:
        """Whether there is something to wait for: a job that runs, or one to come in a sweep that lives."""
        if any(view.job.state == "running" for view in views):
            return True
        to_come = any(view.job[1:] == ("waiting", "not started") for view in views)
        return to_come and time.time() - self._last_sign(views) <= self.patience

    def _last_sign(self, views: Sequence[View]) -> float:
        places = [self.directory / PLAN]
        places += [self.directory / view.job.name / name for view in views for name in ("metrics.csv", "summary.json")]
        return max((path.stat().st_mtime for path in places if path.is_file()), default=0.0)

    def _view(self, job: Job, run: Path) -> View:
        try:
            config = read_yaml(run / "config.yaml") if (run / "config.yaml").is_file() else {}
            table = self._table(run / "metrics.csv")
        except UserError as error:  # of a damaged file; the other jobs may be well
            return View(job._replace(note=str(error)), {}, None, FIGURE)
        budget = config.get("rounds")
        known = isinstance(budget, int) and 0 <= budget < LARGEST
        return View(job, table, budget if known else None, _monitored(config))

    def _table(self, path: Path) -> Mapping[str, Sequence[float]]:
        if not path.is_file():
            return {}
        found = path.stat()
        version = (found.st_mtime_ns, found.st_size)
        if path not in self._tables or self._tables[path][0] != version:
            self._tables[path] = version, _columns(path)
        return self._tables[path][1]


def _columns(path: Path) -> dict[str, list[float]]:
    """The finite numbers of each column, from the first round to the last."""
    columns: dict[str, list[float]] = {}
    for _, numbers in read_rows(path):
        for name, number in numbers.items():
            if math.isfinite(number):
                columns.setdefault(name, []).append(number)
    return columns


def _monitored(config: Mapping[str, Any]) -> str:
    callbacks = config.get("callbacks")
    for name in ("checkpoint", "early_stopping"):
        part = callbacks.get(name) if isinstance(callbacks, dict) else None
        found = part.get("monitor") if isinstance(part, dict) else None
        if isinstance(found, str):
            return found
    return FIGURE


def picture(views: Sequence[View], console: "Console") -> "RenderableType":
    """What the terminal shows: no wider and no higher than it is."""
    from rich.console import Group
    from rich.text import Text

    parts = [_jobs(views, console), Text(counts(views), no_wrap=True)]
    if len(views) == 1:
        parts.insert(1, _curves(views[0], console))
    return Group(*parts)


def _jobs(views: Sequence[View], console: "Console") -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    # One job, its row and its reason take two lines; below stand the counts, and the cursor.
    room = max((console.height - 6) // (2 if any(view.job.state == "failed" for view in views) else 1), 1)
    chosen = sorted(views, key=lambda view: ORDER.index(view.job.state))[:room]
    table = Table(box=None, padding=(0, 1, 0, 0), expand=False, show_edge=False)
    for name, width in (("job", max(console.width - 62, 8)), ("", 8), ("round", 11), ("pace", 7), ("left", 8)):
        table.add_column(Text(name), width=width, no_wrap=True, overflow="ellipsis")
    table.add_column(Text("figure"), width=WIDTH, no_wrap=True, overflow="ellipsis")
    parts: list[RenderableType] = [table]
    for view in chosen:
        total = view.budget or 0
        share = ProgressBar(total=max(total, 1), completed=min(view.played, total), width=8)
        pace, left = "" if view.pace is None else f"{view.pace:.3g}/s", _clock(view.left)
        value, state = view.last(view.figure), view.job.state
        table.add_row(
            Text(_short(view.job.name, max(console.width - 62, 8))),
            share if total and state != "waiting" else Text(""),
            Text(f"{view.played}/{total}" if total else ""),
            Text(pace if state == "running" else ""),
            Text(left if state == "running" else state, style=COLOURS[state]),
            Text("" if value is None else _figure(view, value, _blocks(console))),
        )
    for view in chosen:
        if view.job.state == "failed":
            text = f"{_short(view.job.name, 30)}: {one_line(view.job.note)}"
            parts.append(Text(text, style="red", no_wrap=True, overflow="ellipsis"))
    if len(chosen) < len(views):
        parts.append(Text(f"and {len(views) - len(chosen)} more"))
    return Group(*parts)


def _figure(view: View, value: float, blocks: str) -> str:
    """The mark of a run that copies, as much of the curve as there is room for, and the last value."""
    number = f"{value:.4g}"
    curve = spark(view.table[view.figure], min(12, WIDTH - 1 - len(view.mark) - len(number)), blocks)
    return f"{view.mark} {curve} {number}".strip()


def _curves(view: View, console: "Console") -> "RenderableType":
    """The figures of one run: name, curve, last value, lowest and highest."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, show_header=False)
    width = max(console.width - 54, 8)
    for columns in (22, width, 9, 20):
        table.add_column(width=columns, no_wrap=True, overflow="ellipsis")
    for name in dict.fromkeys((*CURVES, view.figure)):
        values = view.table.get(name)
        if values:
            between = f"{min(values):.3g} to {max(values):.3g}"
            curve = spark(values, width, _blocks(console))
            table.add_row(Text(one_line(name)), Text(curve), Text(f"{values[-1]:.4g}"), Text(between, style="dim"))
    return table


def _blocks(console: "Console") -> str:
    return BLOCKS if console.encoding.lower().startswith("utf") else ASCII


def spark(values: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """A curve of `width` characters at most: means of equal parts of the values, from the lowest to the highest."""
    count = min(width, len(values))
    if not count:
        return ""
    edges = [i * len(values) // count for i in range(count + 1)]
    # Halves of them, so that neither a sum nor the span is more than a float can be.
    means = [sum(value / 2 / (b - a) for value in values[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(blocks[min(int((mean - low) / span * len(blocks)), len(blocks) - 1)] for mean in means)


def line(view: View) -> str:
    """A job in one line of text."""
    name, state = one_line(view.job.name), view.job.state
    if state != "running":
        return f"{name}: {state}, {one_line(view.job.note)}"
    value = view.last(view.figure)
    parts = [
        f"round {view.played}" + (f" of {view.budget}" if view.budget else ""),
        "" if view.pace is None else f"{view.pace:.3g} rounds/s",
        "" if view.left is None else f"{_clock(view.left)} left",
        "" if value is None else f"{one_line(view.figure)} {value:.4g}{view.mark}",
    ]
    return f"{name}: {', '.join(filter(None, parts))}"


def counts(views: Sequence[View]) -> str:
    return ", ".join(f"{sum(view.job.state == state for view in views)} {state}" for state in STATES)


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if not seconds < LARGEST:
        return "years"
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    days = hours // 24
    if days:
        return f"{days}d {hours % 24:02d}h" if days < 1000 else "years"
    return f"{hours}:{minutes % 60:02d}:{int(seconds) % 60:02d}"


def _short(name: str, width: int) -> str:
    """A name on one line: of a long one its end, which tells it from others of the same sweep."""
    text = one_line(name)
    return text if len(text) <= width else f"...{text[3 - width :]}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
