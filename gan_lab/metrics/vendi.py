"""Vendi score: the effective number of different samples."""

import torch
from torch import Tensor

from gan_lab.metrics.pairwise import paired
from gan_lab.metrics.scores import entropy


def vendi_score(points: Tensor, chunk: int = 1000) -> float:
    """The effective number of different points (N, d), 1 to min(N, d): higher is more diverse (Friedman & Dieng 2023).

        exp(-sum_i l_i log l_i),    l = the eigenvalues of K / N,    K_ij = cos(x_i, x_j)

    in float64, from the d x d matrix that has the same eigenvalues but for zeros. It sees no data, and noise is most
    diverse of all: compare with what real points get, at equal N.
    """
    paired(points, points)
    second = torch.zeros(2 * points.shape[1:], dtype=torch.float64, device=points.device)
    for part in points.split(chunk):
        x = torch.nn.functional.normalize(part.double(), dim=1)
        second += x.T @ x
    values = torch.linalg.eigvalsh(second / len(points)).clamp_min(0)
    return entropy(values / values.sum()).exp().item()
