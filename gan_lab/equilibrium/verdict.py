"""The verdict on a run, in words, from the figures that were published while it was played."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

NAMES = ("ranked_right", "energy", "diversity")  # what a row must have to count
ENOUGH = 10  # rows in the window, for a verdict

ADVICE = {
    "no game": "D does not learn, its gradient being nought (as under aid=mute): what G learnt it has from its terms",
    "no verdict": "the data are a point, beside which no sample is near or far: read the figures along the run",
    "near equilibrium": "D is undecided and the samples agree with the data: what is left is a matter of metrics",
    "discriminator leads": "D still finds a difference that G does not mend: a larger model.generator, "
    "term@d_terms=[r1], or a lower optimizer.lr with more rounds",
    "discriminator wins": "strengthen G or weaken D: lower optimizer.d.lr or raise optimizer.g.lr, update.g_steps=2, "
    "term@d_terms=[r1]; with loss=minimax, try loss=non_saturating",
    "generator wins": "D does not see a difference that is there: raise optimizer.d.lr, update.d_steps=2, "
    "or a larger model.discriminator",
    "generator collapsed": "G shows a part of the data only: term@d_terms=[r1], loss=relativistic, update.d_steps=2, "
    "a lower optimizer.g.lr",
    "oscillating": "the players run around the equilibrium: a lower optimizer.lr, no momentum "
    "(optimizer.betas=[0.0,0.9]), term@d_terms=[r1] or, for loss=wasserstein, [gradient_penalty]",
    "still moving": "go on: resume=RUN_DIR with more rounds (where the run is short, lower callbacks.metrics.every)",
}


class Verdict(NamedTuple):
    """One of the names in `ADVICE`, the figures that led to it, and what to turn."""

    name: str
    figures: dict[str, float]

    @property
    def advice(self) -> str:
        return ADVICE[self.name]


class Trend(NamedTuple):
    """A straight line through a series: its mean, its rise over the window, that one's error, the swing around it."""

    mean: float
    change: float
    error: float
    swing: float
    crossings: int


def trend(values: Sequence[float]) -> Trend:
    """Least squares; `swing` is the standard deviation about the line, `crossings` count how often it is crossed.

    The change's standard error is that of independent errors, swing sqrt(12 / n).
    """
    y = torch.tensor(values, dtype=torch.float64)
    n = len(y)
    t = torch.linspace(-0.5, 0.5, n, dtype=torch.float64)
    change = (t @ y / t.square().sum()).item()
    rest = y - y.mean() - change * t
    swing = rest.square().mean().sqrt().item()
    crossings = int((rest.sign().diff() != 0).sum())
    return Trend(y.mean().item(), change, swing * math.sqrt(12 / n), swing, crossings)


def judge(rows: Sequence[Mapping[str, float]], mode_kl: float | None = None, modes: int | None = None) -> Verdict:
    """The first that holds, for the later half of the `rows` (dicts with ranked_right, energy, diversity, d_grad_norm).

    Let `ranked` be the mean share of pairs that D orders rightly, `energy` the mean relative energy distance of G's
    samples from the data, `swing` the standard deviation of ranked about its straight line, `diversity` the mean over
    the last quarter; a figure *moves* when its line rises or falls by two standard errors and at least 0.02 and a
    fifth of its mean (energy) or 0.1 (ranked). G *gains* when energy moves down.

    0. no game: D's gradient is nought in all rows; no verdict: diversity is nowhere known, the data being a point.
    1. still moving: fewer than 10 rows, or G gains.
    2. oscillating: swing >= 0.15, its line crossed 4 times or more, energy >= 0.02: D is right and wrong by turns,
       and not about nothing.
    3. generator wins: ranked <= 0.4: D believes the fakes.
    4. generator collapsed: diversity < 1/4 and below that of the first row; or, on a mixture of K modes, ranked < 0.98
       and less than 2/3 of them are shown (e^(-mode_kl) K is their effective number).
    5. discriminator wins: ranked >= 0.98.
    6. generator wins: ranked <= 0.6, though energy >= 0.1: D is blind to a difference that is there.
    7. still moving: energy or ranked moves.
    8. near equilibrium: ranked within 0.15 of 1/2, energy < 0.02.
    9. discriminator leads: what is left; both stand still, D is right more often than not or the samples differ.

    The bounds are this lab's choice, made on runs that fail in these ways; 0.02 is some five standard errors of an
    energy distance from 256 samples, 0.15 some six of ranked with a batch of 256.
    """
    window = [row for row in rows[len(rows) // 2 :] if all(math.isfinite(row.get(n, math.nan)) for n in NAMES)]
    if rows and all(row.get("d_grad_norm") == 0 for row in rows):
        return Verdict("no game", {"points": float(len(window))})
    if rows and all(math.isnan(row.get("diversity", 0.0)) for row in rows):
        return Verdict("no verdict", {"points": float(len(window))})
    if len(window) < ENOUGH:
        return Verdict("still moving", {"points": float(len(window))})
    ranked, energy = (trend([row[name] for row in window]) for name in ("ranked_right", "energy"))
    late = [row["diversity"] for row in window[len(window) // 2 :]]
    diversity = sum(late) / len(late)
    shown = math.exp(-mode_kl) if mode_kl is not None and modes is not None and modes > 1 else 1.0
    figures = {
        "points": float(len(window)), "ranked_right": ranked.mean, "ranked_right_swing": ranked.swing,
        "ranked_right_change": ranked.change, "energy": energy.mean, "energy_change": energy.change,
        "diversity": diversity, **({"modes_shown": shown * modes} if modes else {}),
    }  # fmt: skip
    energy_moves = abs(energy.change) >= max(2 * energy.error, 0.02, energy.mean / 5)
    ranked_moves = abs(ranked.change) >= max(2 * ranked.error, 0.1)
    narrow = diversity < 1 / 4 and diversity < rows[0].get("diversity", 1.0)
    rules = (
        ("still moving", energy_moves and energy.change < 0),
        ("oscillating", ranked.swing >= 0.15 and ranked.crossings >= 4 and energy.mean >= 0.02),
        ("generator wins", ranked.mean <= 0.4),
        ("generator collapsed", narrow or (shown < 2 / 3 and ranked.mean < 0.98)),
        ("discriminator wins", ranked.mean >= 0.98),
        ("generator wins", ranked.mean <= 0.6 and energy.mean >= 0.1),
        ("still moving", energy_moves or ranked_moves),
        ("near equilibrium", abs(ranked.mean - 0.5) <= 0.15 and energy.mean < 0.02),
        ("discriminator leads", True),
    )
    return Verdict(next(name for name, holds in rules if holds), figures)
