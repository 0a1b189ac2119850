"""Embedding of real and generated samples in the plane: t-SNE of their features."""

import torch
from torch import Tensor

from gan_lab.analysis.subject import Finding, Subject
from gan_lab.plots.analyses import scatter

MOST, PERPLEXITY = 600, 30.0  # samples of each kind


def perplexity_of(points: int) -> float:
    """30, or what so few points allow."""
    return min(PERPLEXITY, (points - 1) / 3)


def tsne(points: Tensor, seed: int) -> Tensor:
    """t-SNE (van der Maaten & Hinton 2008) of points (N, d): (N, 2), started from their principal components.

    The same seed gives the same.
    """
    from sklearn.manifold import TSNE

    shown = TSNE(2, perplexity=perplexity_of(len(points)), init="pca", random_state=seed % 2**32)
    return torch.from_numpy(shown.fit_transform(points.double().numpy()))


def analyse(subject: Subject) -> Finding:
    """Real and generated samples in one plane; where one kind lies alone, the other lacks a mode or has one more."""
    n = min(MOST, subject.real.n, subject.fake.n)
    both = tsne(torch.cat([subject.real.features[:n], subject.fake.features[:n]]), subject.seed)
    return Finding(
        scatter(both[:n], both[n:]),
        f"t-SNE of {subject.features}, {n} real and {n} generated samples together, perplexity "
        f"{perplexity_of(2 * n):.3g}. Who lies beside whom says something; distances between groups, and "
        "their sizes, say nothing.",
    )
