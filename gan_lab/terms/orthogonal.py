"""Orthogonal regularisation of weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext

LAYERS = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d


class Orthogonal(Term):
    """1/2 sum over matrices W of ||W W' . (1 - I)||_F^2 (Brock et al. 2019, eq. 3, without its diagonal).

    Rows of W (out, in x kernel) become orthogonal; their lengths are free. W are the weights of affine and
    convolutional layers, not those of embeddings and of tables that have a row for each class.
    With this factor the gradient is that of the authors' code (ajbrock/BigGAN-PyTorch), whose strength is 1e-4.
    """

    def __init__(self, weight: NonNegativeFloat | Callable[[int], float] = 1e-4, every: PositiveInt = 1) -> None:
        super().__init__(weight, every)

    def value(self, context: StepContext) -> Tensor:
        network, weights = context.d if self.player == "d" else context.g
        layers = [(name, module) for name, module in network.named_modules() if isinstance(module, LAYERS)]
        inside = {f"{name}.{weight}".removeprefix(".") for name, m in layers for weight, _ in m.named_parameters()}
        matrices = [w.flatten(1) for name, w in weights.items() if w.ndim > 1 and name in inside]
        products = [matrix @ matrix.T for matrix in matrices]
        return torch.stack([(gram - gram.diag().diag()).square().sum() for gram in products]).sum() / 2
