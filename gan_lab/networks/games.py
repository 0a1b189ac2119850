"""Players of one parameter vector each, such as the Dirac-GAN's."""

import math

import torch
from torch import Tensor, nn

from gan_lab.ranges import Shape
from gan_lab.types import DiscriminatorOutput


def _even(size: int, norm: float) -> Tensor:
    """The vector of this norm with equal coordinates; of size 1, (norm)."""
    return torch.full((size,), norm / math.sqrt(size))


class DiracGenerator(nn.Module):
    """G(z) = theta whatever z: p_g is a point mass at theta, a parameter, at first even and of norm `start`.

    Samples are (N, *shape); z only says how many.
    """

    def __init__(self, shape: Shape, start: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(_even(math.prod(shape), start).view(*shape))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        # Copies: a view of theta would move with it, and would ask for its gradient even under no_grad.
        return self.theta.repeat(z.shape[0], *[1] * self.theta.ndim)


class LinearDiscriminator(nn.Module):
    """`D(x) = <psi, x>`; psi has a parameter for each number in x, and is at first even and of norm `start`.

    Against a `DiracGenerator` and a point mass at 0 this is the Dirac-GAN (Mescheder et al. 2018, definition 2.1),
    whose equilibrium is (theta, psi) = 0; under the Wasserstein loss it is the bilinear game
    min_theta max_psi -theta psi. Logits (N,).
    """

    def __init__(self, shape: Shape, start: float) -> None:
        super().__init__()
        self.psi = nn.Parameter(_even(math.prod(shape), start))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.flatten(1) @ self.psi)
