"""Verdict on a run in words, from its figures, its audit, and the duality gap if it was measured."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

NAMES = ("auc", "energy", "diversity")  # what a row must have to count
ENOUGH = 10  # rows in the window, for a verdict
MORE_ROUNDS = "resume=RUN_DIR rounds=N"  # in `ADVICE`; the summary has the whole command in its place
SURE = 3  # null spreads of a figure: what lies farther from its value at the equilibrium is no chance

ADVICE = {
    "no game": "D does not learn, its gradient is zero (wrapper=no_adversary): what G learnt it has from its terms",
    "no verdict": "the data are a point, beside which no sample is near or far: read the figures along the run",
    "too short to tell": f"fewer than twenty reports: more rounds ({MORE_ROUNDS}), or a lower "
    "callbacks.metrics.every in a new run",
    "diverged": "the samples or the costs grow without bound: a new run with a lower optimizer.lr, gan.clip_norm=1, or "
    "term@d_terms=[r1] (loss=wasserstein: [gradient_penalty])",
    "near equilibrium": "D is undecided, and so is an independent discriminator: what is left is a matter of metrics",
    "discriminator undecided": "D sees no difference; whether a good D would is not known without an audit "
    "(callbacks=[default] has one)",
    "discriminator too weak": "an independent discriminator sees what D does not: a stronger D, by a higher "
    "optimizer.d.lr, update.d_steps=2, a larger D (model.discriminator), or weaker penalties on it",
    "discriminator leads": "D still finds a difference that G does not reduce: a larger G (model.generator), "
    "term@d_terms=[r1], or a lower optimizer.lr with more rounds",
    "discriminator wins": "strengthen G or weaken D: lower optimizer.d.lr or raise optimizer.g.lr, update.g_steps=2, "
    "term@d_terms=[r1]; with loss=minimax, try loss=non_saturating",
    "generator wins": "D takes generated samples for real ones: raise optimizer.d.lr, update.d_steps=2, "
    "or a larger D (model.discriminator)",
    "generator collapsed": "G shows a part of the data only: term@d_terms=[r1], loss=relativistic, update.d_steps=2, "
    "a lower optimizer.g.lr",
    "oscillating": "the players run around the equilibrium: a lower optimizer.lr, no momentum "
    "(optimizer.betas=[0.0,0.9]), term@d_terms=[r1] or, for loss=wasserstein, [gradient_penalty]",
    "still moving": f"go on: {MORE_ROUNDS}",
}


class Verdict(NamedTuple):
    """One of the names in `ADVICE`, the figures that led to it, and what to turn."""

    name: str
    figures: dict[str, float]

    @property
    def advice(self) -> str:
        return ADVICE[self.name]


class Null(NamedTuple):
    """Standard deviation of each figure where real and generated samples are exchanged at random."""

    auc: float
    energy: float


class Seen(NamedTuple):
    """What an audit saw: the auditor's AUC, that of the game's D on the same samples, and either one's null spread."""

    auditor: float
    game: float
    null: float


class Gains(NamedTuple):
    """What each player's best response gains, with standard errors: the two parts of the duality gap."""

    d: float
    d_error: float
    g: float
    g_error: float


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


def judge(
    rows: Sequence[Mapping[str, float]],
    null: Null,
    seen: Seen | None = None,
    gains: Gains | None = None,
    mode_kl: float | None = None,
    modes: int | None = None,
) -> Verdict:
    """The first that holds, for the later half of the `rows` (dicts with auc, energy, diversity, d_grad_norm).

    `ranked` is the mean share of pairs that D orders rightly in its own batches, `energy` the mean relative energy
    distance of G's samples from the data, `swing` the standard deviation of ranked about its straight line, `diversity`
    the mean over the last quarter. A figure is *beyond chance* when it lies at least three null spreads from its value
    at the equilibrium, 1/2 or 0. It *moves* when its line rises or falls by two standard errors and beyond chance (for
    energy also by a fifth of its mean). G *gains* when energy moves down.

    0. no game: D's gradient is zero in all rows; no verdict: diversity is nowhere known, the data are a point.
    1. diverged: samples are not finite, or ten times as far from the data as the data from each other; or a cost that
       is, over the last quarter, a thousand times as large as at first, and above a thousand.
    2. too short to tell: fewer than 10 rows.
    3. still moving: G gains.
    4. oscillating: swing of three null spreads of ranked, its line crossed 4 times or more, energy beyond chance.
    5. generator wins: ranked below 1/2 beyond chance: D takes the fakes for real.
    6. generator collapsed: diversity < 1/4 and below that of the first row; or, on a mixture of K modes, less than 2/3
       of them are shown (e^(-mode_kl) K is their effective number) and D does not win.
    7. discriminator wins: ranked within one null spread of 1.
    8. discriminator too weak: the auditor's AUC is beyond chance, and the game's D sees less than half of it,
       AUC - 1/2 < (the auditor's - 1/2) / 2, on the same samples; or D's best response gains beyond chance though both
       are undecided.
    9. still moving: energy or ranked moves, or G's best response gains beyond chance though both are undecided.
    10. near equilibrium: neither ranked nor the auditor's AUC is beyond chance. Without an audit: discriminator
       undecided.
    11. discriminator leads: what is left; both stand still, and D or the auditor sees a difference.

    The null spreads are those of the figures at hand, by permutation: of a batch's or an audit's AUC, of the samples'
    energy. So no bound is fitted to a data set. A quarter, two thirds, ten, a thousand and a half are no bounds of
    evidence: they say how much is called a collapse, a divergence, too weak.
    """
    window = [row for row in rows[len(rows) // 2 :] if all(math.isfinite(row.get(n, math.nan)) for n in NAMES)]
    counted = {"points": float(len(window))}
    if rows and all(row.get("d_grad_norm") == 0 for row in rows):
        return Verdict("no game", counted)
    if rows and all(math.isnan(row.get("diversity", 0.0)) for row in rows):
        return Verdict("no verdict", counted)
    if _diverged(rows):
        return Verdict("diverged", counted)
    if len(window) < ENOUGH:
        return Verdict("too short to tell", counted)
    ranked, energy = (trend([row[name] for row in window]) for name in ("auc", "energy"))
    late = [row["diversity"] for row in window[len(window) // 2 :]]
    diversity = sum(late) / len(late)
    shown = math.exp(-mode_kl) if mode_kl is not None and modes is not None and modes > 1 else 1.0
    figures = counted | {
        "auc": ranked.mean, "auc_swing": ranked.swing, "auc_change": ranked.change,
        "auc_null": null.auc, "energy": energy.mean, "energy_change": energy.change,
        "energy_null": null.energy, "diversity": diversity, **({"modes_shown": shown * modes} if modes else {}),
    }  # fmt: skip

    energy_moves = abs(energy.change) >= max(2 * energy.error, SURE * null.energy, energy.mean / 5)
    ranked_moves = abs(ranked.change) >= max(2 * ranked.error, SURE * null.auc)
    narrow = diversity < 1 / 4 and diversity < rows[0].get("diversity", 1.0)
    wins = 1 - ranked.mean <= null.auc
    sees = seen is not None and seen.auditor - 1 / 2 >= SURE * seen.null
    blind = seen is not None and seen.game - 1 / 2 < (seen.auditor - 1 / 2) / 2
    undecided = abs(ranked.mean - 1 / 2) < SURE * null.auc
    both = undecided and not sees
    d_gains = gains is not None and both and gains.d >= SURE * gains.d_error > 0
    g_gains = gains is not None and both and gains.g >= SURE * gains.g_error > 0
    rules = (
        ("still moving", energy_moves and energy.change < 0),
        ("oscillating", ranked.swing >= SURE * null.auc and ranked.crossings >= 4
            and energy.mean >= SURE * null.energy),
        ("generator wins", 1 / 2 - ranked.mean >= SURE * null.auc),
        ("generator collapsed", narrow or (shown < 2 / 3 and not wins)),
        ("discriminator wins", wins),
        ("discriminator too weak", (sees and blind) or d_gains),
        ("still moving", energy_moves or ranked_moves or g_gains),
        ("near equilibrium", both and seen is not None),
        ("discriminator undecided", both),
        ("discriminator leads", True),
    )  # fmt: skip
    return Verdict(next(name for name, holds in rules if holds), figures)


def _diverged(rows: Sequence[Mapping[str, float]]) -> bool:
    if len(rows) < 2:
        return False
    first, last, late = rows[0], rows[-1], rows[-max(1, len(rows) // 4) :]
    if math.isfinite(first.get("energy", math.nan)) and not math.isfinite(last.get("energy", math.nan)):
        return True
    # E|x - y| / E|x - x'| of real x and generated y is (1 + diversity) / (2 - 2 energy).
    far = 1 + last.get("diversity", 1.0) >= 20 * (1 - last.get("energy", 0.0))

    def size(cost: str, some: Sequence[Mapping[str, float]]) -> float:
        return sum(abs(row.get(cost, 0.0)) for row in some) / len(some)

    return far or any(size(cost, late) >= 1000 * max(1.0, size(cost, [first])) for cost in ("d/loss", "g/loss"))
