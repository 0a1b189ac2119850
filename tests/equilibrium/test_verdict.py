"""The verdict: on sequences made to show one thing each, and on games made to fail in each way."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from gan_lab.callbacks.series import Series
from gan_lab.equilibrium.audit import null_spread
from gan_lab.equilibrium.verdict import ADVICE, Gains, Null, Seen, judge, trend

pytestmark = pytest.mark.slow

NULL = Null(null_spread(256, 256), 0.003)  # of batches of 256, as `record` makes them
AT_CHANCE = Seen(auditor=0.51, game=0.5, null=null_spread(1000, 1000))
NOTHING_GAINED = Gains(0.001, 0.002, 0.0, 0.002)


def record(
    ranked: Callable[[float], float] = lambda t: 0.5,
    energy: Callable[[float], float] = lambda t: 0.001,
    diversity: Callable[[float], float] = lambda t: 1.0,
    n: int = 60,
) -> list[dict[str, float]]:
    """n rows of a run from t = 0 to 1, with the noise that batches of 256 have."""
    noise = torch.randn(3, n, generator=torch.Generator().manual_seed(0)) * torch.tensor([[0.025], [0.003], [0.02]])
    rows = []
    for i in range(n):
        t = i / (n - 1)
        a, b, c = noise[:, i].tolist()
        rows.append({"auc": ranked(t) + a, "energy": energy(t) + b, "diversity": diversity(t) + c})
    return rows


SEQUENCES = {
    "at rest": (record(), "near equilibrium"),
    "arrived in the earlier half": (record(energy=lambda t: max(0.001, 0.4 - t)), "near equilibrium"),
    "too few rows": (record(n=18), "too short to tell"),
    "nothing at all": ([], "too short to tell"),
    "a D that says nothing": ([row | {"d_grad_norm": 0.0} for row in record()], "no game"),
    "a point for data": (record(diversity=lambda t: math.nan), "no verdict"),
    "on its way": (record(lambda t: 0.9, lambda t: 0.5 - 0.4 * t), "still moving"),
    "leaving": (record(energy=lambda t: 0.1 * t), "still moving"),
    "on its way with a sure D": (record(lambda t: 1.0, lambda t: 0.5 - 0.4 * t), "still moving"),
    "a sure D": (record(lambda t: 1.0, lambda t: 0.3, lambda t: 0.15 + 0.05 * t), "discriminator wins"),
    "a D that believes": (record(lambda t: 0.1, lambda t: 0.4), "generator wins"),
    "less and less diverse": (record(lambda t: 0.8, lambda t: 0.3, lambda t: 0.9 - 0.9 * t), "generator collapsed"),
    "there and back": (record(lambda t: 0.5 + 0.4 * math.sin(40 * t), lambda t: 0.2), "oscillating"),
    "there and back about nothing": (record(lambda t: 0.5 + 0.3 * math.sin(40 * t)), "near equilibrium"),
    "a steady lead": (record(lambda t: 0.85), "discriminator leads"),
    "samples without end": (record(lambda t: 0.5, lambda t: 0.99, lambda t: 10.0 ** (20 * t)), "diverged"),
    "samples that are no numbers": (record(energy=lambda t: 0.1 if t < 0.9 else math.nan), "diverged"),
    "costs without end": ([row | {"d/loss": 10.0**i} for i, row in enumerate(record())], "diverged"),
    "diverged at once": (record(lambda t: 0.5, lambda t: 0.99, lambda t: 1e20 * t, n=4), "diverged"),
}


@pytest.mark.parametrize("rows, name", SEQUENCES.values(), ids=SEQUENCES)
def test_constructed_sequences(rows: list[dict[str, float]], name: str) -> None:
    verdict = judge(rows, NULL, AT_CHANCE)
    assert verdict.name == name, verdict.figures
    assert verdict.advice == ADVICE[name]
    assert all(math.isfinite(value) for value in verdict.figures.values())


def seen(auditor: float, game: float, n: int = 1000) -> Seen:
    return Seen(auditor, game, null_spread(n, n))


AUDITS = {
    "an auditor that sees what D does not": (record(), seen(0.95, 0.52), "discriminator too weak"),
    "an auditor that sees no more than chance": (record(), seen(0.53, 0.5), "near equilibrium"),
    "the same at ten times the samples": (record(), seen(0.53, 0.5, n=10_000), "discriminator too weak"),
    "a D that sees it, too": (record(lambda t: 0.8), seen(0.85, 0.8), "discriminator leads"),
    "a D that leads and sees the smaller part": (record(lambda t: 0.65), seen(0.95, 0.6), "discriminator too weak"),
    "a D that knows the training set alone": (record(lambda t: 0.8), seen(0.51, 0.8), "discriminator leads"),
    "no audit": (record(), None, "discriminator undecided"),
    "a D that wins": (record(lambda t: 1.0), seen(1.0, 1.0), "discriminator wins"),
}


@pytest.mark.parametrize("rows, audit, name", AUDITS.values(), ids=AUDITS)
def test_an_undecided_discriminator_proves_nothing_by_itself(
    rows: list[dict[str, float]], audit: Seen | None, name: str
) -> None:
    assert judge(rows, NULL, audit).name == name


@pytest.mark.parametrize("auditor", [0.5, 0.52, 0.55, 0.6, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("game", [0.4, 0.5, 0.6, 0.8, 1.0])
def test_of_two_runs_the_nearer_is_not_called_the_farther(auditor: float, game: float) -> None:
    """A run that is called near its equilibrium is nearer, by the auditor, than any that is not."""
    near = judge(record(), NULL, seen(auditor, game)).name == "near equilibrium"
    assert near == (auditor - 0.5 < 3 * null_spread(1000, 1000))


GAPS = {
    "no gain": (NOTHING_GAINED, "near equilibrium"),
    "a gain of D's": (Gains(0.05, 0.01, 0.0, 0.01), "discriminator too weak"),
    "a gain of G's": (Gains(0.0, 0.01, 0.05, 0.01), "still moving"),
    "a gain within its error": (Gains(0.02, 0.01, 0.02, 0.01), "near equilibrium"),
}


@pytest.mark.parametrize("gains, name", GAPS.values(), ids=GAPS)
def test_the_duality_gap_is_heeded_where_it_was_measured(gains: Gains, name: str) -> None:
    assert judge(record(), NULL, AT_CHANCE, gains).name == name


def test_bounds_follow_the_spread_of_the_figures() -> None:
    """The same lead of D is chance in small batches and none in large ones; so is the same distance of the samples."""
    lead = record(lambda t: 0.6)
    names = [judge(lead, Null(null_spread(n, n), 0.003), AT_CHANCE).name for n in (32, 1024)]
    assert names == ["near equilibrium", "discriminator leads"]
    leaving = record(energy=lambda t: 0.03 * t)
    names = [judge(leaving, Null(NULL.auc, spread), AT_CHANCE).name for spread in (0.01, 0.001)]
    assert names == ["near equilibrium", "still moving"]


@pytest.mark.parametrize("kl, name", [(0.05, "near equilibrium"), (math.log(2), "generator collapsed")])
def test_dropped_modes_are_a_collapse(kl: float, name: str) -> None:
    assert judge(record(), NULL, AT_CHANCE, mode_kl=kl, modes=8).name == name
    sure = record(lambda t: 1.0, lambda t: 0.3)
    assert judge(sure, NULL, AT_CHANCE, mode_kl=kl, modes=8).name == "discriminator wins"


def test_rows_that_lack_a_figure_do_not_count() -> None:
    rows = record()
    assert judge([row | {"auc": math.nan} for row in rows], NULL).name == "too short to tell"
    assert judge([{"round": 1.0}] * 3 + rows, NULL, AT_CHANCE).name == "near equilibrium"


def test_trend_of_a_line_and_of_noise() -> None:
    line = trend([3.0 + 0.1 * i for i in range(11)])
    assert (line.mean, line.change, line.swing) == pytest.approx((3.5, 1.0, 0.0), abs=1e-12)
    changes = [trend(torch.randn(40, generator=torch.Generator().manual_seed(i)).tolist()) for i in range(400)]
    spread = torch.tensor([t.change for t in changes]).std().item()
    assert spread == pytest.approx(sum(t.error for t in changes) / 400, rel=0.1)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, 1000])
def test_series_is_bounded_even_and_resumes(n: int) -> None:
    whole, broken = Series(8), Series(8)
    for i in range(n):
        whole.add({"round": float(i), **({"late": 1.0} if i > 3 else {})})
    for i in range(n):
        broken.add({"round": float(i), **({"late": 1.0} if i > 3 else {})})
        if i == n // 2:
            again = Series(8)
            again.load_state_dict(broken.state_dict())
            broken = again
    assert whole.rows == broken.rows
    rounds = whole.column("round")
    assert len(rounds) < 8 and len({b - a for a, b in zip(rounds, rounds[1:], strict=False)}) <= 1
    assert n < 8 or len(rounds) >= 4


SMALL = ["model=mlp", "model.hidden=[32]", "data.batch_size=256", "callbacks.metrics.every=10",
         "callbacks.logit_landscape=null",
         "callbacks.samples.every=100000", "callbacks.checkpoint.every=100000"]  # fmt: skip
AUDITED = "callbacks.audit.n=200"
GAMES = [
    ("near equilibrium", "data=gaussian", "optimizer.lr=3e-3", "optimizer.betas=[0.0,0.9]", "rounds=1500", AUDITED,
     "schedule=cosine", "term@d_terms=[r1]", "d_terms.r1.weight=0.1"),
    ("discriminator too weak", "data=ring", "optimizer.d.lr=1e-6", "optimizer.g.lr=1e-6", "rounds=200", AUDITED),
    ("discriminator wins", "data=ring", "optimizer.g.lr=1e-6", "optimizer.d.lr=1e-2", "rounds=400"),
    ("generator collapsed", "data=ring", "model.hidden=[128,128]", "latent.dim=32", "optimizer.lr=5e-4", "rounds=600"),
    ("oscillating", "data=gaussian", "loss=wasserstein", "optimizer.lr=3e-3", "rounds=1000"),
    ("diverged", "data=gaussian", "loss=wasserstein", "optimizer.lr=1", "optimizer.betas=[0.0,0.9]", "rounds=300"),
    ("too short to tell", "data=gaussian", "optimizer.lr=1e-3", "rounds=50"),
    ("still moving", "data=digits", "data.batch_size=64", "rounds=300"),
]  # fmt: skip


@pytest.mark.parametrize("name, overrides", [(name, rest) for name, *rest in GAMES])
def test_games_made_to_end_so(
    played: Callable[..., Path], name: str, overrides: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = played(*SMALL, *overrides)
    summary = json.loads((directory / "summary.json").read_text())
    figures = {key: value for key, value in summary.items() if key.startswith(("equilibrium/verdict/", "audit/"))}
    assert summary["equilibrium/verdict"] == name, figures
    assert figures and all(isinstance(value, float) for value in figures.values())
    shown = capsys.readouterr().out
    assert re.search(rf"verdict +{name}\n", shown) and summary["equilibrium/advice"] in shown
    assert ("audit/auc" in summary) == (AUDITED in overrides) == bool(re.search(r"audit +accuracy 0\.\d+ \[", shown))
    if len((directory / "metrics.csv").read_text().splitlines()) > 10:
        assert Image.open(directory / "equilibrium.png").size == (1056, 1056)


def test_pictures_of_the_plane(played: Callable[..., Path]) -> None:
    directory = played("data=grid", "model=mlp", "rounds=5", "callbacks.samples.every=2")
    panels = sorted((directory / "samples").glob("logit_landscape_*.png"))
    assert [panel.name for panel in panels] == [f"logit_landscape_{n:06d}.png" for n in (2, 4, 5)]
    assert len({panel.read_bytes() for panel in panels}) == 3
    with Image.open(directory / "logit_landscape.gif") as film:
        assert film.n_frames == 3 and film.size == Image.open(panels[0]).size
