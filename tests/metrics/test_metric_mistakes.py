"""What cannot be measured is told in one line."""

from collections.abc import Callable

import pytest
import torch
from helpers.samples import normal

from gan_lab.errors import UserError
from gan_lab.metrics.classification import classification_accuracy
from gan_lab.metrics.diversity import ms_ssim_diversity
from gan_lab.metrics.frechet import extrapolated_frechet, frechet_interval
from gan_lab.metrics.kernels import gaussian_mmd, kernel_distance_of_subsets
from gan_lab.metrics.memorisation import birthday_paradox, closest_pairs
from gan_lab.metrics.modes import modes_found, stacked
from gan_lab.metrics.ndb import different_bins
from gan_lab.metrics.precision_recall import density_coverage, precision_recall
from gan_lab.metrics.probe import fit_probe
from gan_lab.metrics.scores import am_score, inception_score
from gan_lab.metrics.sliced import sliced_wasserstein
from gan_lab.metrics.two_sample import classifier_test, nearest_neighbour_test
from gan_lab.types import Batch

P = torch.full((6, 3), 1 / 3)
X = normal(20, 2)
MISTAKES: dict[str, Callable[[], object]] = {
    "too few to extrapolate": lambda: extrapolated_frechet(X, X[:19]),
    "no line": lambda: extrapolated_frechet(X, X, sizes=1),
    "no level": lambda: frechet_interval(X, X, level=1.0),
    "small clouds for subsets": lambda: kernel_distance_of_subsets(X, X),
    "no bandwidth": lambda: gaussian_mmd(X, X, bandwidth=0.0),
    "one point for all": lambda: gaussian_mmd(X[:1].expand(5, 2), X[:1].expand(5, 2)),
    "as many neighbours as points": lambda: precision_recall(X, X, k=20),
    "no neighbours": lambda: density_coverage(X, X, k=0),
    "no directions": lambda: sliced_wasserstein(X, X, directions=0),
    "unequal numbers": lambda: nearest_neighbour_test(X, X[:19]),
    "too few to hold out": lambda: classifier_test(X[:3], X),
    "more bins than points": lambda: different_bins(X, X, bins=21),
    "fewer pairs": lambda: closest_pairs(X, pairs=191),
    "a negative threshold": lambda: birthday_paradox(X, -1.0),
    "logits": lambda: inception_score(normal(5, 3)),
    "other classes": lambda: am_score(P, torch.full((6, 2), 0.5)),
    "more splits than samples": lambda: inception_score(P, splits=7),
    "no such class": lambda: modes_found(torch.tensor([3]), 3),
    "shares of other classes": lambda: modes_found(torch.tensor([1]), 3, torch.tensor([0.5, 0.5])),
    "no such digit": lambda: stacked(torch.tensor([[10, 1, 1]])),
    "no labels": lambda: classification_accuracy(Batch(X), Batch(X), Batch(X)),
    "labels missing": lambda: fit_probe(X, torch.zeros(3, dtype=torch.int64), 2),
    "one image of a class": lambda: ms_ssim_diversity(normal(3, 1, 16, 16), torch.tensor([0, 0, 1])),
    "images too small": lambda: ms_ssim_diversity(normal(3, 1, 10, 16)),
    "points for images": lambda: ms_ssim_diversity(normal(3, 256)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_answered_in_one_line(name: str) -> None:
    with pytest.raises(UserError, match=r"^[^\n]+$"):
        MISTAKES[name]()


def test_constant_features_and_equal_radii_give_numbers() -> None:
    from gan_lab.metrics.likelihood import feature_likelihood
    from gan_lab.metrics.realism import realism

    train, held_out, fake = (torch.randn(40, 2, generator=torch.Generator().manual_seed(i)) for i in range(3))
    wide = [torch.cat([x, torch.ones(40, 1)], 1) for x in (train, held_out, fake)]
    assert feature_likelihood(*wide) == feature_likelihood(train, held_out, fake)
    assert realism(torch.arange(8.0)[:, None].remainder(2), torch.ones(4, 1), k=2).isinf().all()
