"""Memorisation: nearest training samples, and duplicates among samples."""

import math
from typing import NamedTuple

import torch
from scipy.stats import mannwhitneyu
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.ndb import assigned, k_means
from gan_lab.metrics.pairwise import nearest, paired, squared_distances


class Copying(NamedTuple):
    """P(a fake lies nearer to the training data than a held-out real point does), and the test's z."""

    probability: float
    z: float


def data_copying(train: Tensor, held_out: Tensor, fake: Tensor, chunk: int = 1000) -> Copying:
    """The test of data-copying by nearest training neighbours (Meehan et al. 2020, of one cell).

        P(d(y) < d(x)) + P(d(y) = d(x)) / 2,    d = the Euclidean distance to the nearest point of `train` (N, d)

    over fakes y (M, d) and held-out real points x (L, d): the Mann-Whitney statistic. 1/2 is best. Near 1 the fakes
    are copies of training points; near 0 they are far from all data. z is its value in standard deviations under
    equal laws: above some 3, copying. (The paper's sign is the opposite one: its Z is negative for copies.)
    """
    paired(train, fake)
    paired(held_out, fake)
    return copying_by_distances(*(nearest(x, train, chunk=chunk).distances[:, 0] for x in (held_out, fake)))


def copying_by_distances(held_out: Tensor, fake: Tensor) -> Copying:
    """The same of the distances to the nearest training point, of held-out points (L,) and of fakes (M,)."""
    n, m = len(held_out), len(fake)
    u = float(mannwhitneyu(held_out.cpu().numpy(), fake.cpu().numpy()).statistic)  # the held-out point is further off
    return Copying(u / (n * m), (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12))


def authenticity(train: Tensor, fake: Tensor, chunk: int = 1000) -> float:
    """The share of fakes (M, d) that are no noisy copies of training points (N, d) (Alaa et al. 2022, section 3.3).

    A fake is authentic where it lies further from its nearest training point than that lies from its own nearest one.
    As a percentage, AuthPct. Best near what held-out real points get, which is about 1/2; samples that are all far from
    the data have more.
    """
    paired(train, fake)
    near = nearest(fake, train, chunk=chunk)
    apart = nearest(train, chunk=chunk).distances[:, 0]
    return (apart[near.indices[:, 0]] < near.distances[:, 0]).double().mean().item()


def copying_by_cells(
    train: Tensor, held_out: Tensor, fake: Tensor, cells: int = 3, least: int = 20, seed: int = 0, chunk: int = 1000
) -> float:
    """The statistic C_T of data-copying: 0 for equal laws, below some -3 copies (Meehan et al. 2020, section 3.2).

        C_T = sum_c P(c) Z_c / sum_c P(c)    over the cells c with more than `least` fakes

    The cells are those of `cells` k-means centres of the training points (N, d); P(c) is the share of held-out real
    points (L, d) in one, and Z_c the Mann-Whitney statistic, in standard deviations and with a correction for
    continuity, of the distances of its fakes (M, d) to the nearest training point in it, against those of its held-out
    points. So fakes of one cell are compared with real points of the same; a mean of cells it is all the same, in which
    poor fakes of one may outweigh copies in another. The paper's sign, which is not that of `data_copying`.

    Raises:
        UserError: a cell has no held-out point, or none has enough fakes.
    """
    paired(train, held_out)
    paired(train, fake)
    centres = k_means(train, cells, seed)
    of_train, of_held_out, of_fake = (assigned(x, centres, chunk) for x in (train, held_out, fake))
    total = weight = 0.0
    for cell in range(cells):
        n, m = int((of_held_out == cell).sum()), int((of_fake == cell).sum())
        if n == 0:
            raise UserError(f"cells={cells}: no held-out point lies in one of them; take fewer")
        if m <= least:
            continue
        base = train[of_train == cell]
        z = _standardised(held_out[of_held_out == cell], fake[of_fake == cell], base, chunk)
        total, weight = total + n * z, weight + n
    if not weight:
        raise UserError(f"cells={cells}, least={least}: no cell has so many of the {len(fake)} fakes; take fewer cells")
    return total / weight


def _standardised(held_out: Tensor, fake: Tensor, train: Tensor, chunk: int) -> float:
    """Z of one cell: above 0 where fakes lie further from training points than held-out points do."""
    near = [nearest(x, train, chunk=chunk).distances[:, 0].cpu().numpy() for x in (fake, held_out)]
    n, m = len(held_out), len(fake)
    u = float(mannwhitneyu(*near).statistic)
    return (u - n * m / 2 + 0.5) / math.sqrt(n * m * (n + m + 1) / 12)


class Pairs(NamedTuple):
    """Pairs of points: Euclidean distances (P,) float64, rising, and indices (P, 2) int64, the lower one first."""

    distances: Tensor
    indices: Tensor


def closest_pairs(points: Tensor, pairs: int = 20, chunk: int = 1000) -> Pairs:
    """The nearest pairs among points (N, d), for a picture in which to look for twins.

    The birthday paradox test by eye takes the 20 nearest of a batch of N (Arora & Zhang 2017): where a batch
    shows twins half of the time, the generator has some N^2 different samples.

    Raises:
        UserError: there are fewer pairs.
    """
    paired(points, points)
    n = len(points)
    if not 1 <= pairs <= n * (n - 1) // 2:
        raise UserError(f"pairs={pairs}: must be 1 to {n * (n - 1) // 2}, the pairs of {n} points")
    best, at, start = torch.empty(0), torch.empty(0, 2, dtype=torch.int64), 0
    for rows in squared_distances(points, points, chunk):
        upper = rows.masked_fill_(torch.ones_like(rows, dtype=torch.bool).tril(start), torch.inf).flatten()
        found = upper.topk(min(pairs, len(upper)), largest=False)
        where = torch.stack([found.indices // n + start, found.indices % n], dim=1)
        best, at = torch.cat([best.to(upper), found.values]), torch.cat([at.to(where), where])
        kept = best.topk(min(pairs, len(best)), largest=False).indices
        best, at, start = best[kept], at[kept], start + len(rows)
    return Pairs(best.sqrt(), at)


class Birthday(NamedTuple):
    """P(two samples are twins); 1 / P, the support; the number of samples that hold twins with probability 1/2."""

    collision: float
    support: float
    batch: float


def birthday_paradox(points: Tensor, threshold: float, chunk: int = 1000) -> Birthday:
    """The size of a generator's support from its repetitions: larger is better (Arora & Zhang 2017).

        collision = (pairs no further apart than the threshold) / (N (N - 1) / 2),    support = 1 / collision

    of N samples (N, d). The collision probability's estimate has no bias, and m equally likely samples have 1/m; where
    they are not equally likely, the support is the effective one (of the second Renyi entropy), and a lower bound of
    the true one. batch = sqrt(2 log 2 / collision) is the batch in which the paper finds twins half of the time, and
    its estimate of the support is batch^2. Without twins it is infinite: more than some N^2 / 2, as far as N can show.

    The paper has twins confirmed by eye; `threshold` replaces the eye. Set it on real data (see `closest_pairs`) such
    that they have next to no twins, and quote their figure beside the generator's.
    """
    paired(points, points)
    if not threshold >= 0:
        raise UserError(f"threshold={threshold}: must not be negative")
    n = len(points)
    collision = int(_twins(points, threshold, chunk).sum()) / (n * (n - 1))
    support = 1 / collision if collision else math.inf
    return Birthday(collision, support, math.sqrt(2 * math.log(2) * support))


def birthday_error(real: Tensor, fake: Tensor, threshold: float, chunk: int = 1000) -> float:
    """The standard error of `birthday_paradox(fake, threshold).collision`, the threshold being set on `real`.

        collision sqrt(v(real) + v(fake)),    v = (T + sum_i d_i (d_i - 1) - 4 T^2 / N) / T^2

    with T the twins among N points and d_i those of point i: v is the relative variance of a count of pairs, of which
    two that share a point are not independent. It holds for both, since another draw of the real points would have set
    the threshold elsewhere. Of no twins it is the error of one.
    """
    paired(real, fake)
    relative = []
    for points in (real, fake):
        degrees = _twins(points, threshold, chunk).double()
        twins = max(degrees.sum().item() / 2, 1.0)
        shared = (degrees * (degrees - 1)).sum().item() - 4 * twins**2 / len(points)
        relative.append(max(twins + shared, 1.0) / twins**2)
    pairs = len(fake) * (len(fake) - 1) / 2
    return twins / pairs * math.sqrt(sum(relative))


def _twins(points: Tensor, threshold: float, chunk: int) -> Tensor:
    """How many others are no further from each point than the threshold: (N,) int64."""
    close = [(rows <= threshold**2).sum(dim=1) for rows in squared_distances(points, points, chunk)]
    return torch.cat(close) - 1  # a point and itself are exactly 0 apart
