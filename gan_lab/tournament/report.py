"""Report of a tournament: one content as Markdown and as a page of HTML, and its data."""

import base64
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gan_lab.config.words import cell
from gan_lab.evaluation.ranking import MOST_SEEDS
from gan_lab.io.files import write_atomically
from gan_lab.io.strict_json import finite, in_json
from gan_lab.tournament import pictures
from gan_lab.tournament.content import Analysis, Picture, Table
from gan_lab.tournament.page import spelt
from gan_lab.tournament.pictures import FIRST
from gan_lab.tournament.result import PAIRS, Beside, Result, Spent, Standing, beside, conclusion

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of trials; the nearest one stands for each


HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .6rem 0; display: block; overflow-x: auto }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #ddd; white-space: nowrap }
th { border-bottom: 2px solid #999 }
img { max-width: 100%; height: auto }
.verdict { border-left: 4px solid #4c72b0; padding: .2rem 1rem; background: #f4f6fa }
.note { color: #666; font-size: 13px } h2 { margin-top: 2rem; font-size: 1.15rem }
.samples { display: flex; flex-wrap: wrap; gap: 1rem } .samples figure { margin: 0; width: 15rem }
</style></head><body>
<h1>{{ title }}</h1>
<div class="verdict">{% for line in sentences %}<p>{{ line }}</p>{% endfor %}</div>
{% for part in tables %}<h2>{{ part.title }}</h2>
<table><tr>{% for name in part.head %}<th>{{ name }}</th>{% endfor %}</tr>
{% for row in part.rows %}<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>
{% endfor %}</table><p class="note">{{ part.note }}</p>
{% endfor %}{% for part in pictures %}<h2>{{ part.title }}</h2>
<img alt="{{ part.title }}" src="data:image/png;base64,{{ encoded(part.png) }}"><p class="note">{{ part.note }}</p>
{% endfor %}{% if samples %}<h2>Samples at equal seeds</h2><div class="samples">
{% for part in samples %}<figure>
<img alt="{{ part.title }}" src="data:image/png;base64,{{ encoded(part.png) }}">
<figcaption>{{ part.title }}</figcaption></figure>{% endfor %}</div>{% endif %}
</body></html>
"""


def write_report(
    result: Result,
    directory: Path,
    samples: dict[tuple[str, int], Path],
    rest: Callable[[], float],
    analysis: Analysis | None = None,
    rehearsals: float = 0.0,
) -> str:
    """Write tournament.md, .html, .json and the pictures into the directory; the Markdown.

    `samples` are pictures of each contestant's. `rehearsals`: seconds that they took; `rest`: those of all else that is
    neither a run nor its evaluation, by the clock, up to now.
    """
    first = f" The best {FIRST} contestants." if len(result.standings) > FIRST else ""
    shown = [
        *([] if analysis is None else analysis.pictures),
        Picture("Standings", "standings.png", pictures.standings(result), "Dashed: what other real samples get."),
        Picture(
            "Learning curves at equal compute",
            "curves.png",
            pictures.curves(result),
            "Mean and range over seeds, by the noise and the real samples of the validation. Runs that failed are left "
            f"out.{first}",
        ),
    ]
    if result.leader.trials:
        shown.append(Picture("Search", "search.png", pictures.searches(result), f"One point for each trial.{first}"))
    grids = [
        Picture(f"Samples of {result.marked(name)}, seed {seed}", f"samples/{path.name}", path.read_bytes(), "")
        for (name, seed), path in samples.items()
    ]
    played = "Tournament" if analysis is None else analysis.title
    title = f"{played} of {len(result.standings)} contestants by {result.figure}"
    sentences = [*([] if analysis is None else analysis.sentences), *conclusion(result)]
    seconds = beside(result, rehearsals, rest())  # once the pictures are drawn, which take most of it
    tables = [*([] if analysis is None else analysis.tables), _standings(result), _pairs(result)]
    tables += [_search(result)] if result.leader.trials else []
    tables += [_cost(result, seconds)]
    tables += [_failures(result)] if any(one.failures for one in result.standings) else []
    for picture in shown:
        write_atomically(directory / picture.name, partial(Path.write_bytes, data=picture.png))
    text = _markdown(title, sentences, tables, [*shown, *grids])
    page = _html(title=title, sentences=sentences, tables=tables, pictures=shown, samples=grids)
    data = in_json(as_data(result, analysis) | {"seconds": seconds._asdict()})
    for name, content in (("tournament.md", text), ("tournament.html", page), ("tournament.json", data)):
        write_atomically(directory / name, partial(Path.write_text, data=f"{content}\n", encoding="utf-8"))
    return text


def _markdown(title: str, sentences: Sequence[str], tables: Sequence[Table], shown: Sequence[Picture]) -> str:
    lines = [f"# {title}", ""]
    for sentence in sentences:
        lines += [sentence, ""]
    for table in tables:
        lines += [f"## {table.title}", "", f"| {' | '.join(table.head)} |", "|---" * len(table.head) + "|"]
        lines += [f"| {' | '.join(cell(value) for value in row)} |" for row in table.rows]
        lines += ["", table.note, ""]
    for picture in shown:
        lines += [f"## {picture.title}", "", f"![{picture.title}]({picture.name})", ""]
        lines += [picture.note, ""] if picture.note else []
    return "\n".join(lines).rstrip()


def _html(**content: Any) -> str:
    from jinja2 import Environment  # which torch depends on

    def encoded(png: bytes) -> str:
        return base64.b64encode(png).decode()

    return Environment(autoescape=True).from_string(HTML).render(encoded=encoded, **content).rstrip()


def _standings(result: Result) -> Table:
    percent = f"{100 * (1 - result.level):.3g} %"
    head = ["rank", "contestant", result.figure, "ranks that tests leave", "failed", "copies"]
    rows = [
        [_rank(one), one.marked, _mean(one), _left(one), str(one.failures), str(one.copies)] for one in result.standings
    ]
    floor = "not measured" if result.floor is None else f"{result.floor:.4g}"
    way = {"higher": "higher is better", "lower": "lower is better", "real": "best near real samples"}
    best = way.get(str(result.best), f"{result.best} is best")
    note = (
        f"{result.figure}: {best}; of other real samples: {floor}. Mean ± half of the 95 % t-interval over "
        f"{len(result.seeds)} seeds, less those that failed. In brackets the bootstrap's {percent} interval of the "
        "rank over seeds; the ranks that tests leave hold for all contestants together. "
        f"Look {result.look[0]} of {result.look[1]}."
    )
    return Table("Ranks", head, rows, note)


def _pairs(result: Result) -> Table:
    rows = []
    pairs = result.pairs
    for pair in pairs[:PAIRS]:
        needed = result.needed.get((pair.a, pair.b), 0)
        rows.append(
            [
                f"{result.marked(pair.a)} - {result.marked(pair.b)}",
                f"{pair.difference:.4g} ± {pair.half_width:.2g}",
                f"{pair.effect:.2f}",
                f"{pair.p:.2g}",
                f"{pair.adjusted:.2g}",
                "yes" if pair in result.decision.decided else "no",
                "" if pair in result.decision.decided else (f"> {MOST_SEEDS:,}" if needed is None else str(needed)),
            ]
        )
    over = "pairs" if result.look[1] == 1 else "pairs and looks"
    note = (
        f"Of how bad a run is, by seed: a difference below zero favours the first. g: Hedges' effect size of the "
        f"differences. Student's paired test; by Holm for all {over}, and decided where that is at most "
        f"{result.page.error:g}. The seeds are all that it would take with a power of {result.page.power:g}, if the "
        "effect is as large as it looks."
    )
    if len(pairs) > PAIRS:
        note += f" {len(pairs) - PAIRS} pairs more are in tournament.json."
    head = ["pair", "difference", "g", "p", f"p for all {over}", "decided", "seeds it would take"]
    return Table("Pairs", head, rows, note)


def _search(result: Result) -> Table:
    rows = []
    for one in result.standings:
        values = one.validated(result.best, result.floor)
        at = [round(q * (len(values) - 1)) for q in QUANTILES] if values else []
        shown = [f"{values[place]:.4g}" for place in at] or ["-"] * len(QUANTILES)
        drawn = ", ".join(f"{key}={_short(value)}" for key, value in one.drawn.items()) or "as on the page"
        rows.append([one.marked, str(len(one.trials)), *shown, str(len(one.trials) - len(values)), drawn])
    head = ["contestant", "trials", "best", "quarter", "median", "three quarters", "worst", "failed", "chosen"]
    note = (
        "The validation's figure over the trials of the search, by merit. The median says what one gets without a "
        "search; the best was chosen by it and flatters."
    )
    return Table("Search", head, rows, note)


def _cost(result: Result, seconds: Beside) -> Table:
    rows = []
    for one in result.standings:
        for what, spent in (("search", one.search), ("final runs", one.final), ("both", one.search.plus(one.final))):
            if spent.runs and (what != "both" or one.search.runs):
                rows.append([one.name, what, *_spent(spent)])
    unit, amount = result.page.unit, result.page.amount
    note = (
        f"Budget of each contestant: {amount:g} {unit}. FLOPs: of matrix products and convolutions, counted in "
        "a rehearsal; seconds those of training. Failed runs are included; the evaluation is not. "
        f"Training took {seconds.training:.0f} s, evaluation {seconds.evaluation:.0f} s, and the tournament itself "
        f"{100 * seconds.share:.1f} % of that: rehearsals {seconds.rehearsals:.1f} s, tests for copies "
        f"{seconds.copying:.1f} s, planning, pictures and report of this start {seconds.rest:.1f} s."
    )
    return Table("Cost", ["contestant", "", "runs", "rounds", "FLOPs", "images", "seconds"], rows, note)


def _spent(spent: Spent) -> list[str]:
    return [str(spent.runs), str(spent.rounds), f"{spent.flops:.3g}", f"{spent.images:.3g}", f"{spent.seconds:.0f}"]


def _failures(result: Result) -> Table:
    rows = [
        [one.name, str(seed), str(run.rounds), run.failure]
        for one in result.standings
        for seed, run in one.runs.items()
        if run.failure is not None
    ]
    return Table("Failures", ["contestant", "seed", "rounds", "why"], rows, "Each counts as the worst of all runs.")


def _rank(one: Standing) -> str:
    return f"{one.rank.rank} [{one.rank.low}, {one.rank.high}]"


def _left(one: Standing) -> str:
    return f"{one.rank.best}" if one.rank.best == one.rank.worst else f"{one.rank.best} to {one.rank.worst}"


def _mean(one: Standing) -> str:
    if one.figures is None:
        return "failed"
    half = "" if math.isnan(one.figures.half_width) else f" ± {one.figures.half_width:.2g}"
    return f"{one.figures.mean:.4g}{half}{f' ({one.figures.n} seeds)' if one.failures else ''}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else spelt(value)


def as_data(result: Result, analysis: Analysis | None = None) -> dict[str, Any]:
    """All of it as plain data; what is not finite is null."""
    found = {
        "conclusion": conclusion(result),
        "figure": result.figure,
        "best": result.best,
        "floor": result.floor,
        "seeds": result.seeds,
        "level": result.level,
        "look": list(result.look),
        "settled": result.decision.settled,
        "contestants": {
            one.name: {
                "chosen": one.drawn,
                "figures": {str(seed): run.figure for seed, run in one.runs.items()},
                "failures": {str(seed): run.failure for seed, run in one.runs.items() if run.failure is not None},
                "rank": one.rank._asdict(),
                "copying": {str(seed): run.copying for seed, run in one.runs.items()},
                "trials": [run.last_validation for run in one.trials],
                "spent": {"search": one.search._asdict(), "final": one.final._asdict()},
            }
            for one in result.standings
        },
        "pairs": [pair._asdict() | {"needed": result.needed.get((pair.a, pair.b))} for pair in result.pairs],
        **({} if analysis is None else analysis.data),
    }
    return finite(found)
