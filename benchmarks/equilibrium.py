"""The game against the truth: `python benchmarks/equilibrium.py [PICTURE]` prints a table and draws it.

Two games with known densities, a 1-D mixture and a ring. At the equilibrium G is the data's own density and D says
1/2 everywhere; from there G is moved along a path by `t`. At each point: 2 JSD by quadrature with its error,
V(D*, G) + log 4 by quadrature, and the duality gap with multilayer perceptrons as best responses. A D trained against
one such G is compared with D*.
"""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor, nn

from gan_lab.densities import GaussianMixture, mixture_1d, ring
from gan_lab.equilibrium.duality import duality_gap
from gan_lab.equilibrium.quadrature import Box, jsd, optimal_logit, value
from gan_lab.losses import Minimax
from gan_lab.types import Density

LOSS, BATCH, STEPS = Minimax(), 2048, 1500


class Game(NamedTuple):
    """The data, G at distance t from the equilibrium, where to integrate, and the t to look at."""

    data: GaussianMixture
    moved: Callable[[float], GaussianMixture]
    box: Box
    at: tuple[float, ...]


GAMES = {
    "mixture_1d": Game(
        mixture_1d(2, 3.0, 0.8),
        lambda t: GaussianMixture(mixture_1d(2, 3.0, 0.8).means + t, 0.8),
        Box(-12.0, 12.0, 2048, 1),
        (0.0, 0.25, 0.5, 1.0, 1.5),
    ),
    "ring": Game(
        ring(8, 1.0, 0.2),
        lambda t: ring(8, 1.0 + t, 0.2),
        Box(-4.0, 4.0, 400),
        (0.0, 0.05, 0.1, 0.2, 0.4),
    ),
}


class Moved(nn.Module):
    """G whose samples are those of a density, stretched and shifted by what it may learn."""

    def __init__(self, density: Density, d: int) -> None:
        super().__init__()
        self.density = density
        self.scale, self.shift = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))

    def forward(self, n: int) -> Tensor:
        return self.density.sample(n) * self.scale + self.shift


def undecided(d: int) -> nn.Module:
    """An MLP that says 1/2 everywhere, until it is trained."""
    head = nn.Linear(128, 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return nn.Sequential(nn.Linear(d, 128), nn.Tanh(), nn.Linear(128, 128), nn.Tanh(), head)


def cost(d: nn.Module, g: nn.Module, real: Tensor) -> Tensor:
    return LOSS.discriminator(d(real)[:, 0], d(g(len(real)))[:, 0])


def respond(player: nn.Module, d: nn.Module, g: nn.Module, sign: float) -> Callable[[Tensor], None]:
    optimizer = torch.optim.Adam(player.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)

    def step(real: Tensor) -> None:
        optimizer.zero_grad()
        (sign * cost(d, g, real)).backward()
        optimizer.step()
        schedule.step()

    return step


def batches(data: Density) -> Iterator[Tensor]:
    draws = torch.Generator().manual_seed(7)
    while True:
        yield data.sample(BATCH, draws)


def gap(game: Game, t: float) -> float:
    d = game.box.d
    return duality_gap(
        undecided(d), Moved(game.moved(t), d), lambda d, g, x: -cost(d, g, x),
        lambda d, g: respond(d, d, g, 1.0), lambda d, g: respond(g, d, g, -1.0),
        lambda: batches(game.data), STEPS, held_out=64,
    ).gap  # fmt: skip


def trained(game: Game, t: float) -> nn.Module:
    d, g = undecided(game.box.d), Moved(game.moved(t), game.box.d)
    step = respond(d, d, g, 1.0)
    for _, real in zip(range(STEPS), batches(game.data), strict=False):
        step(real)
    return d


def main(picture: str = "docs/truth.png") -> None:
    figure = Figure(figsize=(9.6, 3.4), dpi=110)
    path_axes, *d_axes = figure.subplots(1, 3)
    for (name, game), axes in zip(GAMES.items(), d_axes, strict=True):
        torch.manual_seed(0)
        log_p = game.data.log_prob
        print(f"| {name}: t | 2 JSD | its error | V(D*, G) + log 4 | duality gap |\n|---|---|---|---|---|")
        exact, gaps = [], []
        for t in game.at:
            log_q = game.moved(t).log_prob
            divergence, best = jsd(log_p, log_q, game.box), value(optimal_logit(log_p, log_q), log_p, log_q, game.box)
            exact.append(2 * divergence.value)
            gaps.append(gap(game, t))
            law = f"{exact[-1]:.6f} | {2 * divergence.error:.0e} | {best.value + math.log(4):.6f}"
            print(f"| {t} | {law} | {gaps[-1]:.4f} |", flush=True)
        path_axes.plot(exact, gaps, "o-", markersize=4, linewidth=1, label=name)
        compare_d(game, game.at[-1] if name == "mixture_1d" else game.at[-2], axes, name)
    reach = path_axes.get_xlim()
    path_axes.plot(reach, reach, color="#9a9a9a", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    path_axes.set(xlabel="2 JSD by quadrature", title="duality gap, D undecided")
    path_axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(picture)


def compare_d(game: Game, t: float, axes: Any, name: str) -> None:
    """D and D* on the line, or along the ray through the ring's first mode; and how far apart they are."""
    log_p, log_q, d = game.data.log_prob, game.moved(t).log_prob, trained(game, t)
    best = optimal_logit(log_p, log_q)
    with torch.no_grad():
        found = value(lambda x: d(x.float())[:, 0].double(), log_p, log_q, game.box).value
        x = torch.cat([game.data.sample(5000), game.moved(t).sample(5000)])
        distance = (torch.sigmoid(d(x)[:, 0]) - torch.sigmoid(best(x))).abs().mean().item()
        gain = 2 * jsd(log_p, log_q, game.box).value
        short = gain - math.log(4) - found
        print(f"D trained against t = {t}: {short:.5f} of {gain:.4f} nats are left; mean |D - D*| {distance:.4f}\n")
        low, high = (-4.0, 5.0) if game.box.d == 1 else (0.0, 2.0)
        ray = torch.zeros(400, game.box.d)
        ray[:, 0] = torch.linspace(low, high, 400)
        for label, logit, style in (("D*", best(ray), "-"), ("D, trained", d(ray)[:, 0], "--")):
            axes.plot(ray[:, 0], torch.sigmoid(logit), style, linewidth=1.2, label=label)
        for label, density in (("p_data", log_p), ("p_g", log_q)):
            height = density(ray).exp()
            axes.fill_between(ray[:, 0], 0.5 * height / height.max(), alpha=0.25, linewidth=0, label=label)
    axes.set(ylim=(0, 1), title=f"{name}, t = {t}", xlabel="x")
    axes.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main(*sys.argv[1:])
