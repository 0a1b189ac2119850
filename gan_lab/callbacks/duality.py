"""Duality gap along a run, on request."""

from collections.abc import Callable, Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from gan_lab.callbacks.equilibrium import Evidence
from gan_lab.callbacks.game_callback import GameCallback, data_of
from gan_lab.data.module import FAR, GameData
from gan_lab.equilibrium import duality
from gan_lab.equilibrium.verdict import Gains
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.game.step import StepContext
from gan_lab.ranges import NonNegativeFloat, PositiveFloat, PositiveInt
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch


class DualityGap(GameCallback):
    """The duality gap at each `every`-th round, by best responses of `steps` and of half as many steps.

    `equilibrium/duality_gap/STEPS` with its standard error `.../error` over the `held_out` batches, and its two parts
    `.../d_gain` and `.../g_gain`. The steps are part of the name, since gaps of unequal budgets say nothing about each
    other. Where the longer one is clearly larger than the shorter, more steps would find more: the true gap is larger.

    M is minus D's cost without penalties: V for logistic losses, E r - E f for the Wasserstein loss, ... Each player's
    copy goes for its own cost, penalties and all, then M judges. It is moved by an optimiser of its own, whatever moves
    the game: Adam, with a learning rate that falls from `lr` to 0 along a cosine, so that it comes to rest. Costs about
    1.5 `steps` rounds each time. See `gan_lab.equilibrium.duality_gap` for the estimate and its sources.

    The batches are fresh ones, far from those of the training. A finite data set knows no fresh samples beyond its
    size: there the gap is that of the game on the set.
    """

    def __init__(
        self, every: PositiveInt, steps: PositiveInt = 200, held_out: PositiveInt = 8,
        perturbation: NonNegativeFloat = 0.01, lr: PositiveFloat = 1e-2,
    ) -> None:  # fmt: skip
        if steps < 2 or held_out < 2:
            raise UserError(
                "callbacks.duality_gap: steps and held_out must be 2 at least, for half of the one and a spread"
            )
        self.every, self.steps, self.held_out, self.perturbation = every, steps, held_out, perturbation
        self.lr = lr
        self.found: tuple[int, duality.DualityGap] | None = None  # the last round that it was measured at, and the gap

    @property
    def goals(self) -> dict[str, str]:
        """Lower is better, for the loggers."""
        return {f"equilibrium/duality_gap/{steps}": "min" for steps in (self.steps // 2, self.steps)}

    def act(self, trainer: pl.Trainer, gan: GAN) -> None:
        for steps in (self.steps // 2, self.steps):
            gap = self.measure(gan, data_of(trainer), steps)
            name = f"equilibrium/duality_gap/{steps}"
            parts = {part: getattr(gap, part) for part in ("error", "d_gain", "g_gain")}
            gan.publish({name: gap.gap, **{f"{name}/{part}": value for part, value in parts.items()}})
        self.found = gan.round, gap

    def evidence(self, gan: GAN) -> Evidence:
        """What each player's best response gained, where that was measured in the later half of the run."""
        if self.found is None or 2 * self.found[0] < gan.round:
            return Evidence()
        gap = self.found[1]
        return Evidence(gains=Gains(gap.d_gain, gap.d_error, gap.g_gain, gap.g_error))

    def state_dict(self) -> dict[str, Any]:
        return {} if self.found is None else {"round": self.found[0], "gap": list(self.found[1])}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state:
            self.found = state["round"], duality.DualityGap(*state["gap"])

    def measure(self, gan: GAN, data: GameData, steps: int) -> duality.DualityGap:
        """The estimate at this moment; the game is left as it is."""

        def context(d: Player, g: Player, batch: Batch, *movers: Player) -> StepContext:
            def noise() -> Tensor:
                return gan.latent.sample(len(batch.x), device=gan.device)

            return StepContext(d, g, movers, lambda: batch, noise, gan.joint_batch)

        def value(d: Player, g: Player, batch: Batch) -> Tensor:
            return -gan.d_loss(context(d, g, batch))

        def d_response(d: Player, g: Player) -> duality.Step:
            return self._descent(d, lambda batch: context(d, g, batch, d), gan.d_loss, steps)

        def g_response(d: Player, g: Player) -> duality.Step:
            return self._descent(g, lambda batch: context(d, g, batch, g), gan.g_loss, steps)

        def batches() -> Iterator[Batch]:
            for batch in data.undivided().batches(FAR):  # the same for every process
                yield batch.to(gan.device)

        seed = derive_seed(gan.seed, "duality gap", gan.round)
        return duality.duality_gap(
            gan.d, gan.g, value, d_response, g_response, batches, steps, self.held_out, self.perturbation, seed
        )

    def _descent(
        self, player: Player, context: Callable[[Batch], StepContext], own: Callable[[StepContext], Tensor], steps: int
    ) -> duality.Step:
        """Steps down the player's own cost."""
        optimizer = torch.optim.Adam(player.weights, self.lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

        def step(batch: Batch) -> None:
            seen = context(batch)
            cost = own(seen)
            for term in player.terms.values():
                extra = term(seen, player.step)
                cost = cost if extra is None else cost + extra
            player.aim(torch.autograd.grad(cost, player.weights, materialize_grads=True))
            optimizer.step()
            schedule.step()
            player.stepped()

        return step
