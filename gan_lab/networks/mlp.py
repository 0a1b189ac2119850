"""Multilayer perceptrons for data of any shape."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
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
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class MLPGenerator(nn.Module):
    """z (N, latent_dim) -> hidden layers -> affine -> `output` nonlinearity -> (N, *shape).

    With `Dense` ReLU layers of 1200 and weights from U(-.05, .05) it is the generator of Goodfellow et al. 2014. With
    `marginal_bias` the last biases start where `output` gives each coordinate's mean over the data; `output` must
    have an `inverse`.
    """

    seeds_together: ClassVar[bool] = True

    def __init__(
        self,
        latent_dim: PositiveInt,
        shape: Shape,
        hidden: Sequence[PositiveInt],
        layer: Layer,
        output: nn.Module,
        init: Init | None = None,
        marginal_bias: bool = False,
        affine: Layer = nn.Linear,
    ) -> None:
        super().__init__()
        if marginal_bias and not hasattr(output, "inverse"):
            raise ValueError(f"marginal_bias needs an output with an inverse, which {type(output).__name__} lacks")
        self.shape = tuple(shape)
        self.marginal_bias = marginal_bias
        self.hidden = _stack([latent_dim, *hidden], layer)
        self.affine: Any = affine(hidden[-1] if hidden else latent_dim, math.prod(shape))
        self.output: Any = output
        _initialise(self, init)

    @torch.no_grad()
    def initialise_from(self, real: Callable[[int], Tensor]) -> None:
        """Set the last biases to the data's marginals, if so asked; `real(n)` gives n real samples."""
        if self.marginal_bias:
            self.affine.bias.copy_(self.output.inverse(real(10_000).mean(0).flatten()))

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.output(self.affine(self.hidden(z))).unflatten(1, self.shape)


class MLPDiscriminator(nn.Module):
    """x (N, *shape) -> flat -> `input` -> hidden layers -> affine -> logits (N,); its features: the last hidden layer.

    With `Maxout` layers of 240 units, 5 pieces and dropout .5, weights from U(-.005, .005) and `UnitInput` of dropout
    .2 it is the discriminator of Goodfellow et al. 2014.
    """

    seeds_together: ClassVar[bool] = True

    def __init__(
        self,
        shape: Shape,
        hidden: Sequence[PositiveInt],
        layer: Layer,
        init: Init | None = None,
        input: nn.Module | None = None,  # noqa: A002
    ) -> None:
        super().__init__()
        self.input = nn.Identity() if input is None else input
        size = math.prod(shape)
        self.hidden = _stack([size, *hidden], layer)
        self.affine = nn.Linear(hidden[-1] if hidden else size, 1)
        _initialise(self, init)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        features = self.hidden(self.input(x.flatten(1)))
        return DiscriminatorOutput(self.affine(features).squeeze(1), features=(features,))
