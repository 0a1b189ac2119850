"""Coverage of known classes or modes, and their shares."""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gan_lab.errors import UserError


class Modes(NamedTuple):
    """How many of the K classes are drawn, and KL(their shares || the true ones) in nats."""

    number: int
    kl: float


def modes_found(classes: Tensor, num_classes: int, shares: Tensor | None = None) -> Modes:
    """Stacked-MNIST's protocol (Metz et al. 2017, section 3.3.1): the more modes and the lower KL, the better.

        KL(q || p) = sum_c q_c log(q_c / p_c)

    with q the shares of the predicted `classes` (N,) in 0..K-1 of the samples, and p the true ones (K,), by default all
    equal. Stacked MNIST has K = 1,000, from `stacked` digits, and 26,000 samples there and after (Lin et al. 2018,
    section 4.1: 26,000; 25,600 in Metz et al.). At N samples the truth itself has KL of about (K - 1) / (2 N), and
    misses K (1 - 1/K)^N modes. A classifier's mistakes count as modes: quote what it says of real images beside it.

    Raises:
        UserError: a class or a share that cannot be; classes that the data never show, but the generator does, make
            the KL infinite and are no mistake.
    """
    if classes.ndim != 1 or not len(classes) or classes.min() < 0 or classes.max() >= num_classes:
        raise UserError(f"classes {tuple(classes.shape)}: must be (N,), N at least 1, and each in 0..{num_classes - 1}")
    q = torch.bincount(classes, minlength=num_classes).double() / len(classes)
    p = torch.full_like(q, 1 / num_classes) if shares is None else shares.to(q)
    if p.shape != q.shape or (p < 0).any() or not math.isclose(p.sum().item(), 1, abs_tol=1e-6):
        raise UserError(f"shares {tuple(p.shape)}: must be ({num_classes},), not negative, and sum to 1")
    kl = torch.special.xlogy(q, q) - torch.special.xlogy(q, p)
    return Modes(int((q > 0).sum()), kl.sum().item())


def stacked(digits: Tensor, num_classes: int = 10) -> Tensor:
    """The mode of an image from the class of each of its channels: (N, C) to (N,) in 0..num_classes^C - 1.

    The first channel counts most: digits (2, 0, 7) are mode 207 of 1,000.
    """
    if digits.ndim != 2 or digits.min() < 0 or digits.max() >= num_classes:
        raise UserError(
            f"digits {tuple(digits.shape)}: must be (N, C), a class in 0..{num_classes - 1} for each channel"
        )
    places = num_classes ** torch.arange(digits.shape[1] - 1, -1, -1, device=digits.device)
    return (digits * places).sum(dim=1)


class Mixture(Protocol):
    """Data of which the modes are known: their centres (K, d), and how wide each is, in the data's units."""

    means: Tensor
    sigma: float


class Coverage(NamedTuple):
    """What of a mixture's modes G has found."""

    modes: float
    high_quality: float
    kl: float


def coverage(samples: Tensor, means: Tensor, sigma: float) -> Coverage:
    """PacGAN's protocol (Lin et al. 2018, section 4.1), of 2,500 samples there; samples (N, d), means (K, d).

    A sample belongs to its nearest mode, and is of high quality within 3 sigma of it.

    * modes: how many modes have a sample of high quality (at most K).
    * high_quality: the share of such samples (of the truth itself in two dimensions: 0.989).
    * kl: KL(samples' shares of the K modes || uniform) in nats: 0 to log K.
    """
    distances = torch.cdist(samples, means.to(samples), compute_mode="donot_use_mm_for_euclid_dist")
    distance, mode = distances.min(dim=1)
    good = distance <= 3 * sigma
    shares = torch.bincount(mode, minlength=len(means)) / len(samples)
    kl = math.log(len(means)) + torch.special.xlogy(shares, shares).sum()
    return Coverage(float(len(mode[good].unique())), good.float().mean().item(), kl.item())
