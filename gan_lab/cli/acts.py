"""Acts of a tournament's child processes: the rehearsal of a contestant, and the evaluation of runs."""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_lab.cli.evaluate import configure, data_of, evaluate
from gan_lab.cli.train import prepare_run
from gan_lab.config.compose import compose_experiment
from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.experiment.run import play
from gan_lab.io.files import write_atomically
from gan_lab.io.reading import read_json
from gan_lab.io.weights import find_weights, read_weights
from gan_lab.tournament.page import TournamentPage
from gan_lab.tournament.rehearsal import FILE, Rehearsal
from gan_lab.tournament.state import copying


def rehearse(pages: Path, name: str, place: Path, page: TournamentPage) -> int:
    """In a child: a few rounds of a contestant, and the whole evaluation of what they leave."""
    try:
        if not (place / FILE).exists() or not summary_of(place).get("finished"):
            shutil.rmtree(place, ignore_errors=True)  # cut short: what was counted is lost
            config = compose_experiment([f"experiment={name}"], place, pages)
            prepare_run(config, again=False)
            play(config, (), [Rehearsal(str(place))])
        began = time.monotonic()
        if score([place], page):
            return 2
        taken = read_json(place / FILE) | {"scoring": time.monotonic() - began}
        write_atomically(place / FILE, lambda path: path.write_text(json.dumps(taken)))
    except Exception as error:
        return _told(error)
    return 0


def score(runs: Sequence[Path], page: TournamentPage) -> int:
    """In a child: the page's figure of each run, and the copying test where the data have a test set.

    Returns 0, or 2 where a figure could not be had, which is told.
    """
    protocol = page.evaluation
    options = [f"metric=[{protocol.metric}]", f"features={protocol.features}", f"n={protocol.n}"]
    options += [f"seed={protocol.seed}", f"split={protocol.split}", f"floor={str(protocol.floor).lower()}"]
    options += [] if protocol.real is None else [f"real={protocol.real}"]
    code = 0
    for run in runs:
        try:
            if page.copying is not None and copying(summary_of(run)) is None:
                _test_copying(run, page)
            evaluate(run, configure(options))
        except Exception as error:
            code = _told(error)
    return code


def _test_copying(run: Path, page: TournamentPage) -> None:
    assert page.copying is not None
    own = ["metric=[copying]", f"features={page.copying.features}", f"n={page.copying.n}"]
    data = data_of(run, configure(own))
    if not hasattr(data, "test") or data.available is None:
        return
    try:
        data.test()
    except UserError:  # all pictures are trained on, say
        return
    recipe = read_weights(find_weights(run, None)).generator().recipe
    conditional = "num_classes" in recipe or "degradation" in recipe  # half of the samples give conditions
    evaluate(run, configure([*own, f"real={data.available // 2 if conditional else data.available}"]))


def summary_of(run: Path) -> dict[str, Any]:
    """Its summary; nothing where it has not ended yet."""
    path = run / "summary.json"
    return read_json(path) if path.exists() else {}


def _told(error: Exception) -> int:
    """The error in a line on standard error, and the exit code; a bug keeps its traceback."""
    line = explain(error, [])
    if line is None:
        raise error
    print(f"error: {line}", file=sys.stderr)
    return 2
