"""Laws of the label terms."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.terms import AuxiliaryClassifier, FeatureMatching, Supervised
from gan_lab.types import Batch, DiscriminatorOutput


def matching(real: Tensor, fake: Tensor) -> Tensor:
    def seen(x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.sum(1), features=(x[:, :1] ** 2, x.view(len(x), 2, -1)))  # the last ones count

    value = FeatureMatching().value(SimpleNamespace(real_output=seen(real), fake_output=seen(fake)))  # type: ignore[arg-type]
    assert value is not None
    return value


def test_feature_matching_is_zero_if_and_only_if_the_means_are_equal() -> None:
    real = torch.randn(6, 4)
    assert matching(real, real.flip(0)).item() == pytest.approx(0, abs=1e-12)
    assert matching(real, real.mean(0).expand(9, 4)).item() == pytest.approx(0, abs=1e-12)  # it sees means alone
    shift = torch.tensor([0.0, 0.0, 3.0, 0.0])
    torch.testing.assert_close(matching(real, real + shift), shift.square().mean())


def test_feature_matching_without_features_is_refused() -> None:
    shown, none = (
        DiscriminatorOutput(torch.zeros(3), features=(torch.zeros(3, 2),)),
        DiscriminatorOutput(torch.zeros(3)),
    )
    for real, fake in ((none, shown), (shown, none)):
        context: Any = SimpleNamespace(real_output=real, fake_output=fake)
        with pytest.raises(UserError, match="D shows no features"):
            FeatureMatching().value(context)


Y = torch.tensor([0, 2, 1, 2])
OF_REAL, OF_FAKE = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)).log_softmax(-1)


def classified(real: Tensor | None = OF_REAL, fake: Tensor | None = OF_FAKE, y: Tensor | None = Y) -> Any:
    outputs = {name: DiscriminatorOutput(torch.zeros(4), logits) for name, logits in (("real", real), ("fake", fake))}
    return SimpleNamespace(real_output=outputs["real"], fake_output=outputs["fake"], y=y)


@pytest.mark.parametrize(("real", "fake"), [(True, True), (True, False), (False, True)])
def test_the_auxiliary_cost_is_that_of_the_kinds_it_has(real: bool, fake: bool) -> None:
    each = [-sum(row[y].item() for row, y in zip(rows, Y, strict=True)) / 4 for rows in (OF_REAL, OF_FAKE)]
    expected = each[0] * real + each[1] * fake
    assert AuxiliaryClassifier(2.0, real=real, fake=fake)(classified(), 0).item() == pytest.approx(2 * expected)
    if real and fake:
        assert AuxiliaryClassifier()(classified(), 0).item() == pytest.approx(expected)  # both by default
    with pytest.raises(ValueError, match="both false"):
        AuxiliaryClassifier(real=False, fake=False)


@pytest.mark.parametrize(
    ("context", "says"),
    [(classified(fake=None), "D has no class logits"), (classified(y=None), "the data have no labels")],
)
def test_an_auxiliary_cost_of_nothing_is_refused(context: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        AuxiliaryClassifier()(context, 0)


def supervising(labelled: Batch | None, class_logits: Tensor | None = OF_REAL) -> Any:
    seen = {id(labelled.x): labelled.y} if labelled is not None else {}

    def discriminate(x: Tensor, y: Tensor | None) -> DiscriminatorOutput:
        assert y is seen[id(x)]
        return DiscriminatorOutput(torch.zeros(4), class_logits)

    return SimpleNamespace(labelled=labelled, discriminate=discriminate)


def test_the_supervised_cost_is_that_of_the_samples_whose_labels_are_shown() -> None:
    expected = -sum(row[y].item() for row, y in zip(OF_REAL, Y, strict=True)) / 4
    assert Supervised()(supervising(Batch(torch.zeros(4), Y)), 0).item() == pytest.approx(expected)
    for context, says in (
        (supervising(None), "no labels that are shown"),
        (supervising(Batch(torch.zeros(4), Y), None), "D has no class logits"),
        (supervising(Batch(torch.zeros(4))), "D has no class logits"),
    ):
        with pytest.raises(UserError, match=says):
            Supervised()(context, 0)
