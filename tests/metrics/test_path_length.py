"""Perceptual path length against closed forms."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.samples import SHAPE, Knowing, chunks, images, metric_of, styled
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.features.extractors import Pixels
from gan_lab.latents import Normal, Uniform
from gan_lab.metrics.path_length import arc, centre, neighbours_on_paths, path_length, reduced, rounded
from gan_lab.metrics.samples import RealSamples, Samples
from gan_lab.sampling import Trained

DIM = 5


class Affine(nn.Module):
    """w = B z, x = A w: a generator with styles, of points."""

    centre = torch.zeros(DIM, dtype=torch.float64)

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (torch.randn(DIM, DIM, generator=draws(seed), dtype=torch.float64) for seed in (1, 2))

    def styles(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return (z @ self.b.T)[:, None]

    def synthesise(self, w: Tensor) -> Tensor:
        return w[:, 0] @ self.a.T

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return self.synthesise(self.styles(z))


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ends(n: int = 40) -> tuple[Tensor, Tensor]:
    a, b = torch.randn(2, n, DIM, generator=draws(0), dtype=torch.float64).unbind()
    return a, b


def squared(pair: tuple[Tensor, Tensor], epsilon: float) -> Tensor:
    return (pair[1] - pair[0]).square().sum(1) / epsilon**2


@pytest.mark.parametrize("at", [0.0, 0.6])
def test_of_a_linear_generator_it_is_known(at: float) -> None:
    """On a line it is |A B (b - a)|^2; on a circle of radius sqrt(d) the speed times the angle, along the tangent."""
    network, (a, b), t = Affine(), ends(), torch.full((40,), at, dtype=torch.float64)
    trained = Trained(network, Normal(DIM))
    straight = neighbours_on_paths(trained, (a, b), t, None, 1e-4, "w")
    assert torch.allclose(straight[0], network(torch.lerp(a, b, t[:, None])))
    assert torch.allclose(squared(straight, 1e-4), network(b - a).square().sum(1), rtol=1e-6)

    one, other = (nn.functional.normalize(x, dim=1) for x in (a, b))
    angle = torch.acos((one * other).sum(1, keepdim=True))
    turned = nn.functional.normalize(other - torch.cos(angle) * one, dim=1)
    tangent = torch.cos(angle * at) * turned - torch.sin(angle * at) * one
    expected = network(math.sqrt(DIM) * angle * tangent).square().sum(1)
    found = neighbours_on_paths(trained, (a, b), t, None, 1e-5, "z")
    assert torch.allclose(squared(found, 1e-5), expected, rtol=1e-3)
    assert torch.allclose(arc(a, b, torch.ones(40)), math.sqrt(DIM) * other)


def test_outliers_are_left_out_as_numpy_counts_them() -> None:
    distances = torch.rand(777, generator=draws(3), dtype=torch.float64).square()
    x = distances.numpy()
    low, high = np.percentile(x, 1, method="lower"), np.percentile(x, 99, method="higher")
    assert path_length(distances).numpy().tolist() == x[(x >= low) & (x <= high)].tolist()


def test_what_is_looked_at() -> None:
    x = torch.arange(64.0).view(1, 1, 8, 8)
    assert torch.equal(centre(x), x[:, :, 3:7, 2:6])
    assert reduced(x) is x
    large = torch.rand(1, 1, 512, 512, generator=draws(0))
    assert torch.allclose(reduced(large)[0, 0, 3, 5], large[0, 0, 6:8, 10:12].mean())
    with pytest.raises(UserError, match="crop: needs square images"):
        centre(torch.zeros(1, 1, 8, 16))


def measured(trained: Trained | None, see: Any, tmp_path: Path, **settings: Any) -> dict[str, float]:
    real = RealSamples(chunks(images(0)), see, 60, tmp_path)
    return metric_of("ppl", **settings)(real, Samples(chunks(images(1)), see, 60, trained=trained))  # type: ignore[no-any-return]


def test_a_rougher_generator_has_a_longer_path(tmp_path: Path) -> None:
    class Scaled(nn.Module):
        def __init__(self, size: float) -> None:
            super().__init__()
            self.size = size

        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return self.size * z.view(-1, 1, 2, 2).repeat(1, 1, 8, 8)

    one, two = (measured(Trained(Scaled(size), Normal(4)), Knowing(), tmp_path) for size in (0.1, 0.2))
    assert two["ppl"] == pytest.approx(4 * one["ppl"], rel=1e-2)
    assert 0 < one["ppl/error"] < one["ppl"]


def test_what_is_not_defined_is_refused(tmp_path: Path) -> None:
    class Rounding(Pixels):
        def __call__(self, x: Tensor) -> Tensor:
            return super().__call__(rounded(x))

    class Plain(nn.Module):
        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return z[:, :1, None, None].expand(-1, *SHAPE)

    for trained, see, settings, says in (
        (None, Pixels(), {}, "asks the generator itself"),
        (styled(), Rounding(), {}, "round images to bytes"),
        (Trained(Plain(), Normal(4)), Pixels(), {"space": "w"}, "space=w: Plain has no styles; take space=z"),
        (Trained(Plain(), Uniform(4)), Pixels(), {}, "space=z: takes great circles"),
    ):
        with pytest.raises(UserError, match=says):
            measured(trained, see, tmp_path, **settings)
    assert measured(styled(), Pixels(), tmp_path, space="w")["ppl"] > 0
