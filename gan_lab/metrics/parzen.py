"""Parzen-window log-likelihood of samples (Breuleux et al. 2011; Goodfellow et al. 2014, section 5)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def parzen_log_likelihood(samples: Tensor, data: Tensor, sigma: float, chunk: int = 1000) -> Tensor:
    """log p(x) in nats for each row of `data` (M, d), where p is a mixture of N Gaussians N(s_i, sigma^2 I): (M,).

        log p(x) = logsumexp_i(-||x - s_i||^2 / (2 sigma^2)) - log N - d log(sigma sqrt(2 pi))

    `samples` is (N, d). Computed in float64, `chunk` rows of data at a time.
    """
    samples, dim = samples.double(), samples.shape[1]
    constant = math.log(len(samples)) + dim * math.log(sigma * math.sqrt(2 * math.pi))
    parts = []
    for part in data.double().split(chunk):
        distances = torch.cdist(part, samples, compute_mode="use_mm_for_euclid_dist").square()
        parts.append(torch.logsumexp(distances / (-2 * sigma**2), dim=1) - constant)
    return torch.cat(parts)


def best_sigma(samples: Tensor, held_out: Tensor, sigmas: Sequence[float]) -> tuple[float, float]:
    """The sigma with the highest mean log-likelihood on held-out data, and that mean."""
    means = [(parzen_log_likelihood(samples, held_out, s).mean().item(), s) for s in sigmas]
    mean, sigma = max(means)
    return sigma, mean
