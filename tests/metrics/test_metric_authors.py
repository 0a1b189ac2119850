"""Measures beside their authors' code: constants are what that gave for the same points (docs/papers.md)."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.metrics.distances import frechet_by_class, frechet_distance
from gan_lab.metrics.likelihood import feature_likelihood
from gan_lab.metrics.memorisation import authenticity, copying_by_cells
from gan_lab.metrics.parzen import parzen_log_likelihood
from gan_lab.metrics.realism import rarity, realism
from gan_lab.metrics.texts import clip_scores
from gan_lab.metrics.vendi import vendi_score


def cloud(seed: int, n: int) -> Tensor:
    """Three modes in six dimensions."""
    draw = np.random.RandomState(seed)
    x: Any = draw.randn(n, 6) * np.linspace(0.5, 1.5, 6)
    x[:, 0] += 8 * draw.randint(3, size=n)
    return torch.from_numpy(x)


TRAIN, HELD_OUT = cloud(1, 120), cloud(2, 90)
FAKE = 1.1 * cloud(3, 100)
FAKE[:30] = TRAIN[:30] + 0.02 * cloud(4, 30)  # copies


def test_realism() -> None:
    """Of layer6ai-labs/dgm-eval 74c79f7, prdc.py, each sample's."""
    found = realism(TRAIN, FAKE)
    assert found[:3].tolist() == pytest.approx([0.74238222, 1.15660593, 27.40368993], rel=1e-7)
    assert found.quantile(0.5).item() == pytest.approx(0.9022213919170554, rel=1e-8)


def test_rarity() -> None:
    """Of hichoe95/Rarity-Score ec2ebd8, of those that have one."""
    found = rarity(TRAIN, FAKE)
    assert len(found) == 79
    assert found.mean().item() == pytest.approx(2.011856702943904, rel=1e-8)


def test_parzen_log_likelihood() -> None:
    """Of goodfeli/adversarial 1720041, parzen_ll.py: 40 samples, sigma 0.3."""
    samples, x = (torch.from_numpy(np.random.RandomState(seed).randn(n, 6)) for seed, n in ((130, 40), (131, 7)))
    expected = [
        -20.288449582079096, -19.214442615906812, -11.718442410127606, -14.769562327597908, -9.69706891762151,
        -13.25158864963574, -18.139188922340068,
    ]  # fmt: skip
    assert parzen_log_likelihood(samples, x, 0.3).tolist() == pytest.approx(expected, rel=1e-12)


def test_vendi_score() -> None:
    """Of vertaix/Vendi-Score c791c30; and what it means: n different points, or k groups of equal ones."""
    assert vendi_score(FAKE) == pytest.approx(2.955659722064485, rel=1e-9)
    assert vendi_score(torch.eye(7)) == pytest.approx(7)
    assert vendi_score(torch.eye(7)[:4].repeat(5, 1)) == pytest.approx(4)


def test_clip_score() -> None:
    """Of jmhessel/clipscore 1036465, clipscore.py (get_clip_score), for embeddings of images and of texts."""
    images = np.random.RandomState(140).randn(6, 5)
    texts = np.random.RandomState(141).randn(6, 5) + 0.4 * images
    expected = [1.7711465114817047, 2.3074736399335025, 0, 0.8305527549208834, 1.8444814154939337, 1.9651863924112842]
    found = clip_scores(torch.from_numpy(images), torch.from_numpy(texts))
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_authenticity() -> None:
    """Of dgm-eval, authpct.py; copies have none, and points apart from all data have all."""
    assert 100 * authenticity(TRAIN, FAKE) == pytest.approx(45.0)
    assert authenticity(TRAIN, TRAIN) == 0
    assert authenticity(TRAIN, HELD_OUT + 100) == 1


def test_copying_by_cells() -> None:
    """Of dgm-eval, ct.py, after casey-meehan/data-copying; any k-means finds the three modes."""
    assert copying_by_cells(TRAIN, HELD_OUT, FAKE) == pytest.approx(-0.44852182468221496, rel=1e-9)
    assert copying_by_cells(TRAIN, HELD_OUT, TRAIN) < -5
    for settings, says in (({"cells": 3, "least": 99}, "no cell has so many of the 100 fakes"),
                           ({"cells": 119}, "no held-out point lies in one of them")):  # fmt: skip
        with pytest.raises(UserError, match=says):
            copying_by_cells(TRAIN, HELD_OUT, FAKE, **settings)


def test_feature_likelihood() -> None:
    """Of marcojira/fld ffbbf20, its shuffling left out, in double precision but for what it stores in single."""
    found = feature_likelihood(TRAIN, HELD_OUT, FAKE)
    assert found.value == pytest.approx(14.2238705158507, rel=1e-6)
    assert found.gap == pytest.approx(-89.03194493325462, rel=1e-6)
    copies = feature_likelihood(TRAIN, HELD_OUT, TRAIN + 1e-3 * cloud(5, 120))
    assert copies.value > 100 and copies.gap < -100


def test_frechet_by_class() -> None:
    """The mean of distances within classes; it sees that classes are exchanged, which the distance of all does not."""
    y = (TRAIN[:, 0] / 8).round().long()
    other, y_other = cloud(2, 120), (cloud(2, 120)[:, 0] / 8).round().long()
    expected = [frechet_distance(TRAIN[y == c], other[y_other == c]) for c in range(3)]
    assert frechet_by_class(TRAIN, y, other, y_other) == pytest.approx(sum(expected) / 3, rel=1e-12)
    assert frechet_by_class(TRAIN, y, TRAIN, (y + 1) % 3) > 50
    with pytest.raises(UserError, match="class 2: has .* real and 0 generated samples; a covariance needs two of each"):
        frechet_by_class(TRAIN, y, other, y_other.clamp_max(1))
