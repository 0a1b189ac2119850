"""Which methods converge on the Dirac-GAN, and under which updates? Writes docs/dirac_gan.md and docs/dirac_gan.png.

Mescheder, Geiger & Nowozin 2018, "Which Training Methods for GANs do actually Converge?": p_data is a point mass at 0,
G(z) = theta, D(x) = psi x, and the equilibrium is theta = psi = 0. Every cell of the table plays the lab's own
networks, loss, terms and update by plain gradient descent, beside the prediction by linearisation: near the
equilibrium a round is w <- M w, and converges where M's spectral radius is below 1.
"""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir

from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.updates.vector_field import vector_field

ROOT = Path(__file__).parents[1]
LR, ROUNDS, START = 0.3, 300, (1.0, 0.5)  # START is conf/model/dirac.yaml's
NEAR = 0.1  # of the first distance: so near must the last one be for the verdict "converges"
GAMMA, EVERY, ALPHA, STEPS, FORESEEN_LR = 1.0, 5, 0.5, 5, 0.3  # of consensus, lookahead, unrolled


class Costs(NamedTuple):
    """Second derivatives of J_D and J_G in t = theta and p = psi at the equilibrium."""

    d_tp: float
    g_tp: float
    d_pp: float = 0.0
    g_pp: float = 0.0

    @property
    def jacobian(
        self,
    ) -> np.ndarray:  # A with v(w) = A w + o(|w|), w = (theta, psi), v = (grad_theta J_G, grad_psi J_D)
        return np.array([[0.0, self.g_tp], [self.d_tp, self.d_pp]])


# The logistic loss s(t) = softplus(t) has s'(0) = 1/2 and s''(0) = 1/4; noise of variance 1 on real and on fake samples
# adds s''(0) each. WGAN-GP's (|psi| - 1)^2 has a kink at the equilibrium, and so no linearisation.
LOGISTIC, LINEAR = Costs(0.5, -0.5), Costs(1.0, -1.0)
GP, CLIP, NOISE = "d_terms.gradient_penalty", "d_terms.weight_clip", "model.discriminator.sigma=1"
WGAN = "loss=wasserstein"
METHODS: dict[str, tuple[list[str], Costs | None]] = {
    "GAN, non-saturating": ([], LOGISTIC),
    "GAN, minimax": (["loss=minimax"], LOGISTIC),
    "WGAN": ([WGAN], LINEAR),
    "WGAN, weights clipped to 1": ([WGAN, "term@d_terms=weight_clip", f"{CLIP}.bound=1"], LINEAR),
    "WGAN-GP": ([WGAN, "term@d_terms=gradient_penalty", f"{GP}.weight=1"], None),
    "GAN + instance noise": ([NOISE, "data.batch_size=4096"], Costs(0.5, -0.5, 0.5, 0.25)),
    "GAN + R1": (["term@d_terms=r1"], Costs(0.5, -0.5, 1.0)),
    "GAN + R2": (["term@d_terms=r2"], Costs(0.5, -0.5, 1.0)),
    "GAN + GP to 0": (["term@d_terms=gradient_penalty", f"{GP}.weight=0.5", f"{GP}.target=0"], Costs(0.5, -0.5, 1.0)),
    "WGAN + R1": ([WGAN, "term@d_terms=r1"], Costs(1.0, -1.0, 1.0)),
}  # fmt: skip

I = np.eye(2)  # noqa: E741


def alternating(c: Costs) -> np.ndarray:
    theta_row, psi_row = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    return (I - LR * theta_row @ c.jacobian) @ (I - LR * psi_row @ c.jacobian)


def optimistic(c: Costs) -> np.ndarray:  # on (w_t, w_{t-1})
    return np.block([[I - 2 * LR * c.jacobian, LR * c.jacobian], [I, 0 * I]])


def lookahead(c: Costs) -> np.ndarray:  # of EVERY rounds
    return (1 - ALPHA) * I + ALPHA * np.linalg.matrix_power(alternating(c), EVERY)


def unrolled(c: Costs) -> np.ndarray:  # psi_K = s psi + t theta; G's gradient is that of J_G(theta, psi_K(theta))
    s, t = 1.0, 0.0
    for _ in range(STEPS):
        s, t = (1 - FORESEEN_LR * c.d_pp) * s, (1 - FORESEEN_LR * c.d_pp) * t - FORESEEN_LR * c.d_tp
    g_row = [2 * c.g_tp * t + c.g_pp * t**2, (c.g_tp + t * c.g_pp) * s]
    return I - LR * np.array([g_row, c.jacobian[1]])


# Options of train.py, and M with the number of rounds that it stands for.
UPDATES: dict[str, tuple[list[str], Callable[[Costs], np.ndarray], int]] = {
    "simultaneous": ([], lambda c: I - LR * c.jacobian, 1),
    "alternating": ([], alternating, 1),
    "extragradient": ([], lambda c: I - LR * c.jacobian @ (I - LR * c.jacobian), 1),
    "optimistic": ([], optimistic, 1),
    "lookahead": ([f"update.every={EVERY}", f"update.alpha={ALPHA}"], lookahead, EVERY),
    "consensus": ([f"update.weight={GAMMA}"], lambda c: I - LR * (c.jacobian + GAMMA * c.jacobian.T @ c.jacobian), 1),
    "unrolled": ([f"update.steps={STEPS}", f"update.lr={FORESEEN_LR}"], unrolled, 1),
}


def radius(method: str, update: str) -> float | None:
    """The predicted factor per round by which the distance to the equilibrium shrinks or grows in the long run."""
    costs, (_, operator, rounds) = METHODS[method][1], UPDATES[update]
    if costs is None:
        return None
    return float(np.abs(np.linalg.eigvals(operator(costs))).max()) ** (1 / rounds)


def game(*overrides: str) -> tuple[GAN, pl.LightningDataModule]:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        common = ["experiment=dirac_gan", "term@d_terms=[]", f"optimizer.lr={LR}", "directory=unused"]
        return build(compose("config", [*common, *overrides]))


class Trace(pl.Callback):
    """(theta, psi) at the start and after each round."""

    def __init__(self) -> None:
        self.points: list[tuple[float, ...]] = []

    def on_train_start(self, trainer: pl.Trainer, gan: GAN) -> None:  # type: ignore[override]
        self.points.append(tuple(p.weights[0].item() for p in (gan.g, gan.d)))

    def on_train_batch_end(self, trainer: pl.Trainer, gan: GAN, *_: Any) -> None:  # type: ignore[override]
        self.on_train_start(trainer, gan)


def played(gan: GAN, data: pl.LightningDataModule, rounds: int) -> np.ndarray:
    """(theta, psi) before and after each of the rounds: (rounds + 1, 2)."""
    trace = Trace()
    pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=rounds, callbacks=[trace], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).fit(gan, data)  # fmt: skip
    return np.array(trace.points)


def trajectory(method: str, update: str, rounds: int = ROUNDS) -> np.ndarray:
    return played(*game(*METHODS[method][0], f"update={update}", *UPDATES[update][0]), rounds)


class Survey:
    """An "update" that moves no player and measures -v at points (theta, psi), (n, 2)."""

    def __init__(self, points: np.ndarray) -> None:
        self.points, self.field = points, np.zeros_like(points)

    def play(self, game: Any) -> None:
        for point, slot in zip(self.points, self.field, strict=True):
            for player, value in zip((game.g, game.d), point, strict=True):
                player.weights[0].data.fill_(float(value))
            d, g = vector_field(game)
            slot[:] = -g[0].item(), -d[0].item()


def flow(method: str, points: np.ndarray) -> np.ndarray:
    gan, data = game(*METHODS[method][0])
    gan.update = survey = Survey(points)
    played(gan, data, 1)
    return survey.field


def converged(path: np.ndarray) -> bool:
    return bool(np.linalg.norm(path[-1]) < NEAR * np.linalg.norm(path[0]))


def table(paths: dict[tuple[str, str], np.ndarray]) -> str:
    lines = ["| | " + " | ".join(UPDATES) + " |", "|---" * (len(UPDATES) + 1) + "|"]
    for method in METHODS:
        cells = [method]
        for update in UPDATES:
            path, rate = paths[method, update], radius(method, update)
            verdict = "**converges**" if converged(path) else "does not"
            cells.append(f"{verdict} {np.linalg.norm(path[-1]):.1e}" + ("" if rate is None else f" ({rate:.3f})"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


PAGE = f"""# The Dirac-GAN: which methods converge?

The smallest GAN (Mescheder, Geiger & Nowozin 2018): the data are a point mass at 0, the generator is one at theta, and
D(x) = psi x. The equilibrium is theta = psi = 0. Made by

    python benchmarks/dirac_gan.py

which plays each cell for {ROUNDS} rounds from (theta, psi) = {START} by plain gradient descent at a learning rate of
{LR}, with the lab's own parts. A cell tells whether the last distance to the equilibrium is below a tenth of the first;
that distance; and in brackets the spectral radius that linearisation at the equilibrium predicts: the factor by which
a round shrinks (below 1) or stretches the distance in the long run. WGAN-GP has none: its penalty has a kink there.

TABLE

R1, R2 and "GP to 0" with gamma = 1, WGAN-GP with lambda = 1, noise of standard deviation 1 in batches of 4096 (whose
sampling noise is the distance that is left), consensus with gamma = {GAMMA}, lookahead over {EVERY} alternating rounds
with alpha = {ALPHA}, unrolled through {STEPS} steps of {FORESEEN_LR}.

A radius of 1 leaves the verdict to higher orders: alternating descent on the non-saturating GAN creeps in like
t^(-1/2), while on the other unregularised games it circles. Simultaneous descent on the non-saturating GAN ends in a
cycle. WGAN-GP sticks at (2 lambda, 0), where theta stops since psi = 0 and the kink holds psi from one side.

The paper judges simultaneous and alternating descent: no convergence for the unregularised GAN, WGAN and WGAN-GP,
convergence with instance noise, zero-centred gradient penalties (R1, R2) and consensus optimisation. So does the table.

![Phase portraits](dirac_gan.png)

*Paths of (theta, psi) over the field -v along which simultaneous descent steps.*
"""


def portrait(paths: dict[tuple[str, str], np.ndarray], out: Path) -> None:
    """A panel for each method, and one for each further update of the unregularised GAN."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plain, basic = next(iter(METHODS)), ("simultaneous", "alternating")
    panels: list[tuple[str, str, tuple[str, ...]]] = [(method, method, basic) for method in METHODS]
    panels += [(f"{plain}:\n{update}", plain, (update,)) for update in UPDATES if update not in basic]
    ticks, columns = np.linspace(-2.2, 2.2, 17), 5
    theta, psi = np.meshgrid(ticks, ticks)
    flows = {m: flow(m, np.stack([theta.ravel(), psi.ravel()], 1)).reshape(*theta.shape, 2) for m in METHODS}

    figure = Figure(figsize=(3.1 * columns, 3.35 * len(panels) / columns), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(-(-len(panels) // columns), columns, sharex=True, sharey=True, squeeze=False)
    colours = {"simultaneous": "tab:red", "alternating": "tab:blue"}
    for ax, (title, method, updates) in zip(axes.flat, panels, strict=True):
        ax.streamplot(
            theta, psi, *np.moveaxis(flows[method], 2, 0), color="0.8", density=0.8, linewidth=0.7, arrowsize=0.7
        )
        for update in updates:
            path = paths[method, update]
            ax.plot(*path.T, ".-", color=colours.get(update, "tab:green"), label=update, ms=2.5, lw=0.8)
        ax.plot(*START, "o", color="black", ms=6)
        ax.plot(0, 0, "*", color="gold", markeredgecolor="black", ms=12, zorder=5)
        ax.set(title=title, xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal")
        ax.set(xlabel="theta", ylabel="psi")
        ax.label_outer()
    lines = [*axes[0, 0].get_lines()[:2], *axes[-1, 0].get_lines()]
    labels = [*basic, "the update named", "start", "equilibrium"]
    figure.legend(lines, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(out)


def main() -> None:
    paths = {(method, update): trajectory(method, update) for method in METHODS for update in UPDATES}
    page = PAGE.replace("TABLE", table(paths))
    (ROOT / "docs" / "dirac_gan.md").write_text(page)
    portrait(paths, ROOT / "docs" / "dirac_gan.png")
    print(page)


if __name__ == "__main__":
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    main()
