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
from gan_lab.equilibrium.verdict import ADVICE, judge, trend


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
        rows.append({"ranked_right": ranked(t) + a, "energy": energy(t) + b, "diversity": diversity(t) + c})
    return rows


SEQUENCES = {
    "at rest": (record(), "near equilibrium"),
    "arrived in the earlier half": (record(energy=lambda t: max(0.001, 0.4 - t)), "near equilibrium"),
    "too few rows": (record(n=18), "still moving"),
    "nothing at all": ([], "still moving"),
    "a D that says nothing": ([row | {"d_grad_norm": 0.0} for row in record()], "no game"),
    "a point for data": (record(diversity=lambda t: math.nan), "no verdict"),
    "on its way": (record(lambda t: 0.9, lambda t: 0.5 - 0.4 * t), "still moving"),
    "leaving": (record(energy=lambda t: 0.1 * t), "still moving"),
    "on its way with a sure D": (record(lambda t: 1.0, lambda t: 0.5 - 0.4 * t), "still moving"),
    "a sure D": (record(lambda t: 1.0, lambda t: 0.3, lambda t: 0.15 + 0.05 * t), "discriminator wins"),
    "a D that believes": (record(lambda t: 0.1, lambda t: 0.4), "generator wins"),
    "a blind D": (record(lambda t: 0.5, lambda t: 0.4), "generator wins"),
    "less and less diverse": (record(lambda t: 0.8, lambda t: 0.3, lambda t: 0.9 - 0.9 * t), "generator collapsed"),
    "there and back": (record(lambda t: 0.5 + 0.4 * math.sin(40 * t), lambda t: 0.2), "oscillating"),
    "there and back about nothing": (record(lambda t: 0.5 + 0.3 * math.sin(40 * t)), "near equilibrium"),
    "a steady lead": (record(lambda t: 0.85), "discriminator leads"),
    "unequal samples, a fair D": (record(lambda t: 0.7, lambda t: 0.05), "discriminator leads"),
}


@pytest.mark.parametrize("rows, name", SEQUENCES.values(), ids=SEQUENCES)
def test_constructed_sequences(rows: list[dict[str, float]], name: str) -> None:
    verdict = judge(rows)
    assert verdict.name == name, verdict.figures
    assert verdict.advice == ADVICE[name]
    assert all(math.isfinite(value) for value in verdict.figures.values())


@pytest.mark.parametrize("kl, name", [(0.05, "near equilibrium"), (math.log(2), "generator collapsed")])
def test_dropped_modes_are_a_collapse(kl: float, name: str) -> None:
    assert judge(record(), kl, modes=8).name == name
    assert judge(record(lambda t: 1.0, lambda t: 0.3), kl, modes=8).name == "discriminator wins"


def test_rows_that_lack_a_figure_do_not_count() -> None:
    rows = record()
    assert judge([row | {"energy": math.nan} for row in rows]).name == "still moving"
    assert judge([{"round": 1.0}] * 3 + rows).name == "near equilibrium"


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


SMALL = ["model=mlp", "model.hidden=[32]", "data.batch_size=256", "callbacks.metrics.every=10", "callbacks.field=null",
         "callbacks.samples.every=100000", "callbacks.checkpoint.every=100000"]  # fmt: skip
GAMES = [
    ("near equilibrium", "data=gaussian", "optimizer.lr=1e-3", "optimizer.betas=[0.0,0.9]", "rounds=1000"),
    ("near equilibrium", "data=mixture_1d", "optimizer.lr=5e-3", "rounds=800"),
    ("discriminator wins", "data=ring", "optimizer.g.lr=1e-6", "optimizer.d.lr=1e-2", "rounds=400"),
    ("generator wins", "data=ring", "optimizer.d.lr=1e-6", "optimizer.g.lr=1e-3", "rounds=400"),
    ("generator collapsed", "data=ring", "model.hidden=[128,128]", "latent.dim=32", "optimizer.lr=5e-4", "rounds=600"),
    ("oscillating", "data=gaussian", "loss=wasserstein", "optimizer.lr=3e-3", "rounds=1000"),
    ("still moving", "data=gaussian", "optimizer.lr=1e-3", "rounds=50"),
    ("still moving", "data=digits", "data.batch_size=64", "rounds=300"),
]


@pytest.mark.parametrize("name, overrides", [(name, rest) for name, *rest in GAMES])
def test_games_made_to_end_so(
    played: Callable[..., Path], name: str, overrides: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = played(*SMALL, *overrides)
    summary = json.loads((directory / "summary.json").read_text())
    figures = {key: value for key, value in summary.items() if key.startswith("equilibrium/verdict/")}
    assert summary["equilibrium/verdict"] == name, figures
    assert figures and all(isinstance(value, float) for value in figures.values())
    shown = capsys.readouterr().out
    assert re.search(rf"verdict +{name}\n", shown) and summary["equilibrium/advice"] in shown
    if len((directory / "metrics.csv").read_text().splitlines()) > 10:
        assert Image.open(directory / "equilibrium.png").size == (1056, 704)


def test_pictures_of_the_plane(played: Callable[..., Path]) -> None:
    directory = played("data=grid", "model=mlp", "rounds=5", "callbacks.samples.every=2")
    panels = sorted((directory / "samples").glob("field_*.png"))
    assert [panel.name for panel in panels] == [f"field_{n:06d}.png" for n in (2, 4, 5)]
    assert len({panel.read_bytes() for panel in panels}) == 3
    with Image.open(directory / "field.gif") as film:
        assert film.n_frames == 3 and film.size == Image.open(panels[0]).size
