"""Rounds of updates near an equilibrium, as small matrices."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.equilibrium.jacobian import CONVERGED, NONE, Eigenvalues, Jacobian, krylov
from gan_lab.types import LinearPoint, LinearRound


class ProjectedSteps:
    """The players' steps (`types.LinearSteps`) within a small space, by coordinates of its r orthonormal vectors.

    D's and G's parts of start, H A start, (H A)^2 start, ... span it. It holds the rim of the spectrum of H A and,
    since the parts are its own, either player's step. Any round is a small matrix then, whatever it is made of.

    Args:
        jacobian: A.
        sizes: (n,), the diagonal of H.
        momentum: beta of D and of G.
        of_d: how many of the n weights are D's.
        start: (n,).
        steps: products for the span. Up to twice as many follow, one for each vector of the basis.
    """

    def __init__(
        self, jacobian: Jacobian, sizes: Tensor, momentum: tuple[float, float], of_d: int, start: Tensor, steps: int
    ) -> None:
        span = krylov(lambda w: sizes * jacobian(w), start, steps)
        self.is_finite = span is not None
        vectors = torch.stack([start] if span is None else span.basis)
        self._of_d, self._d, self._g = of_d, _orthonormal(vectors[:, :of_d]), _orthonormal(vectors[:, of_d:])
        self._jacobian, self._sizes = jacobian, sizes
        self._slope, self._slope_leaving = self._projected(lambda w: sizes * jacobian(w))
        self.is_whole = len(self._slope) == len(start)
        self._consensus: tuple[Tensor, Tensor] | None = None
        self._is_d = torch.arange(len(self._slope))[:, None] < len(self._d)
        self._momentum = torch.where(self._is_d, *torch.tensor(momentum, dtype=torch.float64).unbind())
        self._has_momentum = any(momentum)

    def slope(self, w: Tensor) -> Tensor:
        return self._slope @ w

    def consensus(self, w: Tensor) -> Tensor:
        return self._consensus_projected()[0] @ w

    def d(self, point: LinearPoint) -> LinearPoint:
        return self._move(point, self.slope(point.w), self._is_d)

    def g(self, point: LinearPoint) -> LinearPoint:
        return self._move(point, self.slope(point.w), ~self._is_d)

    def both(self, point: LinearPoint, slope: Tensor) -> LinearPoint:
        return self._move(point, slope, torch.ones_like(self._is_d))

    def eigenvalues(self, one: LinearRound) -> Eigenvalues:
        """Those of a round's map, the farthest from 1 first, which are those of what it moves most.

        A residual is, to first order in the step sizes, what leaves the space of the round's move of ||x|| = 1; one has
        converged where that is at most `CONVERGED` of the eigenvalue's distance from 1.
        """
        if not self.is_finite:
            return NONE
        size, kept = len(self._slope), (True, self._has_momentum, one.remembers)
        every = torch.eye(size * sum(kept), dtype=torch.float64)
        parts = iter(every.split(size))
        point = LinearPoint(*(next(parts) if keep else torch.zeros_like(every[:size]) for keep in kept))
        after = [part for part, keep in zip(one.play(point), kept, strict=True) if keep]
        values, vectors = np.linalg.eig(torch.cat(after).numpy())
        leaving = _norms(vectors[:size], self._slope_leaving)
        if one.consensus:
            leaving = leaving + one.consensus * _norms(vectors[:size], self._consensus_projected()[1])
        residuals, moved = one.rounds * leaving, np.abs(1 - values)
        order = np.argsort(-moved, kind="stable")
        return Eigenvalues(values[order], residuals[order], (residuals <= CONVERGED * moved)[order])

    def _move(self, point: LinearPoint, slope: Tensor, moves: Tensor) -> LinearPoint:
        momentum = self._momentum * point.momentum + (1 - self._momentum) * slope
        momentum = torch.where(moves, momentum, point.momentum)
        return point._replace(w=point.w - moves * momentum, momentum=momentum)

    def _consensus_projected(self) -> tuple[Tensor, Tensor]:
        if self._consensus is None:  # only where an update asks
            jacobian = self._jacobian
            self._consensus = self._projected(lambda w: self._sizes * jacobian.transposed(jacobian(w)))
        return self._consensus

    def _projected(self, product: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """(r, r), the product within the space, and (r, r), the inner products of what of it leaves the space."""
        of_d, d, g = self._of_d, self._d, self._g
        products = torch.stack([product(F.pad(b, (0, len(self._sizes) - of_d))) for b in d])
        products = torch.cat([products, torch.stack([product(F.pad(b, (of_d, 0))) for b in g])])
        within = [products[:, :of_d] @ d.T, products[:, of_d:] @ g.T]
        products[:, :of_d] -= within[0] @ d
        products[:, of_d:] -= within[1] @ g
        return torch.cat(within, 1).T.double().cpu(), (products @ products.T).double().cpu()


def _orthonormal(vectors: Tensor) -> Tensor:
    """(r, n) with orthonormal rows that span those of (k, n)."""
    found = vectors[:0]
    for vector in vectors:
        rest = vector
        for _ in range(2):  # once more, for what rounding has left
            rest = rest - (found @ rest) @ found
        if rest.norm() > 1e-5 * vector.norm() and len(found) < len(vector):
            found = torch.cat([found, rest[None] / rest.norm()])
    return found


def _norms(vectors: np.ndarray, products: Tensor) -> np.ndarray:
    """Of combinations of what has these inner products, (k,): one for each column of coefficients."""
    return np.sqrt(np.maximum(np.einsum("ik,ij,jk->k", vectors.conj(), products.numpy(), vectors).real, 0))
