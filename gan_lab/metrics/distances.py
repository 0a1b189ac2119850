"""Distances between two sets of points: Frechet, kernel, and the error of the nearest neighbour."""

import math

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.pairwise import paired
from gan_lab.seeding import derive_seed


def nearest_neighbour_error(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor, chunk: int = 1000
) -> float:
    """The share of test points whose nearest training point (Euclidean) has another label.

    With generated training points and real test points, the DCGAN paper's question (Radford, Metz & Chintala 2016,
    appendix on MNIST): do samples teach as well as the real images do? Its table has the error at 50,000 and at ten
    million samples; its code also watches 1,000, 10,000 and 100,000 of them. An error counts both samples of the wrong
    class and modes that are missing, and means something only beside that of as many real images.

    Points are (N, ...) with labels (N,). Computed in float64, `chunk` test points at a time; of training points at
    the same distance, any may be taken.
    """
    if len(train) != len(train_labels) or len(test) != len(test_labels) or train.shape[1:] != test.shape[1:]:
        shapes = [tuple(t.shape) for t in (train, train_labels, test, test_labels)]
        raise UserError(f"training and test points need one shape, and a label each: {shapes}")
    train, wrong = train.flatten(1).double(), 0
    for points, labels in zip(test.split(chunk), test_labels.split(chunk), strict=True):
        distances = torch.cdist(points.flatten(1).double(), train, compute_mode="use_mm_for_euclid_dist")
        wrong += int((train_labels[distances.argmin(dim=1)] != labels).sum())
    return wrong / len(test)


def frechet_distance(x: Tensor, y: Tensor) -> float:
    """The squared Frechet (2-Wasserstein) distance between the Gaussians of two clouds (N, F) and (M, F), in float64.

        d^2 = ||m_x - m_y||^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))

    (Dowson & Landau 1982), with the mean m and the unbiased covariance C of each. With features of an Inception
    network it is the FID (Heusel et al. 2017). Biased upwards at finite N and M, so compare at equal numbers only.
    """
    paired(x, y)
    return between_gaussians(gaussian(x), gaussian(y))


def frechet_by_class(real: Tensor, real_labels: Tensor, fake: Tensor, fake_labels: Tensor) -> float:
    """The mean over classes of the Frechet distance within a class: the intra-FID (Miyato & Koyama 2018, section 5).

    Points (N, d) and (M, d) with labels (N,) and (M,). It sees variety within a class, which the distance of all points
    hides where classes differ. Far more biased than that, since a class has few points.

    Raises:
        UserError: a class has fewer than two points on either side.
    """
    values = []
    for label in real_labels.unique():
        x, y = real[real_labels == label], fake[fake_labels == label]
        if min(len(x), len(y)) < 2:
            raise UserError(
                f"class {int(label)}: has {len(x)} real and {len(y)} generated samples; a covariance needs two of each"
            )
        values.append(frechet_distance(x, y))
    return math.fsum(values) / len(values)


def between_gaussians(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> float:
    """The same of two Gaussians, each a mean (F,) and a root R (r, F) of its covariance R^T R."""
    (m_x, r_x), (m_y, r_y) = x, y
    # With C = R^T R, the eigenvalues of C_x C_y are the squared singular values of R_x R_y^T. These exist to full
    # precision where C is singular, as with fewer points than features, and a square root of a matrix is not.
    root = torch.linalg.svdvals(r_x @ r_y.T).sum()
    return ((m_x - m_y).square().sum() + r_x.square().sum() + r_y.square().sum() - 2 * root).item()


def gaussian(x: Tensor, chunk: int = 10_000) -> tuple[Tensor, Tensor]:
    """The mean (F,) of points (N, F), and R (min(N, F), F) with R^T R = their covariance.

    Holds `chunk` points in float64 at a time: the root of all is that of the rows before and of the next ones.
    """
    parts = x.split(chunk)
    mean = torch.stack([part.double().sum(dim=0) for part in parts]).sum(dim=0) / len(x)
    root = x.new_zeros(0, x.shape[1], dtype=torch.float64)
    for part in parts:
        root = torch.linalg.qr(torch.cat([root, part.double() - mean]), mode="r").R
    return mean, root / math.sqrt(len(x) - 1)


def kernel_distance(x: Tensor, y: Tensor, blocks: int = 10, seed: int = 0) -> tuple[float, float]:
    """The squared maximum mean discrepancy of two clouds (N, F) and (M, F), and its standard error, in float64.

        MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),    k(a, b) = (a . b / F + 1)^3

    with x', y' independent of x, y: the estimator leaves out k(x_i, x_i), is unbiased at any number of points, and
    may be negative. It is the KID (Binkowski et al. 2018), and like theirs the mean over `blocks` disjoint parts of the
    clouds, whose spread gives the error (NaN for one block). The parts are random: consecutive points could be of one
    class, and parts with equal shares of each class would be biased, since a point has one neighbour less in its own.
    They do not depend on the order of the points.
    """
    paired(x, y)
    if min(len(x), len(y)) < 2 * blocks:
        raise UserError(f"needs {2 * blocks} points or more of each, two a block; there are {len(x)} and {len(y)}")
    rng = torch.Generator().manual_seed(derive_seed(seed, "blocks"))
    parts = [z.double()[random_order(z, rng)].tensor_split(blocks) for z in (x, y)]
    values = torch.stack([unbiased_mmd(a, b) for a, b in zip(*parts, strict=True)])
    error = values.std().item() / math.sqrt(blocks) if blocks > 1 else math.nan
    return values.mean().item(), error


def random_order(points: Tensor, rng: torch.Generator) -> Tensor:
    """Indices (N,) that put the points (N, F) into a random order.

    It follows from the generator and the points' values, not from their order, which may be that of files or of
    classes: they are first sorted along a fixed random direction. What is drawn then depends on the values, too: were
    the same ranks drawn of every set, an error that is estimated from parts would be off by the same factor for all.
    Points that differ by rounding alone may change places.
    """
    direction = torch.randn(points.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = points.split(1000)  # all in float64 would take gigabytes
    values = torch.cat([(part.double() * direction.to(part.device)).sum(1) for part in parts])
    drawn = int(torch.randint(2**62, (), generator=rng))
    spread = (values - values.mean()).abs().sum().item()  # six digits of it, which rounding seldom alters
    own = torch.Generator().manual_seed(derive_seed(drawn, f"{spread:.6g}"))
    return values.argsort(stable=True)[torch.randperm(len(points), generator=own).to(points.device)]


def unbiased_mmd(x: Tensor, y: Tensor) -> Tensor:
    n, m = len(x), len(y)
    k_xx, k_yy, k_xy = ((a @ b.T / a.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    within_x = (k_xx.sum() - k_xx.trace()) / (n * (n - 1))
    within_y = (k_yy.sum() - k_yy.trace()) / (m * (m - 1))
    return within_x + within_y - 2 * k_xy.mean()
