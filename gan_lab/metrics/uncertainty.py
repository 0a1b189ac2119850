"""Standard errors of figures, and warnings about them."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gan_lab.metrics.distances import random_order
from gan_lab.seeding import derive_seed


def jackknife_error(statistic: Callable[[Tensor], float], points: Tensor, groups: int, seed: int = 0) -> float:
    """The standard error of a statistic of points (N, F), by leaving out each of `groups` random parts of them.

        SE^2 = (g - 1) / g sum_i (s_i - mean s)^2,    s_i = the statistic without part i

    (Efron & Tibshirani 1993, section 11.6). With g = N and the mean it is the usual s / sqrt(N). The order of the
    points does not matter.
    """
    if not 2 <= groups <= len(points):
        raise ValueError(
            f"groups={groups}: must be 2 or more, and no more than the {len(points)} points; 0: no standard error"
        )
    order = random_order(points, torch.Generator().manual_seed(derive_seed(seed, "groups")))
    parts = order.tensor_split(groups)
    values = torch.tensor(
        [statistic(points[torch.cat([*parts[:i], *parts[i + 1 :]])]) for i in range(groups)], dtype=torch.float64
    )
    return math.sqrt((groups - 1) / groups * (values - values.mean()).square().sum().item())


def binomial_error(share: float, n: int) -> float:
    """The standard error sqrt(q (1 - q) / (n + 4)) of a share p of n independent ones, q = (n p + 2) / (n + 4).

    With two more of either kind (Agresti & Coull 1998), two errors each way hold the truth as often as they should
    where p is near 0 or 1, too, for which sqrt(p (1 - p) / n) is too small.
    """
    moderate = (n * share + 2) / (n + 4)
    return math.sqrt(moderate * (1 - moderate) / (n + 4))


def doubts(real: Tensor, fake: Tensor) -> list[str]:
    """What speaks against covariances estimated from features (N, F) and (M, F): too few of them, or singular ones."""
    found, dim = [], real.shape[1]
    few = min(len(real), len(fake))
    if few < 10 * dim:
        found.append(
            f"{few} samples are few for {dim} features: below {10 * dim} a Frechet distance says more about their "
            "number than about them, so compare it at equal n only"
        )
    for name, points in (("real", real), ("generated", fake)):
        if is_singular(points):
            found.append(f"the covariance of the {name} features is singular")
    return found


def is_singular(points: Tensor) -> bool:
    """Whether points (N, F) lie in a flat of fewer than F dimensions, to the precision of float32."""
    if len(points) <= points.shape[1]:
        return True
    centred = points.double() - points.double().mean(0)
    pivots = torch.linalg.qr(centred, mode="r").R.diagonal().abs()
    return bool(pivots.min() <= 1e-6 * pivots.max())
