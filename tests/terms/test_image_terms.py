"""Laws of the image terms."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.data.degradation import LowResolution, Upper
from gan_lab.errors import UserError
from gan_lab.terms import Consistency, ModeSeeking, ModeSeekingInverse, Reconstruction

X = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_reconstruction_and_consistency_are_their_formulas(power: float) -> None:
    fake = X.roll(1, 0)
    y = LowResolution(3)(X)
    context = SimpleNamespace(real=X, fake=fake, y=y, condition=y)
    apart = sum(abs(a - b) ** power for a, b in zip(fake.flatten().tolist(), X.flatten().tolist(), strict=True))
    assert Reconstruction(2.0, power=power)(context, 0).item() == pytest.approx(2 * apart / X.numel(), rel=1e-5)
    small, y = LowResolution(3)(fake).flatten().tolist(), context.y.flatten().tolist()
    apart = sum(abs(a - b) ** power for a, b in zip(small, y, strict=True)) / len(y)
    assert Consistency(LowResolution(3), 2.0, power=power)(context, 0).item() == pytest.approx(2 * apart, rel=1e-5)
    assert Consistency(LowResolution(3))(SimpleNamespace(fake=X, y=context.y), 0) == 0


def test_mode_seeking_is_minus_the_mean_ratio_of_distances() -> None:
    z = torch.randn(4, 3)

    def generate(z: Tensor) -> Tensor:
        return (z @ torch.arange(6.0).view(3, 2)).tanh()

    x = generate(z)
    ratios = [((x[i] - x[i - 1]).abs().mean() / (z[i] - z[i - 1]).abs().mean()).item() for i in range(4)]
    value = ModeSeeking(3.0)(SimpleNamespace(z=z, fake=x, generate=generate), 0)
    assert value.item() == pytest.approx(-3 * sum(ratios) / 4, rel=1e-5)
    alone = SimpleNamespace(z=z[:1], fake=x[:1], generate=generate)
    assert ModeSeeking()(alone, 0) == 0


def test_a_pixel_loss_without_a_condition_is_refused() -> None:
    with pytest.raises(UserError, match="consistency: the data have no conditions"):
        Consistency(Upper())(SimpleNamespace(fake=X, y=None), 0)
    with pytest.raises(UserError, match="reconstruction: without a condition no fake has its real sample"):
        Reconstruction()(SimpleNamespace(fake=X, real=X, condition=None), 0)


def test_the_inverse_of_mode_seeking_is_one_of_means_and_stays_finite() -> None:
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    x = (z @ torch.arange(6.0).view(3, 2)).tanh()
    context: Any = SimpleNamespace(z=z, fake=x, generate=lambda other: x.roll(1, 0))
    ratio = ((x - x.roll(1, 0)).abs().mean() / (z - z.roll(1, 0)).abs().mean()).item()
    assert ModeSeekingInverse()(context, 0).item() == pytest.approx(1 / (ratio + 1e-5), rel=1e-6)
    alike: Any = SimpleNamespace(z=z, fake=x, generate=lambda other: x)
    alone: Any = SimpleNamespace(z=z[:1], fake=x[:1], generate=lambda other: x[:1])
    assert [ModeSeekingInverse()(few, 0).item() for few in (alike, alone)] == pytest.approx([1e5, 1e5])


def test_other_noise_is_divided_by_its_distance_however_near() -> None:
    """G(z) = 3 z spreads its samples three times as far as their noises, also where these are close."""
    near = torch.tensor([[0.0], [1e-3], [3e-3]])
    context: Any = SimpleNamespace(z=near, fake=3 * near, generate=lambda z: 3 * z)
    assert ModeSeeking()(context, 0).item() == pytest.approx(-3, rel=1e-4)
