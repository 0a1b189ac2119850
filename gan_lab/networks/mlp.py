"""Multilayer perceptrons for data of any shape."""

import math
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from gan_lab.ranges import PositiveInt, Shape
from gan_lab.types import DiscriminatorOutput

Layer = Callable[[int, int], nn.Module]  # (width in, width out) -> hidden layer
Init = Callable[[Tensor], Tensor]  # in place on a weight matrix


def _stack(widths: Sequence[int], layer: Layer) -> nn.Sequential:
    return nn.Sequential(*(layer(a, b) for a, b in zip(widths, widths[1:], strict=False)))


def _initialise(network: nn.Module, init: Init | None) -> None:
    """Weights by `init` and biases 0; None keeps torch's own rule."""
    if init is None:
        return
    for module in network.modules():
        if isinstance(module, nn.Linear):
            init(module.weight)
            nn.init.zeros_(module.bias)


class MLPGenerator(nn.Module):
    """z (N, latent_dim) -> hidden layers -> affine -> `output` nonlinearity -> (N, *shape).

    With `Dense` ReLU layers of 1200 and weights from U(-.05, .05) it is the generator of Goodfellow et al. 2014.
    """

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: Shape,
        hidden: Sequence[PositiveInt],
        layer: Layer,
        output: nn.Module,
        init: Init | None = None,
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.hidden = _stack([latent_dim, *hidden], layer)
        self.affine = nn.Linear(hidden[-1] if hidden else latent_dim, math.prod(shape))
        self.output = output
        _initialise(self, init)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.output(self.affine(self.hidden(z))).unflatten(1, self.shape)


class MLPDiscriminator(nn.Module):
    """x (N, *shape) -> flat -> hidden layers -> affine -> logits (N,); the last hidden layer is its features.

    With `Maxout` layers of 240 units and 5 pieces and weights from U(-.005, .005) it is the discriminator of
    Goodfellow et al. 2014 (but for its dropout).
    """

    def __init__(self, shape: Shape, hidden: Sequence[PositiveInt], layer: Layer, init: Init | None = None) -> None:
        super().__init__()
        size = math.prod(shape)
        self.hidden = _stack([size, *hidden], layer)
        self.affine = nn.Linear(hidden[-1] if hidden else size, 1)
        _initialise(self, init)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.hidden(x.flatten(1))
        return DiscriminatorOutput(self.affine(features).squeeze(1), features=(features,))
