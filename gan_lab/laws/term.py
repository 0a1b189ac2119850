"""Laws of a term, in a small game."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.game.step import StepContext
from gan_lab.laws.law import Law, check_slope, demand
from gan_lab.terms import Term
from gan_lab.types import Batch


class Scene(NamedTuple):
    """A term, the game that it is a term of, on whose weights it acts, and one batch."""

    term: Term
    game: GAN
    player: Player
    batch: Batch

    def value(self, step: int = 0, device: str = "cpu") -> Tensor | None:
        """Of the same batch, the same noise and the same draws at each call."""
        torch.manual_seed(0)
        z = self.game.latent.sample(len(self.batch.x)).to(device)
        context = StepContext(self.game.d, self.game.g, (self.player,), lambda: self.batch.to(device), lambda: z, False)
        value: Tensor | None = self.term(context, step)
        return value


def is_a_scalar(scene: Scene) -> None:
    """A finite number; or None, of a constraint."""
    value = scene.value()
    if value is not None:
        demand(value.shape == (), f"its value has the shape {tuple(value.shape)}, and must be a scalar")
        demand(bool(value.isfinite()), f"its value is {value.item():.4g}")


def has_its_gradient(scene: Scene) -> None:
    """The gradient in the weights of the player that it acts on is the slope of its value."""
    value, weights = scene.value(), scene.player.weights
    if value is None:
        return
    demand(value.requires_grad, f"its value does not depend on the weights of {scene.player.name}; acts_on says so")
    found = torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True)
    at = parameters_to_vector(weights).detach()

    def of(moved: Tensor) -> float:
        vector_to_parameters(moved, weights)
        value = scene.value()
        assert value is not None
        return float(value.detach())

    try:
        check_slope(of, parameters_to_vector(found), at, "its value", step=1e-3, tolerance=5e-2)
    finally:
        vector_to_parameters(at, weights)


def is_lazy_at_no_cost(scene: Scene) -> None:
    """At every fourth step it counts four times as much."""
    term: Any = scene.term

    def total(every: int) -> float:
        term.every = every
        values = [scene.value(step) for step in range(8)]
        return sum(0.0 if value is None else float(value.detach()) for value in values)

    before = term.every
    try:
        eager, lazy = total(1), total(4)
    finally:
        term.every = before
    demand(abs(lazy - eager) <= 1e-4 * abs(eager) + 1e-6, f"8 steps sum to {eager:.4g}, with every=4 to {lazy:.4g}")


def runs_on_a_device(scene: Scene) -> None:
    """Value and gradient need no tensor on the CPU, and look at no number."""
    for part in (scene.game.d, scene.game.g, scene.term):
        part.to("meta")
    value = scene.value(device="meta")
    if value is not None:
        torch.autograd.grad(value, [*scene.player.network.parameters()], allow_unused=True)


TERM: dict[str, Law] = {
    "a finite scalar": is_a_scalar,
    "gradients equal finite differences": has_its_gradient,
    "lazy, it counts as much on average": is_lazy_at_no_cost,
    "runs on any device, without a look at numbers": runs_on_a_device,
}
