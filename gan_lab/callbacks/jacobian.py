"""Spectrum of the game's Jacobian along a run, on request: is it the game or the network?"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.far_samples import far_samples
from gan_lab.callbacks.game_callback import data_of
from gan_lab.callbacks.measuring import Measuring
from gan_lab.data.module import GameData
from gan_lab.equilibrium.jacobian import CONVERGED, Eigenvalues, Jacobian, leading
from gan_lab.equilibrium.rounds import OptimizerSteps, of_round
from gan_lab.game.gan import GAN
from gan_lab.game.step import StepContext
from gan_lab.loggers import records
from gan_lab.optimizers.step_sizes import momentum, step_sizes
from gan_lab.plots.eigenvalues import eigenvalues
from gan_lab.plots.images import save_picture
from gan_lab.ranges import PositiveInt
from gan_lab.seeding import derive_seed
from gan_lab.types import Linearised
from gan_lab.updates import Alternating, SharedFakes, Simultaneous
from gan_lab.updates.higher_order import higher_order

COMPARED: dict[str, Simultaneous | Alternating] = {"simultaneous": Simultaneous(), "alternating": Alternating()}
OWN = "update"  # the run's own one


class Spectrum(NamedTuple):
    """Of one round: ||v||, the eigenvalues of v', and of a round of each update, by name, those of its linear map.

    `rounds` is how many one application of each map stands for; `is_whole`: whether these are all their eigenvalues.
    """

    norm: float
    field: Eigenvalues
    updates: dict[str, Eigenvalues]
    rounds: dict[str, int]
    is_whole: bool = False

    def radius(self, update: str) -> float:
        """Factor a round by which distances from an equilibrium grow or shrink, by the worst of the eigenvalues found.

        Of all of them, where these are not all, it is a lower bound.
        """
        sure = self.updates[update].sure
        return float(np.abs(sure).max()) ** (1 / self.rounds[update]) if len(sure) else math.nan


class JacobianSpectrum(Measuring):
    """Leading eigenvalues of the Jacobian A of v = (grad_psi J_D, grad_theta J_G), terms included, and of the linear
    maps that rounds of several updates are near an equilibrium: after each `every`-th round and the last.

        simultaneous   I - H A        alternating   (I - H_G A)(I - H_D A)        H: the optimisers' step sizes

    and the map of the run's own update, where that has one (`types.Linearised`); with momentum, of weights and momenta
    together (Gidel et al. 2019, "Negative Momentum", section 2). Of A, a positive real part attracts, a
    negative one repels, and an imaginary part turns: the Jacobian of a single network's gradient is symmetric and has
    none, so that turning is the game's doing (Mescheder et al. 2017; Berard et al. 2020).

    Under `jacobian/`: `norm` ||v||; of A `real`, the smallest real part, `imaginary`, the largest imaginary part, and
    `rotation`, |Im| of the largest eigenvalue by its modulus; `simultaneous`, `alternating` and `update`, the largest
    modulus of their maps' eigenvalues, as a factor a round; from the second time on `predicted`, which of these was the
    run's own the time before, and `measured`, the factor a round by which ||v|| has changed since, which the prediction
    is of if the run is near an equilibrium. `samples/jacobian_NNNNNN.png` shows the eigenvalues. All are of those
    eigenvalues that have converged, which are the ones at the rim of the spectrum. Slow directions inside are missed,
    so that the factors are lower bounds, unless there are no more than `steps` weights.

    Samples are `n` far ones and as much noise, always the same; lazy terms count with their average, at each step, and
    clipping does not count. The game is left as it is. Costs at each time `steps` products for A and as many
    applications of each map: once more for momenta, and once more for a past point that an update keeps. A product is
    about three gradients of n samples; an application of simultaneous or alternating descent is one product, of
    extragradient or consensus two, of lookahead `every`. Holds `steps` vectors of all weights in memory, four times
    as many with momentum, nine times with both.

    Raises:
        UserError: the networks or terms cannot be differentiated so often, or the optimiser's step sizes are not known.
    """

    rehearsed = False

    def __init__(
        self, directory: str, every: PositiveInt = 1000, n: PositiveInt = 128, steps: PositiveInt = 30
    ) -> None:
        self.directory = Path(directory)
        self.every, self.n, self.steps = every, n, steps
        self._before: dict[str, float] = {}  # round, ||v|| and prediction of the last time
        self.names = [f"jacobian/{name}" for name in ("norm", "real", "imaginary", "rotation", *COMPARED)]
        self.names += [f"jacobian/{name}" for name in (OWN, "predicted", "measured")]

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        with self._game(gan, data_of(trainer)) as (jacobian, start, _):
            jacobian.transposed(jacobian(start))
        for optimizer in trainer.optimizers:
            step_sizes(optimizer)

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        found = self.spectrum(gan, data_of(trainer))
        field, (real, imaginary) = found.field.sure, _extremes(found.field.sure)
        report = {"norm": found.norm, "real": real, "imaginary": imaginary, "rotation": rotation(field)}
        report |= {update: found.radius(update) for update in found.updates}
        if self._before and gan.round > self._before["round"]:
            rounds, ratio = gan.round - self._before["round"], found.norm / (self._before["norm"] or math.nan)
            report |= {"predicted": self._before["predicted"], "measured": ratio ** (1 / rounds)}
        self._before = {"round": gan.round, "norm": found.norm, "predicted": report.get(OWN, math.nan)}
        if trainer.is_global_zero:
            self._show(trainer, gan, found, report)
        return {f"jacobian/{name}": value for name, value in report.items()}

    def spectrum(self, gan: GAN, data: GameData) -> Spectrum:
        """What is found at this moment."""
        optimizers: list[Any] = list(gan.trainer.optimizers)
        sizes = torch.cat([size.flatten() for optimizer in optimizers for size in step_sizes(optimizer)])
        betas = momentum(optimizers[0]), momentum(optimizers[-1])
        with self._game(gan, data) as (jacobian, start, norm):
            steps = OptimizerSteps(jacobian, sizes, betas, len(gan.d.weights))
            rounds_of = {name: update.linearised(steps) for name, update in COMPARED.items()}
            own = gan.update
            if isinstance(own, SharedFakes):  # which near an equilibrium is the same
                own = Alternating(own.d_steps, own.g_steps)
            same = next((name for name, update in COMPARED.items() if update == own), None)
            if same is not None:
                rounds_of[OWN] = rounds_of[same]
            elif isinstance(own, Linearised) and (one := own.linearised(steps)) is not None:
                rounds_of[OWN] = one
            found = {one: of_round(one, steps, start, self.steps) for one in dict.fromkeys(rounds_of.values())}
            return Spectrum(
                norm,
                leading(jacobian, start, self.steps),
                {name: found[one] for name, one in rounds_of.items()},
                {name: one.rounds for name, one in rounds_of.items()},
                len(start) <= self.steps,
            )

    @contextmanager
    def _game(self, gan: GAN, data: GameData) -> Iterator[tuple[Jacobian, Tensor, float]]:
        """The Jacobian, a random vector to begin with, and ||v||; no trace is left."""
        seed = derive_seed(gan.seed, "jacobian")
        noise = gan.latent.sample(self.n, torch.Generator().manual_seed(seed)).to(gan.device)
        batch = far_samples(data, self.n).to(gan.device)
        players = (gan.d, gan.g)
        context = StepContext(gan.d, gan.g, players, lambda: batch, lambda: noise, gan.joint_batch)
        weights = [weight for player in players for weight in player.weights]
        start = torch.randn(sum(weight.numel() for weight in weights), generator=torch.Generator().manual_seed(seed))
        devices = [gan.device] if gan.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), _kept(gan), higher_order("callbacks.jacobian"):
            torch.manual_seed(seed)
            objectives = [gan.objective(player, context)[0] for player in players]  # the same in every process
            field = [
                part
                for player, objective in zip(players, objectives, strict=True)
                for part in player.gradient(objective, player.weights, create_graph=True)
            ]
            norm = torch.cat([part.detach().flatten() for part in field]).norm().item()
            yield Jacobian(field, weights), start.to(weights[0]), norm

    def _show(self, trainer: pl.Trainer, gan: GAN, found: Spectrum, report: dict[str, float]) -> None:
        own = found.updates.get(OWN)
        maps = {name: of for name, of in found.updates.items() if name != OWN}
        if own is not None and all(own is not of for of in maps.values()):
            maps["the run's own update"] = own
        picture = eigenvalues(found.field, maps, f"spectrum of the game, round {gan.round:,}", sentence(report, found))
        save_picture(picture, self.directory / "samples" / f"jacobian_{gan.round:06d}.png")
        for record in records(trainer):
            record.picture("jacobian", picture, gan.round)

    def state_dict(self) -> dict[str, Any]:
        return dict(self._before)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._before = dict(state)


@contextmanager
def _kept(gan: GAN) -> Iterator[None]:
    """Both players are used, terms with a state included, and are left as they were.

    What is compiled cannot be differentiated twice, so that they are not, for the time. Lazy terms count at each step,
    with their average: the game is the same whenever it is looked at.
    """
    players = (gan.d, gan.g)
    terms: list[Any] = [term for player in players for term in player.terms.values()]
    intervals = [(term, term.every) for term in terms]
    states = [(buffer, buffer.clone()) for player in players for buffer in player.terms.buffers()]
    compiled = [player._compiled_call_impl for player in players]
    with gan.d.preserve_buffers(), gan.g.preserve_buffers():
        for player in players:
            player._compiled_call_impl = None
        for term, _ in intervals:
            term.every = 1
        try:
            yield
        finally:
            for term, every in intervals:
                term.every = every
            for player, call in zip(players, compiled, strict=True):
                player._compiled_call_impl = call
    for buffer, before in states:
        buffer.data.copy_(before)


def rotation(values: np.ndarray) -> float:
    """|Im| of the largest eigenvalue by its modulus: 0 where it only stretches or shrinks, 1 where it only turns."""
    return float(abs(values[0].imag) / abs(values[0])) if len(values) and values[0] else math.nan


def _extremes(values: np.ndarray) -> tuple[float, float]:
    return (float(values.real.min()), float(np.abs(values.imag).max())) if len(values) else (math.nan, math.nan)


def repels(values: np.ndarray) -> bool:
    """Whether a real part is negative by more than the residual of an eigenvalue that has converged."""
    return bool((values.real < -CONVERGED * np.abs(values)).any())


def sentence(report: dict[str, float], found: Spectrum) -> str:
    """What the figures say, for people."""
    turning, own = report["rotation"], report.get(OWN)
    if math.isnan(turning):
        return "No eigenvalue other than 0 has converged: take more steps."
    who = "turns more than it pulls or pushes" if turning > math.sqrt(0.5) else "pulls or pushes more than it turns"
    parts = [f"At the largest eigenvalue of v' |Im| is {turning:.2g} of the modulus: there the game {who}."]
    parts.append("v' repels somewhere" if repels(found.field.sure) else "No leading eigenvalue of v' repels")
    if own is None:
        parts[-1] += "; this run's update has no closed form."
    elif math.isnan(own):
        parts[-1] += "; of this run's update no eigenvalue has converged."
    else:
        if found.is_whole:
            parts[-1] += f"; a round of this run's update is predicted to multiply distances by {own:.5g}."
        elif own > 1:
            parts[-1] += f"; a round of this run's update is predicted to multiply distances by {own:.5g} at least."
        else:
            parts[-1] += (
                f"; a round of this run's update multiplies distances by {own:.5g} in the worst direction found."
            )
    if "measured" in report:
        then = f"; {report['predicted']:.5g} was predicted" if math.isfinite(report["predicted"]) else ""
        parts.append(f"Since the last look ||v|| went by {report['measured']:.5g} a round{then}.")
    return " ".join(parts)
