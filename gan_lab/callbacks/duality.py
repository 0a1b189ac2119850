"""The duality gap of the game in play, on request."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.held import FAR
from gan_lab.equilibrium.duality import Step, duality_gap
from gan_lab.gan import GAN
from gan_lab.player import Player
from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.seeds import derive_seed
from gan_lab.turn import Turn
from gan_lab.types import Batch


class DualityGap(pl.Callback):
    """`equilibrium/duality_gap` at each `every`-th round; with it the two values that it lies between.

    M is minus D's cost without penalties: V for logistic losses, E r - E f for the Wasserstein loss, ... Each player's
    copy goes for its own cost, penalties and all, with its own optimiser, begun anew; then M judges. Costs about
    `steps` rounds each time. See `gan_lab.equilibrium.duality_gap` for the estimate and its sources.

    The batches are fresh ones, far from those of the training. A finite data set knows no fresh samples beyond its
    size: there the gap is that of the game on the set.
    """

    goals: ClassVar = {"equilibrium/duality_gap": "min"}
    intervals: ClassVar[tuple[str, ...]] = ("every",)

    def __init__(
        self, every: PositiveInt, steps: PositiveInt = 100, held_out: PositiveInt = 8,
        perturbation: NonNegativeFloat = 0.01,
    ) -> None:  # fmt: skip
        self.every, self.steps, self.held_out, self.perturbation = every, steps, held_out, perturbation

    def on_train_batch_end(self, trainer: pl.Trainer, gan: GAN, *_: Any) -> None:  # type: ignore[override]
        if gan.round % self.every == 0:
            gap = self.measure(gan, trainer.datamodule)  # type: ignore[attr-defined]
            names = {"gap": "duality_gap", "best_d": "best_d_value", "best_g": "best_g_value"}
            gan.publish({f"equilibrium/{shown}": getattr(gap, name) for name, shown in names.items()})

    def measure(self, gan: GAN, data: Any) -> Any:
        """The estimate at this moment; the game is left as it is."""

        def turn(d: Player, g: Player, batch: Batch, *movers: Player) -> Turn:
            def noise() -> Tensor:
                return gan.latent.sample(len(batch.x), device=gan.device)

            return Turn(d, g, movers, lambda: batch, noise, gan.joint_batch)

        def d_cost(seen: Turn) -> Tensor:
            return gan.loss.discriminator(seen.real_output.logits, seen.fake_output.logits)

        def g_cost(seen: Turn) -> Tensor:
            real = seen.real_output.logits if gan.loss.generator_sees_real else None
            return gan.loss.generator(real, seen.fake_output.logits)

        def value(d: Player, g: Player, batch: Batch) -> Tensor:
            return -d_cost(turn(d, g, batch))

        def d_response(d: Player, g: Player) -> Step:
            return _descent(d, lambda batch: turn(d, g, batch, d), d_cost)

        def g_response(d: Player, g: Player) -> Step:
            return _descent(g, lambda batch: turn(d, g, batch, g), g_cost)

        def batches() -> Iterator[Batch]:
            for batch in data.undivided().batches(FAR):  # the same for every process
                yield batch.to(gan.device)

        seed = derive_seed(gan.seed, "duality gap", gan.round)
        return duality_gap(
            gan.d, gan.g, value, d_response, g_response, batches, self.steps, self.held_out, self.perturbation, seed
        )


def _descent(player: Player, turn: Callable[[Batch], Turn], own: Callable[[Turn], Tensor]) -> Step:
    """Steps down the player's own cost."""
    optimizer = player.make_optimizer(player.weights)

    def step(batch: Batch) -> None:
        seen = turn(batch)
        cost = own(seen)
        for term in player.terms.values():
            extra = term(seen, player.step)
            cost = cost if extra is None else cost + extra
        player.aim(torch.autograd.grad(cost, player.weights, materialize_grads=True))
        optimizer.step()
        player.stepped()

    return step
