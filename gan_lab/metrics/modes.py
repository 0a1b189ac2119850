"""Which of the data's known classes does the generator draw, and in their true shares?"""

import math
from typing import NamedTuple

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
