"""Acts of a tournament's child processes: a look at its settings, rehearsals, and the evaluation of runs."""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from omegaconf import DictConfig, OmegaConf

from gan_lab.cli.evaluate import configure, data_of, evaluate
from gan_lab.cli.train import prepare_run
from gan_lab.config.compose import compose_experiment
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.experiment.run import play
from gan_lab.io.files import write_atomically
from gan_lab.io.reading import read_json
from gan_lab.io.weights import find_weights, read_weights
from gan_lab.sweeps.plan import COST
from gan_lab.tournament.page import TournamentPage
from gan_lab.tournament.rehearsal import Rehearsal, check_budget, plan_of
from gan_lab.tournament.state import KEYS


def rehearse(folders: Sequence[Path], name: str, place: Path, page: TournamentPage, of: str) -> int:
    """In a child: a few rounds of a contestant, and the whole evaluation of what they leave.

    `folders` have the option `name` of `experiment`; `of` is noted as what was rehearsed.
    """
    start = time.monotonic()
    try:
        if place.exists():  # one that was cut short, or of other settings
            shutil.rmtree(place)
        config = compose_experiment([f"experiment={name}"], place, *folders)
        check_budget(config, page.unit)
        plan = plan_of(config)
        config.rounds = config.callbacks.evaluation.every = plan.rounds
        prepare_run(config, again=False)
        play(config, (), [Rehearsal(str(place), plan)])
        began = time.monotonic()
        if score([place], page):
            return 2
        now = time.monotonic()
        taken = read_json(place / COST) | {"scoring": now - began, "whole": now - start, "of": of}
        write_atomically(place / COST, lambda path: path.write_text(json.dumps(taken)))
    except Exception as error:
        return _told(error)
    return 0


def inspect(folders: Sequence[Path], trials: Sequence[Sequence[str]], place: Path, unit: str) -> int:
    """In a child: compose the trials of each contestant, options of `experiment`, in directory `place`.

    Returns 2, and says why, where none of one contestant's can be composed, or one's rounds are not to be paid for in
    this unit. Settings that do not go together are otherwise trials that fail.
    """
    for names in trials:
        errors = {}
        for name in names:
            try:
                config = compose_experiment([f"experiment={name}"], place, *folders)
            except Exception as error:
                errors[name] = error
                continue
            try:
                check_budget(config, unit)
            except UserError as error:
                return _told(error, f"{name}: ")
        if len(errors) == len(names):
            return _told(errors[names[0]], f"{names[0]}: ")
    return 0


def score(runs: Sequence[Path], page: TournamentPage) -> int:
    """In a child: the page's figure of each run, and the copying test where the data have a test set.

    The keys of both procedures are noted in the run's directory, since someone may score it by others, too, and the
    seconds that each took.

    Returns 0, or 2 where a figure could not be had, which is told.
    """
    code = 0
    try:
        figures, copies = _configured(page)
    except Exception as error:
        return _told(error)
    for run in runs:
        try:
            began = time.monotonic()
            copying = None if copies is None else _test_copying(run, copies)
            tested = time.monotonic()
            figure = next(iter(evaluate(run, figures)))
            seconds = {"copying": tested - began, "figure": time.monotonic() - tested}
            text = json.dumps({"copying": copying, "figure": figure, "seconds": seconds})
            write_atomically(run / KEYS, lambda path, text=text: path.write_text(text))  # type: ignore[misc]
        except Exception as error:
            code = _told(error)
    return code


def _configured(page: TournamentPage) -> tuple[DictConfig, DictConfig | None]:
    """The evaluation and the copying test, composed once for all runs."""
    protocol = page.evaluation
    options = [f"metric=[{protocol.metric}]", f"features={protocol.features}", f"n={protocol.n}"]
    options += [f"seed={protocol.seed}", f"split={protocol.split}", f"floor={str(protocol.floor).lower()}"]
    options += [] if protocol.real is None else [f"real={protocol.real}"]
    if page.copying is None:
        return configure(options), None
    test = ["metric=[copying]", f"features={page.copying.features}", f"n={page.copying.n}"]
    return configure(options), configure(test)


def _test_copying(run: Path, config: DictConfig) -> str | None:
    """The procedure's key; None where there is nothing to test by."""
    data = data_of(run, config)
    if not hasattr(data, "test") or data.available is None:
        return None
    try:
        data.test()
    except UserError:  # all pictures are trained on, say
        return None
    recipe = read_weights(find_weights(run, None)).generator().recipe
    conditional = "num_classes" in recipe or "degradation" in recipe  # half of the samples give conditions
    real = data.available // 2 if conditional else data.available
    return next(iter(evaluate(run, cast(DictConfig, OmegaConf.merge(config, {"real": real})))))


def _told(error: Exception, where: str = "") -> int:
    """The error in a line on standard error, and the exit code; a bug keeps its traceback."""
    line = explain(error, [])
    if line is None:
        raise error
    print(f"error: {where}{line}", file=sys.stderr)
    return 2
