"""NDB: number of statistically different bins, and the divergence of their histograms."""

from typing import NamedTuple

import torch
from scipy.stats import norm
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.pairwise import paired, squared_distances
from gan_lab.seeding import derive_seed


class Bins(NamedTuple):
    """How many bins differ, their share of all, and the two histograms' Jensen-Shannon divergence in nats."""

    different: int
    share: float
    jsd: float


def different_bins(
    real: Tensor, fake: Tensor, bins: int = 100, significance: float = 0.05, seed: int = 0, chunk: int = 1000
) -> Bins:
    """The number of statistically different bins, NDB: lower is better (Richardson & Weiss 2018).

        z = (p - q) / sqrt(P (1 - P) (1/N + 1/M)),    P = (N p + M q) / (N + M)

    The bins are the Voronoi cells of `bins` k-means centres of the real points (N, d); p and q are the shares of real
    points and of fakes (M, d) in one, and it is different where |z| is improbable at the level `significance`. Of equal
    laws, less than that share of bins differs by chance. The more points, the smaller a difference that counts, so
    compare at equal numbers only. The paper has 100 bins, and pixels.
    """
    paired(real, fake)
    if not 2 <= bins <= len(real) or not 0 < significance < 1:
        raise UserError(
            f"bins={bins}, significance={significance}: must be 2 to {len(real)}, the real points, and between 0 and 1"
        )
    centres = k_means(real, bins, seed)
    p, q = (torch.bincount(assigned(x, centres, chunk), minlength=bins).double() / len(x) for x in (real, fake))
    pooled = (len(real) * p + len(fake) * q) / (len(real) + len(fake))
    error = (pooled * (1 - pooled) * (1 / len(real) + 1 / len(fake))).sqrt()
    different = int(((p - q).abs() > norm.isf(significance / 2) * error).sum())
    middle = (p + q) / 2
    jsd = sum((torch.special.xlogy(s, s) - torch.special.xlogy(s, middle)).sum().item() for s in (p, q)) / 2
    return Bins(different, different / bins, jsd)


def k_means(points: Tensor, k: int, seed: int) -> Tensor:
    """k centres (k, d) float64 of points (N, d), by scikit-learn: k-means++, then Lloyd's iterations to their end."""
    from sklearn.cluster import KMeans  # takes a second to import

    start = derive_seed(seed, "k-means") % 2**32
    found = KMeans(k, n_init=1, max_iter=100, tol=0, random_state=start).fit(points.double().cpu().numpy())
    return torch.as_tensor(found.cluster_centers_, device=points.device)


def assigned(points: Tensor, centres: Tensor, chunk: int) -> Tensor:
    """The index of the nearest centre to each point: (N,) int64."""
    return torch.cat([rows.argmin(dim=1) for rows in squared_distances(points, centres, chunk)])
