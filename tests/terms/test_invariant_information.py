"""Laws of the information that two views of an image share in the codes that Q sees (IIC)."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.config.explain import explain
from gan_lab.errors import UserError
from gan_lab.terms import InvariantInformation
from gan_lab.terms.codes import information
from gan_lab.types import DiscriminatorOutput

GAME = ("model=mlp", "data=digits", "latent=codes", "latent.dim=16", "term@d_terms=[invariant_information]")


def codes(k: int, n: int = 60) -> Tensor:
    return torch.eye(k, dtype=torch.float64)[torch.arange(n) % k]


def test_it_is_the_entropy_of_the_codes_where_both_views_say_the_same_and_zero_where_they_say_nothing() -> None:
    for k in (2, 3, 10):
        assert information(codes(k), codes(k)).item() == pytest.approx(math.log(k), abs=1e-4)
        assert information(codes(k), torch.full((60, k), 1 / k).double()).item() == pytest.approx(0, abs=1e-4)
        assert information(codes(k), codes(k)[[0]].expand(60, k)).item() < math.log(k) / 2  # one code for all is little
    unequal = codes(2)[torch.arange(60) % 2 * (torch.arange(60) < 20)]  # 10 of one, 50 of the other
    entropy = -sum(p * math.log(p) for p in (1 / 6, 5 / 6))
    assert information(unequal, unequal).item() == pytest.approx(entropy, abs=1e-4)


def test_it_is_the_mutual_information_of_the_joint_distribution_made_symmetric() -> None:
    first, second = torch.randn(2, 30, 4, dtype=torch.float64).softmax(2)
    joint = torch.stack([torch.outer(a, b) for a, b in zip(first, second, strict=True)]).mean(0)
    joint = (joint + joint.T) / 2
    expected = sum(
        joint[i, j] * math.log(joint[i, j] / (joint[i].sum() * joint[:, j].sum())) for i in range(4) for j in range(4)
    )
    assert information(first, second).item() == pytest.approx(float(expected), rel=1e-9)
    assert information(second, first).item() == pytest.approx(float(expected), rel=1e-9)
    assert 0 < float(expected) < math.log(4)


def test_its_slopes_are_finite_where_q_is_sure() -> None:
    logits = (1000 * codes(3)).float().requires_grad_()
    (slope,) = torch.autograd.grad(information(logits.softmax(1), logits.softmax(1)), logits)
    assert slope.isfinite().all()


def context(real: Tensor, judge: Callable[[Tensor], Tensor | None]) -> Any:
    def discriminate(x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(torch.zeros(len(x)), judge(x))

    return SimpleNamespace(real=real, real_output=discriminate(real), discriminate=discriminate)


def test_a_q_that_an_augmentation_misleads_shares_less_and_numbers_do_not_count() -> None:
    """Two codes of three categories each and a number; one reads a pixel's sign, which the policy turns around."""
    real = torch.randn(200, 1, 1, 2)

    def judge(x: Tensor) -> Tensor:
        signs = 50 * torch.nn.functional.one_hot((x.flatten(1) > 0).long(), 3).flatten(1)
        return torch.cat([signs.float(), x.flatten(1)[:, :1]], 1)

    def shared(policy: dict[str, Any]) -> float:
        return -InvariantInformation(policy, (3, 3))(context(real, judge), 0).item()

    assert shared({"none": None}) == pytest.approx(2 * math.log(2), abs=0.05)
    one = {"mislead": lambda x, p: torch.cat([x[..., :1], torch.randn_like(x[..., 1:])], 3)}
    assert shared(one) == pytest.approx(math.log(2), abs=0.05)
    assert shared({"mirror": lambda x, p: -p * x}) == pytest.approx(2 * math.log(2), abs=0.05)  # always the other code


@pytest.mark.parametrize(
    ("real", "classes", "categorical", "says"),
    [
        (torch.zeros(6, 2), 10, (10,), "augments images"),
        (torch.zeros(6, 1, 4, 4), None, (10,), "take latent=codes"),
        (torch.zeros(6, 1, 4, 4), 9, (10,), "take latent=codes"),
        (torch.zeros(6, 1, 4, 4), 9, (), "there are no categories"),
    ],
    ids=["points", "no posterior", "too few", "no categories"],
)
def test_what_it_cannot_be_of_is_refused(real: Tensor, classes: int | None, categorical: Any, says: str) -> None:
    def judge(x: Tensor) -> Tensor | None:
        return None if classes is None else torch.zeros(len(x), classes)

    with pytest.raises(UserError, match=says):
        InvariantInformation({}, categorical).value(context(real, judge))


@pytest.mark.parametrize(
    "more",
    [
        ["latent.categorical=[3,4]", "latent.continuous=0"],
        ["gan.accumulate=2"],
        ["update=simultaneous"],
        ["update=unrolled"],
        ["term@d_terms=[invariant_information,r1,r2]"],
    ],
    ids=" ".join,
)
def test_it_plays_beside_the_mutual_information(played: Callable[..., Path], more: list[str]) -> None:
    header = (played(*GAME, *more, "rounds=2") / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"d/invariant_information", "d/mutual_information", "g/mutual_information"} <= {*header}


def test_a_latent_without_codes_is_told_in_one_line(played: Callable[..., Path]) -> None:
    with pytest.raises(Exception) as error:
        played("model=mlp", "data=digits", "term@d_terms=[invariant_information]", "rounds=1")
    line = explain(error.value, [])
    assert line is not None and re.search(r"refers to latent\.categorical, which latent does not have", line)
