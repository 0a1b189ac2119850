"""Smallest players, whose gradients are known in closed form."""

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.losses import Minimax
from gan_lab.types import Batch, DiscriminatorOutput
from gan_lab.updates import Unrolled

# Midpoints of equal shares of N(0, 1): expectations by quadrature, to 1e-4 here.
QUANTILES = torch.special.ndtri((torch.arange(4000.0) + 0.5) / 4000)[:, None]


class Shift(nn.Module):
    """G(z) = z + theta: with z ~ N(0, 1), N(theta, 1)."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z + self.theta


class Logistic(nn.Module):
    """Logits a x + b, from a = b = 0: the best D between two normal distributions of one variance is of this form."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.a * x[:, 0] + self.b)


def slope_of_g(
    update: Unrolled,
    optimizer: Callable[..., Any],
    loss: Any = None,
    theta: float = 1.0,
    discriminator: Callable[[], nn.Module] = Logistic,
) -> float:
    """What G's gradient in theta is, N(0, 1) being real."""
    d = Player("d", discriminator(), optimizer)
    g = Player("g", Shift(theta), partial(torch.optim.SGD, lr=0.1))
    latent = SimpleNamespace(dim=1, sample=lambda n, generator=None, device=None: QUANTILES)
    gan = GAN(d, g, latent, Minimax() if loss is None else loss, update)
    gan._stream = SimpleNamespace(draw=lambda: Batch(QUANTILES), batch_size=len(QUANTILES))
    gan._shared = None  # type: ignore[assignment]
    gan._optimizers = {player.name: player.configure()[0] for player in (d, g)}
    found: dict[str, Sequence[Tensor]] = {}
    gan.move = lambda player, gradient, counts=True: bool(found.setdefault(player.name, gradient))  # type: ignore
    gan.update.play(gan)
    return found["g"][0].item()


class Show(nn.Module):
    """Logits 0, features x."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(torch.zeros(len(x)), features=(x,))


class Quadratic(nn.Module):
    """Logits: a fixed quadratic in x; features: x."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.square().flatten(1).sum(1), y, (x,))
