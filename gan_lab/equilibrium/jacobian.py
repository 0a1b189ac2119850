"""Jacobian of the game's vector field, and leading eigenvalues of linear maps."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

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
        self._u = [torch.zeros_like(part, requires_grad=True) for part in field]
        self._pulled = self._pull(self._u, create_graph=True)

    def __call__(self, x: Tensor) -> Tensor:
        """A x."""
        return _flat(_gradient(self._pulled, self._u, self._parts(x)))

    def transposed(self, u: Tensor) -> Tensor:
        """A'u."""
        return _flat(self._pull(self._parts(u)))

    def _pull(self, u: Sequence[Tensor], create_graph: bool = False) -> Sequence[Tensor]:
        return _gradient(self._field, self._weights, u, create_graph)

    def _parts(self, x: Tensor) -> list[Tensor]:
        sizes = [weight.numel() for weight in self._weights]
        return [part.view_as(weight) for part, weight in zip(x.split(sizes), self._weights, strict=True)]


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
    """Eigenvalues that a projection has found, the largest first, and what is known of each."""

    values: np.ndarray  # (k,), complex
    residuals: np.ndarray  # (k,): ||map(x) - value x|| of its vector x, ||x|| = 1
    converged: np.ndarray  # (k,), bool: whether the residual is small beside the value

    @property
    def sure(self) -> np.ndarray:
        """Those that have converged."""
        return self.values[self.converged]


NONE = Eigenvalues(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))  # of a game that has diverged


class Krylov(NamedTuple):
    """Span of start, product(start), ...: an orthonormal basis, the product projected on it, and what leaves it."""

    basis: list[Tensor]  # k of (n,)
    projected: np.ndarray  # (k, k)
    rest: float  # norm of the last vector's product outside the span: 0 where the span is invariant

    def eigenvalues(self) -> Eigenvalues:
        """Those of the product at the rim of its spectrum.

        They tend to the product's with the size of the span, the outermost first, and are exact where it is invariant.
        """
        values, vectors = np.linalg.eig(self.projected)
        residuals = self.rest * np.abs(vectors[-1])
        order = np.argsort(-np.abs(values), kind="stable")
        return Eigenvalues(values[order], residuals[order], (residuals <= CONVERGED * np.abs(values))[order])


def krylov(product: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Krylov | None:
    """The span of `steps` products (Arnoldi 1951); None where a product is not finite."""
    basis = [start / start.norm()]
    projected = np.zeros((steps, steps))
    for step in range(steps):
        x = product(basis[-1])
        size = x.norm()
        if not size.isfinite():
            return None
        for _ in range(2):  # once more, for what rounding has left
            parts = torch.stack([torch.dot(b, x) for b in basis])
            projected[: step + 1, step] += parts.double().cpu().numpy()
            for b, part in zip(basis, parts, strict=True):
                x = x - part * b
        rest = x.norm().item()
        if rest <= 1e-6 * size.item() or step + 1 == len(start):
            return Krylov(basis, projected[: step + 1, : step + 1], 0.0)
        if step + 1 < steps:
            projected[step + 1, step] = rest
            basis.append(x / rest)
    return Krylov(basis, projected, rest)


def leading(product: Callable[[Tensor], Tensor], start: Tensor, steps: int) -> Eigenvalues:
    """The eigenvalues at the rim of the spectrum of x -> product(x), by `steps` products; none where one is not finite.

    One has converged where its residual is at most `CONVERGED` of its modulus. A residual is the distance to a map that
    has this eigenvalue; how far the eigenvalue itself may be off is as much for a normal map, and more for others.
    """
    found = krylov(product, start, steps)
    return NONE if found is None else found.eigenvalues()
