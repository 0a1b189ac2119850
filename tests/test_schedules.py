"""Laws of the schedules that torch lacks."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler

from gan_lab.errors import UserError
from gan_lab.schedules import Cosine, CosineWithBeta2, DecayWithMomentum, advance, is_alike


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


@pytest.mark.parametrize(
    "after, refused", [(0.0, False), (0.1, False), (-0.1, True), (math.inf, True), (math.nan, True)]
)
def test_a_learning_rate_is_a_number_and_not_negative(after: float, refused: bool) -> None:
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(sgd, lambda t: after if t == 1 else 1.0)
    sgd.step()
    if refused:
        with pytest.raises(UserError, match=rf"the learning rate becomes {after:.3g} in round 6"):
            advance(schedule, played=5)
    else:
        advance(schedule, played=5)
        assert schedule.get_last_lr() == [after]


ALIKE = {
    "the same": ({"a": 1, "b": [0.5, "x"]}, {"a": 1, "b": [0.5, "x"]}),
    "other values": ({"a": 7, "b": (2.5, "y")}, {"a": 1, "b": [0.5, "x"]}),
    "a whole number for a fraction": ([3, 0.5], [0.5, 3]),
    "more than is asked for": ({"a": 1, "b": 2}, {"a": 1}),
    "what was not known at the start": ({"a": {"deep": 1}}, {"a": None}),
}
UNLIKE = {
    "a name is missing": ({"b": 1}, {"a": 1}),
    "one of two names is missing": ({"a": 1}, {"a": 1, "b": 2}),
    "words for a number": ({"a": "1"}, {"a": 1}),
    "a number for words": (["x", 1], ["x", "y"]),
    "a number for a list": (1, [1]),
    "a number for names": (1, {}),
    "a list for names": (["a"], {"a": 1}),
    "a longer list": ([1, 2], [1]),
    "a shorter list": ([1], [1, 2]),
    "a list that is longer and otherwise alike": ((1, 2, 3), (1, 2)),
    "no list at all for an empty one": ("", []),
    "one of several, deep down": ([{"a": [1, "x"]}], [{"a": [1, 2]}]),
}


@pytest.mark.parametrize("pair", [*ALIKE.values(), *UNLIKE.values()], ids=[*ALIKE, *UNLIKE])
def test_a_state_is_alike_where_kinds_and_lengths_are(pair: tuple[Any, Any]) -> None:
    assert is_alike(*pair) == (pair in ALIKE.values())
