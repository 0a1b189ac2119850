"""The audit against the truth: `python benchmarks/audit.py path`, `... null`, `... cost` print a table each.

path: on known densities, along paths away from the equilibrium, what the auditor certifies and how it orders pairs,
beside the exact JSD and D*; and the picture of it. null: real samples against real ones, how often the p-value is below
.05 and how often the intervals cover the truth. cost: processor seconds of one audit.
"""

import argparse
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from gan_lab.densities import GaussianMixture, gaussian, grid, mixture_1d, ring
from gan_lab.equilibrium.audit import audit, figures
from gan_lab.equilibrium.quadrature import Box, jsd, optimal_logit

SIZES = (1000, 4000)


class Path(NamedTuple):
    """The data, what G draws at distance t from the equilibrium, where to integrate, and the t to look at."""

    data: GaussianMixture
    moved: Callable[[float], GaussianMixture]
    box: Box
    at: tuple[float, ...]


RING, GRID = ring(8, 1.0, 0.05), grid(5, 2.0, 0.2)
PATHS = {
    "Gaussian, mean moved by t": Path(
        gaussian([0.0, 0.0], 1.0), lambda t: gaussian([t, 0.0], 1.0), Box(-8, 10, 600), (0.0, 0.25, 0.5, 1.0, 2.0)
    ),
    "1-D mixture, moved by t": Path(
        mixture_1d(2, 3.0, 0.8),
        lambda t: GaussianMixture(mixture_1d(2, 3.0, 0.8).means + t, 0.8),
        Box(-12, 12, 2048, 1),
        (0.0, 0.25, 0.5, 1.0, 1.5),
    ),
    "ring, t of 8 modes missing": Path(
        RING, lambda t: GaussianMixture(RING.means[int(t) :], 0.05), Box(-2, 2, 800), (0.0, 1.0, 2.0, 4.0, 6.0)
    ),
    "ring, radius 1 + t": Path(RING, lambda t: ring(8, 1 + t, 0.05), Box(-2, 2, 800), (0.0, 0.02, 0.05, 0.1, 0.2)),
    "grid, modes t times as wide": Path(
        GRID, lambda t: GaussianMixture(GRID.means, 0.2 * t), Box(-8, 8, 800), (1.0, 1.2, 1.5, 2.0, 3.0)
    ),
}


def path(picture: str = "docs/audit.png") -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.2), dpi=110)
    bounds, aucs = figure.subplots(1, 2)
    print("| path | t | JSD | bound, n = 1,000 | n = 4,000 | AUC of D* | AUC, n = 1,000 | n = 4,000 |")
    print("|---|---|---|---|---|---|---|---|")
    for name, (data, moved, box, at) in PATHS.items():
        rows = []
        for t in at:
            density, draws = moved(t), torch.Generator().manual_seed(int(1000 * t))
            exact = jsd(data.log_prob, density.log_prob, box).value
            best = optimal_logit(data.log_prob, density.log_prob)
            star = figures(best(data.sample(100_000, draws)), best(density.sample(100_000, draws))).auc.value
            found = [audit(data.sample(n, draws), density.sample(n, draws), seed=0) for n in SIZES]
            rows.append((exact, star, found))
            shown = " | ".join(
                f"{a.jsd_bound.value:.4f} ({a.jsd_bound.low:.4f} to {a.jsd_bound.high:.4f})" for a in found
            )
            ordered = " | ".join(f"{a.auc.value:.3f}" for a in found)
            print(f"| {name} | {t:g} | {exact:.4f} | {shown} | {star:.3f} | {ordered} |", flush=True)
        (line,) = bounds.plot(
            [row[0] for row in rows], [row[2][1].jsd_bound.value for row in rows], "o-", ms=4, lw=1, label=name
        )
        small = [row[2][0].jsd_bound.value for row in rows]
        bounds.plot([row[0] for row in rows], small, "o--", ms=3, lw=0.7, color=line.get_color())
        aucs.plot(
            [row[1] for row in rows], [row[2][1].auc.value for row in rows], "o-", ms=4, lw=1, color=line.get_color()
        )
        aucs.plot(
            [row[1] for row in rows], [row[2][0].auc.value for row in rows], "o--", ms=3, lw=0.7, color=line.get_color()
        )
    for axes, most in ((bounds, math.log(2)), (aucs, 1.0)):
        least = 0.0 if axes is bounds else 0.5
        axes.plot((least, most), (least, most), color="#9a9a9a", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    bounds.set(xlabel="JSD by quadrature (nats)", ylabel="JSD that the auditor certifies (nats)", title="divergence")
    aucs.set(
        xlabel="AUC of D* (share of pairs)", ylabel="AUC of the auditor (share of pairs)", title="pairs ordered rightly"
    )
    bounds.legend(frameon=False, fontsize=7, title="line: n = 4,000; dashes: n = 1,000", title_fontsize=7)
    figure.tight_layout()
    FigureCanvasAgg(figure).print_png(picture)


def pairs(n: int) -> dict[str, Callable[[torch.Generator], tuple[Tensor, Tensor]]]:
    digits = torch.tensor(load_digits().data) / 8 - 1

    def halves(draws: torch.Generator) -> tuple[Tensor, Tensor]:
        order = torch.randperm(len(digits), generator=draws)
        return digits[order[:n]], digits[order[n : 2 * n]]

    plane = gaussian([0.0, 0.0], 1.0)
    return {
        "Gaussian": lambda draws: (plane.sample(n, draws), plane.sample(n, draws)),
        "ring": lambda draws: (RING.sample(n, draws), RING.sample(n, draws)),
        "digits": halves,
    }


def null(repetitions: int = 200, n: int = 400) -> None:
    print(
        "| real against real | repetitions | n | p < .05 | p < .01 | accuracy covered | AUC covered | AUC: mean, sd |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, draw in pairs(n).items():
        found = [audit(*draw(torch.Generator().manual_seed(i)), seed=i) for i in range(repetitions)]
        aucs = torch.tensor([a.auc.value for a in found])

        below = [sum(a.p_value < p for a in found) / len(found) for p in (0.05, 0.01)]
        covered = [
            sum(f.low <= 0.5 <= f.high for f in fs) / len(found) for fs in zip(*(a[:2] for a in found), strict=True)
        ]
        spread = f"{aucs.mean():.4f}, {aucs.std():.4f}"
        figures_of = [f"{share:.3f}" for share in (*below, *covered)]
        print("|", " | ".join([name, str(repetitions), str(n), *figures_of, spread]), "|", flush=True)


def cost() -> None:
    print("| n of each kind | numbers in a sample | processor seconds |\n|---|---|---|")
    audit(torch.randn(50, 2), torch.randn(50, 2), 0)  # imports
    for n, d in ((1000, 2), (4000, 2), (1000, 64), (4000, 64), (1000, 784)):
        x, y = torch.randn(2, n, d, generator=torch.Generator().manual_seed(0)).unbind()
        seconds = []
        for _ in range(3):
            began = time.process_time()
            audit(x, y, 0)
            seconds.append(time.process_time() - began)
        print(f"| {n} | {d} | {min(seconds):.2f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=["path", "null", "cost"])
    match parser.parse_args().table:
        case "path":
            path()
        case "null":
            null()
        case _:
            cost()
