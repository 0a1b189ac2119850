"""Laws of the schedules that torch lacks."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler

from gan_lab.errors import UserError
from gan_lab.schedules import Cosine, CosineWithBeta2, DecayWithMomentum


def course(make: Callable[[], LRScheduler], rounds: int) -> Iterator[dict[str, Any]]:
    """The optimiser's settings in each round, of a schedule that is saved and made anew in round 4."""
    schedule = make()
    for t in range(rounds):
        yield schedule.optimizer.param_groups[0]
        if t == 4:
            state, optimizer_state = schedule.state_dict(), schedule.optimizer.state_dict()
            schedule = make()
            schedule.optimizer.load_state_dict(optimizer_state)
            schedule.load_state_dict(state)
        schedule.optimizer.step()
        schedule.step()


@pytest.mark.parametrize(("first", "last"), [(0.05, 0.005), (0.9, 0.99), (1.0, 0.0)])
def test_cosine_has_its_ends_its_middle_and_rests(first: float, last: float) -> None:
    value = Cosine(first, last, over=8)
    assert [value(0), value(8), value(99)] == [first, last, last]
    assert value(4) == pytest.approx((first + last) / 2)
    assert value(2) + value(6) == pytest.approx(first + last)  # odd about its middle
    steps = [value(t + 1) - value(t) for t in range(8)]
    assert all(step * (last - first) > 0 for step in steps)


def test_cosine_with_beta2_follows_its_formula_and_resumes() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))

    def make() -> CosineWithBeta2:
        optimizer = torch.optim.Adam([weight], lr=2e-4, betas=(0.0, 0.5))
        return CosineWithBeta2(optimizer, lr_factor=0.25, beta2=(0.9, 0.99), over=6)

    seen = [(group["lr"], *group["betas"]) for group in course(make, 9)]
    share = [(1 - math.cos(math.pi * min(t / 6, 1))) / 2 for t in range(9)]
    expected = [(2e-4 + s * (5e-5 - 2e-4), 0.0, 0.9 + s * 0.09) for s in share]
    assert [pytest.approx(row) for row in expected] == seen


def test_beta2_without_an_optimiser_that_has_one_is_refused() -> None:
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    with pytest.raises(UserError, match="moves beta2, which SGD has not; use optimizer=adam"):
        CosineWithBeta2(sgd, 0.25, (0.9, 0.99), 6)


def test_decay_with_momentum_follows_its_formula_and_resumes() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))

    def make() -> DecayWithMomentum:
        optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
        return DecayWithMomentum(optimizer, 1.5, 0.01, momentum=(0.5, 0.7), start=2, saturate=6)

    seen = [(group["lr"], group["momentum"]) for group in course(make, 10)]
    expected = [(max(0.1 / 1.5**t, 0.01), 0.5 + 0.2 * min(max((t - 2) / 4, 0), 1)) for t in range(10)]
    assert seen == [(pytest.approx(lr), pytest.approx(momentum)) for lr, momentum in expected]


@pytest.mark.parametrize(
    ("optimizer", "saturate", "says"),
    [
        (torch.optim.Adam, 6, "moves momentum, which Adam has not; use optimizer=sgd"),
        (torch.optim.SGD, 2, r"schedule.saturate=2: must be above schedule.start=2"),
    ],
)
def test_momentum_that_could_not_move_is_refused(optimizer: type, saturate: int, says: str) -> None:
    players = optimizer([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(UserError, match=says):
        DecayWithMomentum(players, 1.5, 0.01, momentum=(0.5, 0.7), start=2, saturate=saturate)
