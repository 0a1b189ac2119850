"""Equilibrium figures along a run, and the verdict at its end."""

import math
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.far_samples import conditions, far_samples
from gan_lab.callbacks.game_callback import GameCallback, callbacks_of, data_of, is_due
from gan_lab.callbacks.metrics import observe
from gan_lab.callbacks.series import Series
from gan_lab.densities import GaussianMixture
from gan_lab.equilibrium.audit import null_spread
from gan_lab.equilibrium.samples import auc, compare, energy_null
from gan_lab.equilibrium.verdict import ENOUGH, Gains, Null, Seen, Verdict, judge
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.loggers import records
from gan_lab.metrics.modes import coverage
from gan_lab.networks.evaluating import evaluating
from gan_lab.plots.figures import Panel, curves
from gan_lab.plots.images import save_picture
from gan_lab.ranges import NonNegativeInt, PositiveInt
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch, BoundsDivergence

POINTS = 2500  # PacGAN's number of samples for counting modes


class Evidence(NamedTuple):
    """What a callback knows that the verdict heeds, and a panel for the picture beside it."""

    seen: Seen | None = None
    gains: Gains | None = None
    panel: Panel | None = None


@runtime_checkable
class Witness(Protocol):
    """A callback that the verdict heeds."""

    def evidence(self, gan: GAN) -> Evidence:
        """Asked for after the last round, by every process."""


class Equilibrium(GameCallback):
    """Under `equilibrium/`, of the round just played, at round 1 and at each `every`-th round (those of the metrics):

    * auc: share of pairs of a real and a generated sample that D orders rightly; 1/2 where it is undecided.
    * accuracy: D's, mean of real and fake, where the loss has a logit at which D is undecided.
    * what the loss certifies: for a logistic one D(x), D(G(z)), V, V + log 4 and a lower bound of the JSD in nats.
    * d_grad_norm, g_grad_norm: of the gradient that a player moved along (after `gan.clip_norm`), where it moved.
    * d_steps, g_steps: moves since the last report.
    * diversity, energy: distances among samples of the generator and far batches of the data (see `compare`); a
      conditional G is asked for the conditions of other far samples: it must not be matched to those it is judged by.

    Where the data are a known mixture also modes, high_quality and mode_kl, at each `coverage_every`-th round (0:
    never) and at the end. At the end `equilibrium.png`, and the verdict for the summary, which heeds other
    callbacks' evidence: the audit, and a duality gap that was measured in the later half of the run.

    It draws nothing from the game: its noise has seeds of its own, and its real samples are far ones.

    Args:
        n: real and generated samples that are compared.
    """

    goals: ClassVar = {
        "equilibrium/energy": "min", "equilibrium/mode_kl": "min", "equilibrium/modes": "max",
        "equilibrium/high_quality": "max",
    }  # fmt: skip

    intervals: ClassVar[tuple[str, ...]] = ("every", "coverage_every")
    first: ClassVar[bool] = True

    def __init__(
        self, directory: str, every: PositiveInt = 50, coverage_every: NonNegativeInt = 500, n: PositiveInt = 256
    ) -> None:
        self.directory = Path(directory)
        self.every, self.coverage_every, self.n = every, coverage_every, n
        self.series = Series()
        self.verdict: Verdict | None = None
        self._last: dict[str, float] = {}  # the coverage at the end
        self._reported = {"d": 0, "g": 0}  # each player's step at the last report
        self._before: dict[str, int] = {}  # and before the round in play
        self._held: Batch | None = None
        self._mixture: GaussianMixture | None = None

    def begin(self, trainer: pl.Trainer, gan: GAN) -> None:
        data = data_of(trainer)
        x, y, _ = far_samples(data, 2 * self.n if gan.conditional else self.n)
        self._held = Batch(x[: self.n].to(gan.device), y[-self.n :] if gan.conditional and y is not None else None)
        density = getattr(data, "density", None)
        self._mixture = density if isinstance(density, GaussianMixture) else None
        self._points_for = None if self._mixture is None else conditions(gan, data, POINTS)

    def before_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._before = {player.name: player.step for player in (gan.d, gan.g)}

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        report = self._report(gan)
        gan.publish({f"equilibrium/{name}": value for name, value in report.items()})
        self.series.add({"round": gan.round, **observe(gan.record, gan.loss.boundary), **report})

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        super().after_round(trainer, gan)
        if self._mixture is not None and is_due(gan.round, self.coverage_every):
            gan.publish({f"equilibrium/{name}": value for name, value in self._coverage(gan).items()})

    @torch.no_grad()
    def _report(self, gan: GAN) -> dict[str, float]:
        report: dict[str, Tensor] = {}
        if "logits/real" in gan.record:
            real, fake = gan.record["logits/real"].float(), gan.record["logits/fake"].float()
            report["auc"] = auc(real, fake)
            if isinstance(gan.loss, BoundsDivergence):
                report |= gan.loss.divergence_bound(real, fake)
        for player in (gan.d, gan.g):
            if player.step > self._before[player.name]:
                report[f"{player.name}_grad_norm"] = _gradient_norm(player)
        assert self._held is not None
        report |= compare(self._held.x, _generate(gan, len(self._held.x), self._held.y))._asdict()
        steps = {player.name: player.step for player in (gan.d, gan.g)}
        moved = {f"{name}_steps": float(step - self._reported[name]) for name, step in steps.items()}
        self._reported = steps
        accuracy = {} if gan.loss.boundary is None or "auc" not in report else {"accuracy": gan.accuracy()}
        return accuracy | {name: value.item() for name, value in report.items()} | moved

    def _coverage(self, gan: GAN) -> dict[str, float]:
        if self._mixture is None:
            return {}
        points = _generate(gan, POINTS, self._points_for)
        modes, high_quality, kl = coverage(points, self._mixture.means, self._mixture.sigma)
        return {"modes": modes, "high_quality": high_quality, "mode_kl": kl}

    def end(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._last = self._coverage(gan)
        heard = [callback.evidence(gan) for callback in callbacks_of(trainer) if isinstance(callback, Witness)]
        seen = next((one.seen for one in heard if one.seen is not None), None)
        gains = next((one.gains for one in heard if one.gains is not None), None)
        modes = None if self._mixture is None else len(self._mixture.means)
        self.verdict = judge(self.series.rows, self._null(gan), seen, gains, self._last.get("mode_kl"), modes)
        if trainer.is_global_zero and len(self.series.rows) >= ENOUGH:
            undecided = torch.zeros(1)
            proofs = gan.loss.divergence_bound(undecided, undecided) if isinstance(gan.loss, BoundsDivergence) else {}
            panels = _panels(self.series, ["value"] if "value" in proofs else list(proofs))
            panels += [one.panel for one in heard if one.panel is not None]
            picture = curves(self.series.column("round"), panels, f"{self.verdict.name}, as of round {gan.round}")
            save_picture(picture, self.directory / "equilibrium.png")
            for record in records(trainer):
                record.picture("equilibrium", picture, gan.round)

    def _null(self, gan: GAN) -> Null:
        """How far chance takes the figures of a row from the equilibrium."""
        assert self._held is not None
        batch = data_of(gan.trainer).batch_size
        fake = _generate(gan, len(self._held.x), self._held.y)
        energy = math.nan if not fake.isfinite().all() else energy_null(
            self._held.x.cpu(), fake.cpu(), derive_seed(gan.seed, "energy")
        )  # fmt: skip
        return Null(null_spread(batch, batch), energy)

    def conclusion(self) -> dict[str, Any]:
        """The verdict, its advice and figures and the modes found, flat, for the summary; nothing before the end."""
        if self.verdict is None:
            return {}
        coverage = {f"equilibrium/{name}": value for name, value in self._last.items()}
        figures = {f"equilibrium/verdict/{name}": value for name, value in self.verdict.figures.items()}
        words = {"equilibrium/verdict": self.verdict.name, "equilibrium/advice": self.verdict.advice}
        return words | figures | coverage

    def state_dict(self) -> dict[str, Any]:
        return {"series": self.series.state_dict(), "reported": dict(self._reported)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.series.load_state_dict(state["series"])
        self._reported = dict(state["reported"])


def _generate(gan: GAN, n: int, y: Tensor | None) -> Tensor:
    """Samples of the player itself (not of its average, which hides how it swings), of one fixed batch of noise.

    `y` are their n conditions, if any.
    """
    noise = torch.Generator().manual_seed(derive_seed(gan.seed, "equilibrium"))
    with torch.random.fork_rng(devices=[]), torch.no_grad(), evaluating(gan.g.network) as network:
        z = gan.latent.sample(n, noise).to(gan.device)
        samples: Tensor = network(z, None if y is None else y.to(gan.device))
    return samples.float()


def _gradient_norm(player: Player) -> Tensor:
    norms = torch._foreach_norm([weight.grad for weight in player.weights if weight.grad is not None])
    return torch.stack(list(norms)).norm()


def _panels(series: Series, proofs: list[str]) -> list[Panel]:
    def lines(**names: str) -> dict[str, list[float]]:
        columns = {label.replace("_", " "): series.column(name) for label, name in names.items()}
        return {label: column for label, column in columns.items() if any(map(math.isfinite, column))}

    judgement = lines(pairs="auc", real="d/accuracy_real", fake="d/accuracy_fake")
    nats = proofs == ["value"]
    level = {"-log 4": -math.log(4)} if nats else {"equilibrium": 0.0}
    proved = lines(**{name: name for name in proofs})
    unit = "nats" if nats else "units of the loss"
    return [
        Panel("costs", lines(D="d/loss", G="g/loss"), unit=unit),
        Panel("D is right about", judgement, {"undecided": 0.5}, "share of its batch"),
        Panel("what D proves", proved, level, unit),
        Panel(
            "gradient norms", lines(D="d_grad_norm", G="g_grad_norm"), {}, "cost per unit of weight", logarithmic=True
        ),
        Panel("distance of the samples", lines(energy="energy"), {"equilibrium": 0.0}, "relative energy distance"),
    ]
