"""Ways of sampling beside their authors' own code (docs/papers.md)."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.authors import numbers, sums
from torch import Tensor, nn

from gan_lab.latents import Normal
from gan_lab.sampling import StandingStatistics, Trained
from gan_lab.sampling.langevin import moved
from gan_lab.sampling.metropolis_hastings import chained
from gan_lab.sampling.rejection import odds
from gan_lab.types import DiscriminatorOutput


def rejection() -> list[float]:
    """The probabilities of acceptance of 40 logits, of which the largest so far was one higher."""
    d = 2 * numbers(110, 40)
    f = odds(d, d.max() + 1)
    p = torch.sigmoid(f - f.quantile(0.95))
    return [float(p.sum()), *sums(p)]


def metropolis_hastings() -> list[float]:
    """The states of a chain that starts in the first of 40 logits, after each of the others."""
    d, u = 2 * numbers(110, 40), torch.from_numpy(np.random.RandomState(111).rand(40))
    ends = [0.0]
    for length in range(1, 40):
        given = iter([(torch.tensor([float(i)]), d[i : i + 1], u[i : i + 1]) for i in range(1, 40)])
        proposals: Any = SimpleNamespace(next=lambda rows, given=given: next(given))
        samples, has_moved = chained(proposals, [0], d[:1], lambda d: d, length)
        ends.append(float(samples) if has_moved else 0.0)
    return ends


def langevin() -> list[float]:
    """z after five steps."""
    a, w, v = (numbers(seed, *shape) for seed, shape in ((100, (3, 4)), (101, (4, 5)), (102, (5,))))

    class G(nn.Module):
        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return torch.tanh(z @ a)

    class D(nn.Module):
        def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
            return DiscriminatorOutput(torch.tanh(x @ w) @ v)

    z = numbers(103, 6, 3)
    for noise in numbers(112, 5, 6, 3):
        z = moved(Trained(G(), Normal(3), discriminator=D()), Normal(3), z, None, 0.1, 0.5 * noise)
    return sums(z)


def standing_statistics() -> list[float]:
    """Samples after three batches of six."""
    a, scale, shift = numbers(100, 3, 4), numbers(120, 1, 4, 3, 3), numbers(121, 1, 4, 3, 3)

    class G(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(4, affine=False).double()

        def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return self.norm(torch.tanh(z @ a)[:, :, None, None] * scale + shift)  # type: ignore[no-any-return]

    drawn = iter([numbers(113 + i, 6, 3) for i in range(3)])
    latent: Any = SimpleNamespace(sample=lambda n, generator: next(drawn), truncate=lambda z, truncation: z)
    sampler = StandingStatistics(batches=3, batch_size=6).sampler(Trained(G().eval(), latent))
    return sums(sampler(numbers(118, 6, 3), None, 0))


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
    "rejection": (
        rejection, [4.151142024008256, 2.527143710028159, -0.3847339370514901, -1.1572594981377713], 1e-12,
    ),
    "metropolis_hastings": (
        metropolis_hastings,
        [0, 0, 2, 2, 4, 5, 6, 7, 7, 9, 9, 9, 12, 12, 14, 15, 16, 17, 18, 18, 18, *[21] * 5, *[26] * 14],
        0,
    ),
    "langevin": (langevin, [-4.223702426792425, -3.2959446469681684, 14.51750626493111], 1e-12),
    "standing_statistics": (  # whose statistics are in single precision
        standing_statistics, [1.8184956194668978, 1.610253688693554, -25.90555771241489], 1e-6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)
