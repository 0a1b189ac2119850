"""Game of several seeds, played as one."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, cast

import torch
from torch import Tensor

from gan_lab.ensemble.layers import stacked
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.game.step import StepContext
from gan_lab.seeding import derive_seed
from gan_lab.terms import Term
from gan_lab.types import Batch, Stateful


class Ensemble(GAN):
    """S games that differ by their seeds alone, each round of which is played for all of them at once.

    Every batch is that of all members, one after the other, and every parameter has a first axis of length S. Losses
    and terms are means over samples: of the stacked batch they are 1/S sum_k J_k. Since members share no parameter,

        d/dw_k sum_j J_j = dJ_k/dw_k,

    so that along the gradient of the sum each member follows its own. Optimisers act on each number by itself. Each
    member draws its data from its own stream and its noise from its own generator, seeded as its game seeds torch's.

    Between `gather` and `scatter` the members' own networks, optimisers, schedules and updates stand still.
    """

    def __init__(self, games: Sequence[GAN]) -> None:
        first = games[0]
        self._generators = [torch.Generator(first.device) for _ in games]
        super().__init__(
            self._joined(first.d),
            self._joined(first.g),
            first.latent,
            first.loss,
            deepcopy(first.update),
            ema=first.ema,
            averages=first.averagings,
            joint_batch=first.joint_batch,
        )
        self.games = games
        self._largest = first.clip_norm
        self.to(first.device)
        optimizers, self._schedules = self.configure_optimizers()
        self._optimizers = dict(zip("dg", optimizers, strict=True))

    def _joined(self, player: Player) -> Player:
        network = stacked(player.network, self._generators)
        terms = cast(dict[str, Term], deepcopy(dict(player.terms.items())))
        return Player(player.name, network, player.make_optimizer, player.make_schedule, terms)

    # --- what differs from a single game ------------------------------------------------------------------------

    def training_step(self, stream: Any, index: int) -> None:
        for game, generator in zip(self.games, self._generators, strict=True):
            generator.manual_seed(derive_seed(game.seed, "round", self.round))
        super().training_step(stream, index)

    def objective(self, player: Player, context: StepContext, whole: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        total, seen = super().objective(player, context, whole)
        return total * len(self.games), seen  # the members' sum, not their mean

    def move(self, player: Player, gradient: Sequence[Tensor], counts: bool = True) -> bool:
        return super().move(player, gradient if self._largest is None else clipped(gradient, self._largest), counts)

    def _noise(self) -> Tensor:
        return self._drawn(lambda n, generator: self.latent.sample(n, generator, self.device))

    def _uniform(self) -> Tensor:
        return self._drawn(lambda n, generator: torch.rand(n, generator=generator, device=self.device))

    def _normal(self, shape: torch.Size) -> Tensor:
        return self._drawn(lambda n, generator: torch.randn(n, *shape, generator=generator, device=self.device))

    def _drawn(self, draw: Callable[[int, torch.Generator], Tensor]) -> Tensor:
        return torch.cat([draw(self._stream.batch_size, generator) for generator in self._generators])

    # --- from the members and back ------------------------------------------------------------------------------

    def gather(self) -> None:
        """Take over what the members, which have played as many rounds, hold."""
        first = self.games[0]
        self.started_from = first.started_from
        self.round, self.d.step, self.g.step = first.round, first.d.step, first.g.step
        for own, *theirs in zip(_keepers(self), *map(_keepers, self.games), strict=True):
            own.load_state_dict(_stack([keeper.state_dict() for keeper in theirs]))

    def scatter(self) -> None:
        """Give each member what is its own."""
        for member, game in enumerate(self.games):
            game.record = {}  # of a round that it did not play by itself; those that are looked at it will
            game.round, game.d.step, game.g.step = self.round, self.d.step, self.g.step
            for own, its in zip(_keepers(self), _keepers(game), strict=True):
                its.load_state_dict(_part(own.state_dict(), member))


class Streams:
    """The members' batches, one after the other."""

    def __init__(self, streams: Sequence[Any]) -> None:
        self._streams = streams
        self.batch_size: int = streams[0].batch_size  # of each

    def draw(self) -> Batch:
        return Batch(torch.cat([stream.draw().x for stream in self._streams]))


def clipped(gradient: Sequence[Tensor], largest: float) -> list[Tensor]:
    """Each member's gradient, (S, ...) in each tensor, scaled down to the norm `largest`, as torch's clipping does."""
    norms = torch.stack([part.flatten(1).norm(dim=1) for part in gradient]).norm(dim=0)
    factors = (largest / (norms + 1e-6)).clamp(max=1)
    return [part * factors.view(-1, *[1] * (part.ndim - 1)) for part in gradient]


def _keepers(game: GAN) -> list[Any]:
    """Whatever of a game has a state: networks and averages, optimisers, schedules, perhaps the update."""
    # Lightning's wrapper of an optimiser would take a state to itself.
    optimizers = [getattr(optimizer, "optimizer", optimizer) for optimizer in game._optimizers.values()]
    update = [game.update] if isinstance(game.update, Stateful) else []
    return [game, *optimizers, *game._schedules, *update]


def _stack(trees: Sequence[Any]) -> Any:
    """Nested plain data with tensors stacked; what is no tensor, or a counter in one, all have in common."""
    first = trees[0]
    if isinstance(first, Tensor) and first.ndim:
        return torch.stack(list(trees))
    if isinstance(first, dict):
        return {key: _stack([tree[key] for tree in trees]) for key in first}
    if isinstance(first, list | tuple):
        return type(first)(_stack(parts) for parts in zip(*trees, strict=True))
    return deepcopy(first)


def _part(tree: Any, member: int) -> Any:
    """One member's part of what `_stack` made."""
    if isinstance(tree, Tensor) and tree.ndim:
        return tree[member].clone()
    if isinstance(tree, dict):
        return {key: _part(value, member) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_part(value, member) for value in tree)
    return deepcopy(tree)
