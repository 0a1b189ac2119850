"""The duality gap: zero at the equilibrium, and what a best response gains elsewhere."""

from collections.abc import Callable, Iterator

import pytest
import torch
from helpers.lines import LINE, seeded
from torch import Tensor, nn

from gan_lab.densities import gaussian
from gan_lab.equilibrium.duality import duality_gap
from gan_lab.equilibrium.quadrature import jsd
from gan_lab.losses import Minimax


class Shift(nn.Module):
    """G(z) = z + s: standard normal data are met at s = 0."""

    def __init__(self, s: float) -> None:
        super().__init__()
        self.s = nn.Parameter(torch.tensor(s))


class Linear(nn.Module):
    """D(x) = a x + b: enough for two normal densities that differ by a shift."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(0.0)), nn.Parameter(torch.tensor(0.0))


def gap_of(d: Linear, g: Shift, steps: int = 150, perturbation: float = 0.0) -> float:
    def cost(d: Linear, g: Shift, x: Tensor) -> Tensor:
        fake = torch.randn(len(x), dtype=x.dtype) + g.s
        return Minimax().discriminator(d.a * x + d.b, d.a * fake + d.b)

    def respond(mover: str) -> Callable[[Linear, Shift], Callable[[Tensor], None]]:
        def make(d: Linear, g: Shift) -> Callable[[Tensor], None]:
            player: nn.Module = {"d": d, "g": g}[mover]
            optimizer = torch.optim.Adam(player.parameters(), lr=0.05)

            def step(x: Tensor) -> None:
                optimizer.zero_grad()
                (cost(d, g, x) * (1 if mover == "d" else -1)).backward()
                optimizer.step()

            return step

        return make

    def batches() -> Iterator[Tensor]:
        draws = seeded(7)
        while True:
            yield torch.randn(4096, generator=draws)

    return duality_gap(
        d, g, lambda *a: -cost(*a), respond("d"), respond("g"), batches, steps, perturbation=perturbation
    ).gap


@pytest.mark.parametrize("perturbation", [0.0, 0.1])
def test_duality_gap_is_none_at_equilibrium_and_2_jsd_away_from_it(perturbation: float) -> None:
    """With an undecided D no G gains, and D gains V(D*, G) + log 4 = 2 JSD(N(0, 1) || N(s, 1))."""
    gaps = [gap_of(Linear(), Shift(s), perturbation=perturbation) for s in (0.0, 0.5, 1.0, 2.0)]
    expected = [2 * jsd(gaussian([0.0], 1.0).log_prob, gaussian([s], 1.0).log_prob, LINE).value for s in (0, 0.5, 1, 2)]
    assert gaps == sorted(gaps)
    assert gaps == pytest.approx(expected, abs=0.01)


def test_duality_gap_rises_when_d_leaves_the_equilibrium() -> None:
    gaps = []
    for a in (0.0, 0.5, 1.0):
        d = Linear()
        d.a.data.fill_(a)
        gaps.append(gap_of(d, Shift(0.0)))
    assert gaps[0] < 0.005 < gaps[1] < gaps[2]


class Number(nn.Module):
    """A player that is one number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


@pytest.mark.parametrize(("d", "g"), [(0.0, 0.0), (0.5, 0.0), (0.0, -1.0), (1.0, 2.0), (-0.3, 0.2)])
def test_duality_gap_of_a_quadratic_game(d: float, g: float) -> None:
    """M = b d g - (d^2 - g^2) / 2 has the gap ((d - b g)^2 + (g + b d)^2) / 2; batches add noise of mean 0 to it."""
    b = 2.0

    def value(d: Number, g: Number, x: Tensor) -> Tensor:
        return b * d.value * g.value - (d.value**2 - g.value**2) / 2 + (x * (d.value + g.value)).mean()

    def respond(mover: int) -> Callable[[Number, Number], Callable[[Tensor], None]]:
        def make(*pair: Number) -> Callable[[Tensor], None]:
            optimizer = torch.optim.Adam(pair[mover].parameters(), lr=0.1)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)

            def step(x: Tensor) -> None:
                optimizer.zero_grad()
                (value(*pair, x) * (-1, 1)[mover]).backward()
                optimizer.step()
                schedule.step()

            return step

        return make

    def batches() -> Iterator[Tensor]:
        draws = seeded(7)
        while True:
            yield torch.randn(4096, generator=draws)

    found = duality_gap(Number(d), Number(g), value, respond(0), respond(1), batches, 400, held_out=32)
    assert abs(found.gap - ((d - b * g) ** 2 + (g + b * d) ** 2) / 2) <= 3 * found.error + 1e-3
    assert found.d_gain == pytest.approx((d - b * g) ** 2 / 2, abs=3 * found.d_error + 1e-3)


def test_duality_gap_leaves_no_trace() -> None:
    d, g = Linear(), Shift(1.0)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second = gap_of(d, g, 5, 0.1), gap_of(d, g, 5, 0.1)
    assert torch.equal(before, torch.get_rng_state())
    assert first == second
    assert (d.a.item(), d.b.item(), g.s.item()) == (0, 0, 1) and g.s.grad is None
