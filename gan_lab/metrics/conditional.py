"""Metrics of conditional generators: agreement with the condition, and diversity of answers.

Of predicted classes (see `gan_lab.features.classifier`) and of several completions of each input.
"""

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from gan_lab.errors import UserError


def accuracy_by_class(predicted: Tensor, asked: Tensor, num_classes: int) -> Tensor:
    """Of the samples that were asked to show class c, the share that does: (K,) float64, NaN where none was asked.

    `predicted` and `asked` are classes (N,) in 0..K-1. Where each class was asked for equally often, the mean over
    classes is the share of all.
    """
    if predicted.shape != asked.shape or asked.ndim != 1:
        raise UserError(f"one class asked for each predicted, (N,): {tuple(predicted.shape)}, {tuple(asked.shape)}")
    right = torch.bincount(asked[predicted == asked], minlength=num_classes)
    return right.double() / torch.bincount(asked, minlength=num_classes)


def distinct_classes(predicted: Tensor) -> Tensor:
    """How many different classes there are among the k completions of each input: (N, k) to (N,) int64 in 1..k."""
    if predicted.ndim != 2 or predicted.shape[1] == 0:
        raise UserError(f"classes of k completions per input have shape (N, k), not {tuple(predicted.shape)}")
    return 1 + predicted.sort(dim=1).values.diff(dim=1).ne(0).sum(dim=1)


def pairwise_distance(completions: Tensor) -> Tensor:
    """The mean Euclidean distance between two of the k >= 2 completions of each input: (N, k, ...) to (N,) float64.

        2 / (k (k - 1)) sum_{i < j} ||x_i - x_j||

    Zero where the noise is ignored and all answers are one. What an input fixes (known pixels) adds nothing.
    """
    if completions.ndim < 3 or completions.shape[1] < 2:
        raise UserError(f"two or more completions per input, (N, k, ...), are needed: {tuple(completions.shape)}")
    x, k = completions.flatten(2).double(), completions.shape[1]
    # Without matrix products, which would leave twins at a distance of some 1e-7.
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").sum(dim=(1, 2)) / (k * (k - 1))


def matched_accuracy(codes: Tensor, classes: Tensor) -> float:
    """The share of samples whose code stands for their class, under the best one-to-one assignment of codes to classes.

    Both (N,) int64. The purity of a clustering whose clusters may not share a class: 1/K by chance for K of each.
    """
    if codes.shape != classes.shape or codes.ndim != 1 or not len(codes):
        raise UserError(f"one class for each code, (N,): {tuple(codes.shape)}, {tuple(classes.shape)}")
    k = int(classes.max()) + 1
    table = torch.bincount(codes * k + classes, minlength=(int(codes.max()) + 1) * k).view(-1, k)
    rows, columns = linear_sum_assignment(table.cpu().numpy(), maximize=True)
    return int(table[rows, columns].sum()) / len(codes)
