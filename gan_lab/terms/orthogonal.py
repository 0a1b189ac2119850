"""Orthogonal regularisation of weights."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_lab.ranges import NonNegativeFloat, PositiveInt
from gan_lab.terms.term import Term
from gan_lab.types import StepContext


class Orthogonal(Term):
    """1/2 sum over matrices W of ||W W' . (1 - I)||_F^2 (Brock et al. 2019, eq. 3, without its diagonal).

    Rows of W (out, in x kernel) become orthogonal; their lengths are free. Biases, scales and embeddings are left out.
    With this factor the gradient is that of the authors' code (ajbrock/BigGAN-PyTorch), whose strength is 1e-4.
    """

    def __init__(self, weight: NonNegativeFloat | Callable[[int], float] = 1e-4, every: PositiveInt = 1) -> None:
        super().__init__(weight, every)

    def value(self, context: StepContext) -> Tensor:
        network, weights = context.d if self.player == "d" else context.g
        embeddings = {
            f"{name}.{weight}" for name, module in network.named_modules() if isinstance(module, nn.Embedding)
            for weight, _ in module.named_parameters()
        }  # fmt: skip
        matrices = [w.flatten(1) for name, w in weights.items() if w.ndim > 1 and name not in embeddings]
        products = [matrix @ matrix.T for matrix in matrices]
        return torch.stack([(gram - gram.diag().diag()).square().sum() for gram in products]).sum() / 2
