"""Stages of a tournament: rehearsal, search, final runs and their evaluation, each in processes of its own."""

import hashlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from gan_lab.cli.acts import inspect, rehearse, score
from gan_lab.cli.sample import main as sample
from gan_lab.cli.stage_checks import check_comparable, check_search, figure_of
from gan_lab.cli.stage_overrides import interval, settings_of, watching
from gan_lab.config.arguments import quoted, tidied
from gan_lab.config.words import one_line
from gan_lab.errors import UserError
from gan_lab.evaluation.comparison import badness
from gan_lab.evaluation.evaluator import VERSION
from gan_lab.evaluation.spending import RULE
from gan_lab.io.files import write_atomically
from gan_lab.io.inside import check_inside
from gan_lab.io.ownership import is_own, write_own
from gan_lab.io.reading import read_json, read_yaml
from gan_lab.runtime.child import in_child, program
from gan_lab.sweeps.plan import COST, FAILURE, run_name
from gan_lab.sweeps.study import NAME, go_on
from gan_lab.tournament.content import Analyse
from gan_lab.tournament.option import write_option
from gan_lab.tournament.page import Choices, TournamentPage, spelt
from gan_lab.tournament.pictures import FIRST
from gan_lab.tournament.plan import Cost, Entry, chosen, drawn_trials, entries, in_words, jobs_left, rounds_of
from gan_lab.tournament.rehearsal import ROUNDS
from gan_lab.tournament.report import write_report
from gan_lab.tournament.result import Played, Result, Searched, conclusion, result_of
from gan_lab.tournament.state import Run, floor_of, read_run

PAGE, LOG = "page.yaml", "output.txt"
FREE = ("power",)  # what decides nothing, and may be asked again of the same runs
NAMED = {"rule": "looks (of another version of the lab)"}
PLAYED = ("search", "final")  # the sweeps: once there is one, the page stands
SHOWN = 36  # samples in a picture
Job = tuple[str, int]  # a run: the option of `experiment` and the seed


class Stages:
    """One tournament in its directory, whose state is what lies there.

    page.yaml               the page
    rehearsal/NAME          a short run of each contestant, with its cost.json
    pages/STAGE/experiment  the settings of each job, as options of the group `experiment`
    search, final           the sweeps
    samples                 a picture of each contestant
    output.txt              what all these have printed
    """

    def __init__(
        self,
        page: TournamentPage,
        directory: Path,
        passed: Sequence[str] = (),
        retry: bool = False,
        folders: Sequence[Path] = (),
        chooses: bool = False,
    ) -> None:
        """`chooses`: the report chooses by validation even without a search."""
        self.page, self.directory, self.passed, self.retry, self.folders = page, directory, passed, retry, folders
        self.figure, self.best = figure_of(page)
        self._has_played = any((directory / stage).exists() for stage in PLAYED)
        if not self._has_played:
            check_search(page, self.figure, self.best, chooses)
        self.costs: dict[str, Cost] = {}
        self.scoring = 0.0  # seconds that the evaluation of one run takes
        self.rehearsals = 0.0  # seconds that all rehearsals took
        self._since = time.monotonic()  # when this start began, later by the time for which runs were waited for
        self._begun: set[str] = set()  # stages whose options were written in this start
        self._said = 0  # bytes of the log before the last child

    def begin(self) -> None:
        """Rehearse what has not been rehearsed.

        Raises:
            UserError: the directory is another tournament's, or a contestant cannot play, or not be evaluated.
        """
        check_inside(self.directory)
        self._keep_page()
        if not self._has_played:
            self._inspect()
        for entry in entries(self.page, trials=self._is_random()):
            if entry.costed in self.costs:
                continue
            found = self._rehearsed(entry)
            self.costs[entry.costed] = Cost(*(found[name] for name in Cost._fields))
            self.scoring = found["scoring"]
            self.rehearsals += found.get("whole", 0.0)
        if not self._has_played:
            check_comparable(self.directory / "rehearsal", self.costs)
        for entry in entries(self.page, trials=False):
            rounds_of(self.page, self.costs[entry.costed], final=True)

    def _inspect(self) -> None:
        """Compose trials of the search, one of each choice of values that it draws.

        Raises:
            UserError: a contestant has none that can be composed, or one whose rounds have no cost of their own.
        """
        if self.page.search is None:
            return
        trials: dict[str, dict[tuple[str, ...], str]] = {name: {} for name in self.page.contestants}
        for entry in drawn_trials(self.page):
            space = self.page.space_of(entry.contestant)
            picked = tuple(spelt(value) for key, value in entry.drawn.items() if isinstance(space[key], Choices))
            if picked not in trials[entry.contestant]:
                pages = self._write("inspection", entry, ROUNDS)
                trials[entry.contestant][picked] = entry.name
        names = [list(own.values()) for own in trials.values() if own]
        if names:
            _say(f"search: {sum(map(len, names))} of its settings are composed")
            act = partial(inspect, [pages, *self.folders], names, self.directory, self.page.unit)
            if self._child(act, is_own=True):
                raise UserError(f"search: {self._last_error()}")

    def plan(self) -> str:
        return in_words(self.page, self.costs, self.scoring)

    def play(self, analyse: Analyse | None = None) -> str:
        """All stages to their end; the report, with what `analyse` finds.

        Raises:
            UserError: runs could not be played, for other reasons than that they failed.
        """
        if self.retry:
            self._forget_failures()
        found = self._search()
        for seeds in self.page.numbers:
            result = self._finals(found, seeds)
            if result.is_final:
                break
        pictures = self._samples(result)
        analysis = None if analyse is None else analyse(result)
        return write_report(
            result, self.directory, pictures, lambda: time.monotonic() - self._since, analysis, self.rehearsals
        )

    def _keep_page(self) -> None:
        path, now = self.directory / PAGE, self.page.model_dump(mode="json", exclude={"factors"})
        now["rule"] = RULE if len(self.page.numbers) > 1 else None  # by which the looks share the error rate
        is_there, has_played = os.path.lexists(path), self._has_played
        if (is_there or has_played) and not (is_there and is_own(path)):
            raise UserError(f"{path}: is not of a tournament of yours; give this one a dir of its own, dir=DIR")
        before = read_yaml(path) if has_played else now
        for key in now:
            if key not in FREE and before.get(key) != now[key]:
                raise UserError(
                    f"{self.directory}: holds a tournament with other {NAMED.get(key, key)}; give this one a dir "
                    f"of its own (its runs would not be comparable, or its error rate not what it says)"
                )
        write_own(path, yaml.safe_dump(now, sort_keys=False))

    def _forget_failures(self) -> None:
        """Of the search only until its best were chosen: the final runs have their settings."""
        stage = "final" if (self.directory / "final").exists() else "search"
        if stage == "search" and self.page.search is not None and not self._is_random():
            raise UserError("retry=true: a trial of Optuna's that has failed stays one; give a dir of its own, dir=DIR")
        for failure in self.directory.glob(f"{stage}/*/{FAILURE}"):
            failure.unlink()

    def _is_random(self) -> bool:
        return self.page.search is not None and self.page.search.sampler == "random"

    def _child(self, act: Callable[[], int | None], is_own: bool = False) -> int:
        """The exit code. `is_own`: its time is that of the tournament itself.

        Raises:
            SystemExit: a signal has ended it; with its code.
        """
        began, log = time.monotonic(), self.directory / LOG
        self._said = log.stat().st_size if log.exists() else 0
        code = in_child(act, log)
        self._since += 0.0 if is_own else time.monotonic() - began
        if code < 0 or code > 128:
            raise SystemExit(128 - code if code < 0 else code)
        return code

    def _rehearsed(self, entry: Entry) -> dict[str, Any]:
        """What a rehearsal of these settings has found; played where there is none.

        Raises:
            UserError: a contestant cannot play, or not be evaluated as it stands on the page. A trial that cannot will
                fail in the search, and has its contestant's cost.
        """
        place = self.directory / "rehearsal" / entry.costed
        about = [
            self._option("rehearsal", entry, ROUNDS),
            self.page.model_dump(mode="json", include={"evaluation", "copying"}),
            VERSION,
        ]
        of = hashlib.sha256(json.dumps(about).encode()).hexdigest()
        found = _found(place / COST, of)
        if found is None and self._has_played and (self.best != "real" or floor_of(place, self.figure) is not None):
            found = _found(place / COST)  # by an earlier version of the lab: what was played went by it
        if found is not None:
            return found
        _say(f"rehearsal: {entry.name}")
        pages = self._write("rehearsal", entry, ROUNDS)
        began = time.monotonic()
        self._child(lambda: rehearse([pages, *self.folders], entry.name, place, self.page, of))
        whole = time.monotonic() - began
        found = _found(place / COST, of)
        if found is None and entry.costed == entry.contestant:
            raise UserError(f"{entry.name}: {self._last_error()}")
        if found is None:
            _say(f"rehearsal: {entry.name} has the cost of {entry.contestant}, since it fails: {self._last_error()}")
            found = self.costs[entry.contestant]._asdict() | {"scoring": self.scoring, "whole": whole, "of": of}
            text = json.dumps(found)
            write_atomically(place / COST, lambda path: path.write_text(text))
        return found

    def _option(self, stage: str, entry: Entry, rounds: int) -> dict[str, Any]:
        """The settings of a job, as `write_option` takes them. A rehearsal is evaluated once, after what is timed."""
        protocol = self.page.evaluation
        watched_by = watching(entry.overrides, protocol.metric, protocol.features, self.folders)
        overrides = tidied([*entry.overrides, *watched_by])
        every = rounds if stage == "rehearsal" else max(1, -(-rounds // self.page.points))
        watched = {"every": every, "n": protocol.validation_n, "real": protocol.real, "seed": protocol.validation_seed}
        more = {f"callbacks.evaluation.{key}": value for key, value in watched.items()}
        return {"overrides": overrides, "rounds": rounds, **more}

    def _write(self, stage: str, entry: Entry, rounds: int) -> Path:
        """The option of a job; the folder for --config-dir, in which nothing else lies."""
        pages = self.directory / "pages" / stage
        if stage not in self._begun and os.path.lexists(pages):
            shutil.rmtree(pages)
        self._begun.add(stage)
        write_option(pages, entry.name, **self._option(stage, entry, rounds))
        return pages

    def _search(self) -> dict[str, Searched]:
        """What the search of each contestant has found."""
        search = self.page.search
        stated = entries(self.page, trials=False)
        if search is None:
            return {entry.name: Searched({}, self.costs[entry.costed], [], []) for entry in stated}
        if not self._is_random():
            return {entry.name: self._optuna(entry) for entry in stated}
        trials = entries(self.page, trials=True)
        rounds = {entry.name: rounds_of(self.page, self.costs[entry.costed], final=False) for entry in trials}
        for entry in trials:
            pages = self._write("search", entry, rounds[entry.name])
        jobs = {(entry.name, search.seed): rounds[entry.name] for entry in trials}
        runs = self._sweep("search", pages, jobs)
        found = {}
        for name in self.page.contestants:
            own = [entry for entry in trials if entry.contestant == name]
            played, costs = [runs[entry.name, search.seed] for entry in own], [self.costs[e.costed] for e in own]
            best = self._chosen(name, played)
            found[name] = Searched(own[best].drawn, costs[best], played, costs)
        return found

    def _chosen(self, name: str, trials: Sequence[Run]) -> int:
        """The trial that is best on validation; where all failed the first, which will fail again."""
        unseen = [run for run in trials if run.failure is None and not run.validation]
        if unseen and not any(run.validation for run in trials):
            raise UserError(f"{unseen[0].directory}: has no {self.figure} in metrics.csv, by which a trial is chosen")
        floor = floor_of(self.directory / "rehearsal" / name, self.figure)
        values = [run.last_validation for run in trials]
        bad = [None if value is None else badness(value, self.best, floor) for value in values]
        return chosen(bad) or 0

    def _optuna(self, entry: Entry) -> Searched:
        """The search of one contestant by Optuna, in its own sweep."""
        search = self.page.search
        assert search is not None
        rounds = rounds_of(self.page, self.costs[entry.costed], final=False)
        space = self.page.space_of(entry.name)
        pages, sweep = self._write("search", entry, rounds), self.directory / "search" / entry.name
        ended = _ended(sweep)
        if ended < search.trials and not (self.directory / "final").exists():  # whose settings were chosen already
            _say(f"search: {entry.name}, {search.trials} trials by Optuna")
            direction = "minimize" if self.best == "lower" else "maximize"
            arguments = [
                f"experiment={entry.name}", f"seed={search.seed}", f"objective=evaluation/{self.figure}",
                "hydra/sweeper=optuna", f"hydra.sweeper.n_trials={search.trials}", "hydra.sweeper.n_jobs=1",
                f"hydra.sweeper.direction={direction}", f"hydra.sweeper.sampler.seed={search.seed}",
                *(f"{key}={interval(part)}" for key, part in space.items()),
            ]  # fmt: skip
            self._train(pages, sweep, arguments)
            ended = _ended(sweep)
            if ended < search.trials:
                raise UserError(f"{sweep}: {ended} of {search.trials} trials have ended; {self._last_error()}")
        places = sorted(path.parent for path in sweep.glob("*/overrides.yaml"))
        runs = [read_run(place, rounds, self.figure) for place in places]
        if not runs:
            raise UserError(f"{sweep}: no trial has left a run; {self._last_error()}")
        drawn = settings_of(places[self._chosen(entry.name, runs)], list(space))
        cost = self.costs[entry.costed]
        return Searched(drawn, cost, runs, [cost] * len(runs))

    def _finals(self, found: dict[str, Searched], number: int) -> Result:
        seeds = list(self.page.final_seeds)[:number]
        jobs: dict[Job, int] = {}
        for entry in entries(self.page, trials=False):
            searched = found[entry.name]
            settings = [f"{key}={spelt(value)}" for key, value in searched.drawn.items()]
            rounds = rounds_of(self.page, searched.cost, final=True)
            pages = self._write("final", entry._replace(overrides=[*entry.overrides, *settings]), rounds)
            jobs |= dict.fromkeys(((entry.name, seed) for seed in seeds), rounds)
        runs = self._sweep("final", pages, jobs)
        runs = self._score(runs, jobs)
        played = [Played(name, {seed: runs[name, seed] for seed in seeds}, *one) for name, one in found.items()]
        result = result_of(self.page, self.figure, played)
        _say(f"look {result.look[0]} of {result.look[1]}, {number} seeds: {conclusion(result)[0]}")
        return result

    def _sweep(self, stage: str, pages: Path, jobs: dict[Job, int]) -> dict[Job, Run]:
        """Play the jobs (option, seed) of so many rounds that are not over.

        Raises:
            UserError: some are not over afterwards.
        """
        sweep = self.directory / stage
        places = {job: sweep / run_name([f"experiment={job[0]}", f"seed={job[1]}"]) for job in jobs}
        runs = self._read(jobs, places)
        left = jobs_left({job: run.is_over for job, run in runs.items()})
        for names, seeds in left:
            _say(f"{stage}: {len(names) * len(seeds)} of {len(jobs)} runs to play")
            self._train(pages, sweep, [f"experiment={','.join(names)}", f"seed={','.join(map(str, seeds))}"])
        runs = self._read(jobs, places) if left else runs
        broken = [run for run in runs.values() if not run.is_over]
        if broken:
            raise UserError(f"{broken[0].directory}: did not end ({len(broken)} runs); {self._last_error()}")
        return runs

    def _read(self, jobs: dict[Job, int], places: dict[Job, Path]) -> dict[Job, Run]:
        return {job: read_run(places[job], rounds, self.figure) for job, rounds in jobs.items()}

    def _train(self, pages: Path, sweep: Path, arguments: list[str]) -> None:
        flags = ["-m", f"--config-dir={pages}", f"hydra.sweep.dir={quoted(str(sweep))}"]
        if self.folders:
            flags.append(f"hydra.searchpath=[{','.join(quoted(f'file://{folder}') for folder in self.folders)}]")
        self._child(lambda: program("gan_lab.cli.train", [*flags, *arguments, *self.passed]))

    def _score(self, runs: dict[Job, Run], jobs: dict[Job, int]) -> dict[Job, Run]:
        """Evaluate the runs that are not.

        Raises:
            UserError: one cannot be.
        """
        left = [run.directory for run in runs.values() if run.failure is None and run.figure is None]
        if not left:
            return runs
        _say(f"evaluation: {len(left)} runs")
        self._child(lambda: score(left, self.page))
        found = self._read(jobs, {job: run.directory for job, run in runs.items()})
        missing = [run for run in found.values() if run.failure is None and run.figure is None]
        if missing:
            raise UserError(f"{missing[0].directory}: could not be evaluated; {self._last_error()}")
        return found

    def _samples(self, result: Result) -> dict[tuple[str, int], Path]:
        """A picture of samples of each of the best contestants, by the same noise: of the first seed for which all of
        these have played, or else of the first of its own."""
        (self.directory / "samples").mkdir(exist_ok=True)
        shown = result.standings[:FIRST]
        played = {one.name: [seed for seed, run in one.runs.items() if run.failure is None] for one in shown}
        common = set(result.seeds).intersection(*(seeds for seeds in played.values() if seeds))
        pictures = {}
        for standing in shown:
            if not played[standing.name]:
                continue
            seed = min(common) if common else played[standing.name][0]
            run = standing.runs[seed]
            path = self.directory / "samples" / f"{standing.name}-{seed}.png"
            pictures[standing.name, seed] = path
            if not path.exists():
                arguments = [str(run.directory), f"n={SHOWN}", "seed=0", f"out={path}"]
                self._child(lambda arguments=arguments: sample(arguments), is_own=True)  # type: ignore[misc]
        return {of: path for of, path in pictures.items() if path.exists()}

    def _last_error(self) -> str:
        """Of the last child."""
        with (self.directory / LOG).open("rb") as log:
            log.seek(self._said)
            lines = log.read().decode(errors="replace").splitlines()
        said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return one_line(said[-1]) if said else f"{self.directory / LOG} says more"


def _found(file: Path, of: str | None = None) -> dict[str, Any] | None:
    """What a whole rehearsal has left, of these settings if they are given; None where there was none."""
    found = read_json(file) if file.exists() else {}
    numbers = [found.get(name) for name in (*Cost._fields, "scoring")]
    is_whole = all(isinstance(number, float | int) and 0 <= number < math.inf for number in numbers)
    return found if is_whole and of in (None, found.get("of")) else None


def _ended(sweep: Path) -> int:
    """How many trials of Optuna's have ended."""
    database = sweep / f"{NAME}.db"
    return go_on(f"sqlite:///{database.resolve()}", NAME)[1] if database.exists() else 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
