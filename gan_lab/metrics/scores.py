"""Scores of class probabilities, such as the Inception score.

Probabilities are (N, K), rows summing to one, of a classifier that was trained on real images: Inception's for the
published Inception scores, another's for scores of the same kind on its own scale.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.seeding import derive_seed


class Score(NamedTuple):
    """Mean and standard deviation (that of the splits themselves) over splits."""

    mean: float
    std: float


def inception_score(probabilities: Tensor, splits: int = 10, seed: int = 0) -> Score:
    """The Inception score, 1 to K: higher is better (Salimans et al. 2016, section 4).

        exp(E_x KL(p(y | x) || p(y))) = exp(H(y) - H(y | x))

    with p(y) the mean over one split, in float64; mean and standard deviation over `splits` random parts (their ten of
    5,000). It falls as a part gets smaller. It never sees a real image: a generator that knows one sample of each
    class by heart has the best score.
    """
    distributions(probabilities)
    if not 1 <= splits <= len(probabilities):
        raise UserError(f"splits={splits}: must be 1 to {len(probabilities)}, the number of samples")
    rng = torch.Generator().manual_seed(derive_seed(seed, "splits"))
    order = torch.randperm(len(probabilities), generator=rng).to(probabilities.device)
    parts = probabilities.double()[order].tensor_split(splits)
    scores = torch.stack([torch.exp(entropy(p.mean(dim=0)) - entropy(p).mean()) for p in parts])
    return Score(scores.mean().item(), scores.std(correction=0).item())


def inception_score_bias(probabilities: Tensor, splits: int = 10) -> float:
    """How much parts of finite size take off the Inception score, to first order: not positive.

        -IS / (2 n) sum_y Var p(y | x) / p(y)

    with n the samples of one part: the bias of the entropy of a mean of n distributions. At most IS (K - 1) / (2 n).
    """
    distributions(probabilities)
    p, n = probabilities.double(), len(probabilities) / splits
    mean = p.mean(dim=0)
    lost = torch.where(mean > 0, p.var(dim=0) / mean, 0).sum().item() / (2 * n)
    return -inception_score(probabilities, 1).mean * lost


def modified_inception_score(probabilities: Tensor) -> float:
    """The m-IS, at least 1: higher is better, and rewards variety within a class (Gurumurthy et al. 2017, section 4.1).

        exp(E_i E_j KL(p(y | x_i) || p(y | x_j)))    over x_i, x_j of one class; averaged over the classes

    in float64; the class of a sample is its likeliest one, and classes of no sample are left out. Infinite where a
    probability is zero and another of its class is not. It takes a classifier's doubt for variety.
    """
    distributions(probabilities)
    classes, within = probabilities.argmax(dim=1), []
    for label in classes.unique():
        p = probabilities[classes == label].double()
        # E_i E_j sum_y p_i log(p_i / p_j) = -E H(p_i) - sum_y (E p_i) (E log p_j), and 0 log 0 is 0
        mean = p.mean(dim=0)
        cross = torch.where(mean > 0, mean * p.log().mean(dim=0), 0).sum()
        within.append(torch.exp(-entropy(p).mean() - cross))
    return torch.stack(within).mean().item()


def am_score(real: Tensor, fake: Tensor) -> float:
    """The AM score in nats: 0 at best, lower is better (Zhou et al. 2018).

        KL(p_data(y) || p(y)) + E_x H(y | x)

    of probabilities of real (N, K) and generated (M, K) images. Unlike the Inception score it knows the classes' true
    shares, which need not be equal. Infinite where a class of the data is never generated.
    """
    distributions(real, fake)
    shares, generated = real.double().mean(dim=0), fake.double()
    return (divergence(shares, generated.mean(dim=0)) + entropy(generated).mean()).item()


def distributions(*probabilities: Tensor) -> None:
    """Rows of probabilities (N, K), all of one K.

    Raises:
        UserError: they are something else, such as logits.
    """
    for p in probabilities:
        shape = tuple(p.shape)
        if p.ndim != 2 or not p.numel() or p.shape[1] != probabilities[0].shape[1]:
            raise UserError(f"class probabilities {shape}: must be (N, K), N at least 1, of the same K classes each")
        if not ((p >= 0).all() and ((p.double().sum(dim=1) - 1).abs() < 1e-3).all()):
            raise UserError(
                f"class probabilities {shape}: rows must not be negative, and sum to 1; apply a softmax to logits"
            )


def entropy(p: Tensor) -> Tensor:
    """-sum_y p log p in nats over the last dimension."""
    return torch.special.entr(p).sum(dim=-1)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) = sum p log(p / q) in nats of two distributions (K,): infinite where q is 0 and p is not."""
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum()
