"""Jacobian of the game's vector field, and leading eigenvalues of linear maps."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

ALL = slice(None)
CONVERGED = 0.01  # largest residual of a converged eigenvalue, relative to its modulus


class Jacobian:
    """A = v'(w), (n, n), by products with vectors (n,), n being the number of all weights, D's first.

    Its products are exact derivatives of v at these samples: with A'u = grad_w <v, u>, which is linear in u,
    A x = grad_u <A'u, x>. One product takes about as long as three gradients of the game.

    Args:
        field: v, tensors shaped like the weights, with a graph.
        weights: w.
    """

    def __init__(self, field: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
        self._field, self._weights = field, weights
        self.sizes = [weight.numel() for weight in weights]
        self._u = [torch.zeros_like(part, requires_grad=True) for part in field]
        self._pulled = self._pull(self._u, create_graph=True)

    def __call__(self, x: Tensor, rows: slice = ALL) -> Tensor:
        """A x; of other rows than those of the weight tensors in `rows`, which are cheaper than all, 0."""
        found = [torch.zeros_like(u) for u in self._u]
        found[rows] = _gradient(self._pulled, self._u[rows], self._parts(x))
        return _flat(found)

    def transposed(self, u: Tensor) -> Tensor:
        """A'u."""
        return _flat(self._pull(self._parts(u)))

    def _pull(self, u: Sequence[Tensor], create_graph: bool = False) -> Sequence[Tensor]:
        return _gradient(self._field, self._weights, u, create_graph)

    def _parts(self, x: Tensor) -> list[Tensor]:
        return [part.view_as(weight) for part, weight in zip(x.split(self.sizes), self._weights, strict=True)]


def _gradient(
    of: Sequence[Tensor], inputs: Sequence[Tensor], along: Sequence[Tensor], create_graph: bool = False
) -> Sequence[Tensor]:
    """Of <of, along> in the inputs; what no input acts on counts nothing."""
    pairs = [(value, u) for value, u in zip(of, along, strict=True) if value.requires_grad]
    if not pairs:
        return [torch.zeros_like(one) for one in inputs]
    values, us = zip(*pairs, strict=True)
    return torch.autograd.grad(
        values, inputs, us, retain_graph=True, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.detach().flatten() for part in parts])


class Eigenvalues(NamedTuple):
    """Eigenvalues that Arnoldi's iteration has found, the largest first, and which of them have converged."""

    values: np.ndarray  # (k,), complex
    converged: np.ndarray  # (k,), bool

    @property
    def sure(self) -> np.ndarray:
        """Those that have converged."""
        return self.values[self.converged]


def leading(product: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Eigenvalues:
    """The eigenvalues at the rim of the spectrum of x -> product(x), by `steps` products (Arnoldi 1951).

    The map is projected on the span of start, product(start), ...; the eigenvalues of the small matrix tend to those
    of the map, the outermost first. The residual ||product(x) - value x|| of one with ||x|| = 1 is known, and is at
    most `CONVERGED` of its modulus where it counts as converged: it is the eigenvalue of a map that is no further away
    than that, and as near to one of this map's where that is normal. Where the span is invariant, as it is once it is
    the whole space, all are exact. None are found where a product is not finite.
    """
    basis = [start / start.norm()]
    projected = np.zeros((steps + 1, steps))
    rest, done = 0.0, 0
    for step in range(steps):
        x = product(basis[-1])
        size = x.norm()
        for _ in range(2):  # once more, for what rounding has left
            parts = torch.stack([torch.dot(b, x) for b in basis])
            projected[: step + 1, step] += parts.double().cpu().numpy()
            for b, part in zip(basis, parts, strict=True):
                x = x - part * b
        done, rest = step + 1, x.norm().item()
        if rest <= 1e-6 * size.item() or done == len(start):
            rest = 0.0
            break
        projected[step + 1, step] = rest
        basis.append(x / rest)
    if not np.isfinite(projected).all():  # of a game that has diverged
        return Eigenvalues(np.zeros(0), np.zeros(0, dtype=bool))
    values, vectors = np.linalg.eig(projected[:done, :done])
    residuals = rest * np.abs(vectors[-1])
    order = np.argsort(-np.abs(values), kind="stable")
    return Eigenvalues(values[order], (residuals <= CONVERGED * np.abs(values))[order])
