"""Classification accuracy of a learner trained on labelled samples."""

from typing import NamedTuple

import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.probe import fit_probe
from gan_lab.types import Batch


class Accuracies(NamedTuple):
    """Shares of right answers, by what was learnt from and what was asked; `real` is the yardstick of the others."""

    train_on_fake: float
    test_on_fake: float
    real: float


def classification_accuracy(fake: Batch, train: Batch, test: Batch, hidden: int = 0, seed: int = 0) -> Accuracies:
    """The classification accuracy score and its reverse, of points or features (N, ...) with labels (N,).

    * train_on_fake: learnt from the fakes, asked about real test points: the CAS (Ravuri & Vinyals 2019), or
      GAN-train (Shmelkov et al. 2018, section 3). Higher is better: samples must be recognisable and varied.
    * test_on_fake: learnt from real training points, asked about the fakes: GAN-test. Best near `real`: above it where
      samples are all too typical, as of a collapsed generator; low where they are poor, or not of the class that was
      asked for.
    * real: learnt from real training points, asked about real test points.

    The learner is `fit_probe`: logistic regression, or a perceptron with `hidden` ReLUs. Give as many fakes as real
    training points. Where the fakes' labels are those that a conditional generator was asked for, `real` minus
    train_on_fake is the accuracy part of the boundary distortion (Santurkar et al. 2018), too.

    Raises:
        UserError: a batch has no labels, or points of another shape.
    """
    fake_y, train_y, test_y = (labels(batch, test) for batch in (fake, train, test))
    classes = 1 + int(torch.cat([fake_y, train_y, test_y]).max())
    of_fakes = fit_probe(fake.x, fake_y, classes, hidden, seed=seed)
    of_reals = fit_probe(train.x, train_y, classes, hidden, seed=seed)

    def share(right: Tensor) -> float:
        return right.double().mean().item()

    return Accuracies(
        share(of_fakes(test.x) == test_y), share(of_reals(fake.x) == fake_y), share(of_reals(test.x) == test_y)
    )


def labels(batch: Batch, test: Batch) -> Tensor:
    """Those of a batch that has one for each point, and points like the test points."""
    if batch.y is None or batch.y.shape != batch.x.shape[:1] or batch.x.shape[1:] != test.x.shape[1:]:
        raise UserError(
            f"points {tuple(batch.x.shape)}: must have a label each, and the shape of test points {tuple(test.x.shape)}"
        )
    return batch.y
