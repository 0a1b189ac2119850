"""Rounds of updates near an equilibrium, as linear maps, and their leading eigenvalues."""

import torch
from torch import Tensor

from gan_lab.equilibrium.jacobian import Eigenvalues, Jacobian, leading
from gan_lab.types import LinearPoint, LinearRound


class OptimizerSteps:
    """Steps of the players' optimisers: see `types.LinearSteps`.

    Args:
        jacobian: A.
        sizes: (n,), the diagonal of H.
        momentum: beta of D and of G.
        of_d: how many of the weight tensors are D's; they are the first.
    """

    def __init__(self, jacobian: Jacobian, sizes: Tensor, momentum: tuple[float, float], of_d: int) -> None:
        self._jacobian, self._sizes = jacobian, sizes
        self._rows = slice(of_d), slice(of_d, None)
        weights = sum(jacobian.sizes[:of_d])
        self._players = slice(weights), slice(weights, None)
        self._betas, self.has_momentum = momentum, any(momentum)

    def slope(self, w: Tensor) -> Tensor:
        return self._sizes * self._jacobian(w)

    def consensus(self, w: Tensor) -> Tensor:
        return self._sizes * self._jacobian.transposed(self._jacobian(w))

    def d(self, point: LinearPoint) -> LinearPoint:
        return self._move(point, self._own_slope(point.w, 0), 0)

    def g(self, point: LinearPoint) -> LinearPoint:
        return self._move(point, self._own_slope(point.w, 1), 1)

    def both(self, point: LinearPoint, slope: Tensor) -> LinearPoint:
        return self._move(self._move(point, slope, 0), slope, 1)

    def _own_slope(self, w: Tensor, player: int) -> Tensor:
        return self._sizes * self._jacobian(w, self._rows[player])

    def _move(self, point: LinearPoint, slope: Tensor, player: int) -> LinearPoint:
        own, beta = self._players[player], self._betas[player]
        w, momentum = point.w.clone(), point.momentum.clone()
        momentum[own] = beta * momentum[own] + (1 - beta) * slope[own]
        w[own] -= momentum[own]
        return point._replace(w=w, momentum=momentum)


def of_round(one: LinearRound, steps: OptimizerSteps, start: Tensor, products: int) -> Eigenvalues:
    """The eigenvalues of a round's map, the farthest from 1 first.

    The map is of weights, and of momenta and a past point where there are any. They lie near 1: so those of what the
    round moves, I - map, are sought, by `products` applications for each of these.
    """
    kept = (True, steps.has_momentum, one.remembers)

    def moved(x: Tensor) -> Tensor:
        parts = iter(x.chunk(sum(kept)))
        after = one.play(LinearPoint(*(next(parts) if keep else torch.zeros_like(start) for keep in kept)))
        return x - torch.cat([part for part, keep in zip(after, kept, strict=True) if keep])

    found = leading(moved, start.repeat(sum(kept)), products * sum(kept))
    return Eigenvalues(1 - found.values, found.converged)
