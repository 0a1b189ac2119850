"""What a term says of itself is so, and its YAML says what its class does."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.configuration import unlike_their_classes
from torch import Tensor

from gan_lab.terms import (
    R1,
    R2,
    AuxiliaryClassifier,
    Consistency,
    FeatureMatching,
    GradientPenalty,
    ModeSeeking,
    ModeSeekingInverse,
    MutualInformation,
    Reconstruction,
    Supervised,
    Term,
)
from gan_lab.types import Batch, DiscriminatorOutput

N, D = 6, 5
TERMS = [R1(), R2(), GradientPenalty(), AuxiliaryClassifier(), Supervised(), FeatureMatching(), Reconstruction(),
         Consistency(torch.cos), ModeSeeking(), ModeSeekingInverse(), MutualInformation((2,), 1)]  # fmt: skip
every_term = pytest.mark.parametrize("term", TERMS, ids=lambda term: type(term).__name__)


class Context:
    """A step context of some of N samples, D(x) = sum sin(x) and G(z) = tanh(2 z); it notes what it was asked."""

    def __init__(self, rows: slice = slice(None)) -> None:
        drawn = torch.Generator().manual_seed(0)
        x, self.z, y = torch.randn(3, N, D, generator=drawn, dtype=torch.float64)
        self.real, self.z, self.given = x[rows], self.z[rows], y[rows]
        self.y: Any = self.given
        self.condition = self.given
        self.fake = self.generate(self.z)
        self.asked: list[Tensor] = []
        self.read_labelled = False

    def generate(self, z: Tensor) -> Tensor:
        return (2 * z).tanh()

    @property
    def uniform(self) -> Tensor:
        return torch.full((len(self.real),), 0.3)

    def discriminate(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(x.sin().sum(1), x[:, :3], (x.exp(),))

    @property
    def real_output(self) -> DiscriminatorOutput:
        return self.discriminate(self.real)

    @property
    def fake_output(self) -> DiscriminatorOutput:
        return self.discriminate(self.fake)

    @property
    def labelled(self) -> Batch:
        self.read_labelled = True
        return Batch(self.real, self.given[:, :3].argmax(1))

    def input_gradient(self, x: Tensor) -> Tensor:
        self.asked.append(x)
        return x.cos()


def value(term: Term, context: Context) -> float:
    if isinstance(term, AuxiliaryClassifier):
        context.y = context.given[:, :3].argmax(1)
    found = term.value(context)  # type: ignore[arg-type]
    assert found is not None
    return found.item()


@every_term
def test_it_says_whether_it_takes_d_s_slope_at_the_samples_of_the_game(term: Term) -> None:
    context = Context()
    value(term, context)
    assert term.uses_input_gradient == any(x is context.real or x is context.fake for x in context.asked)


@every_term
def test_it_says_whether_it_reads_the_labels_that_are_shown(term: Term) -> None:
    context = Context()
    value(term, context)
    assert term.reads_labelled == context.read_labelled


@every_term
def test_it_couples_the_samples_of_a_batch_or_is_a_mean_over_them(term: Term) -> None:
    whole, parts = value(term, Context()), [value(term, Context(slice(i, i + 2))) for i in (0, 2, 4)]
    assert getattr(term, "couples_samples", False) == (sum(parts) / 3 != pytest.approx(whole, rel=1e-6))


def test_the_yaml_have_the_defaults_of_the_classes() -> None:
    assert unlike_their_classes("latent") == []  # of InfoGAN's codes
    assert unlike_their_classes("conditioning") == ["auxiliary: real=False, True in the class"]  # G's cost of it
    assert unlike_their_classes("term") == [
        "bcr: fake=1.0, 0.0 in the class",  # which makes CR what bCR is
        "invariant_information: rotation=0.14, 1.0 in the class",  # a 6 is no 9
        "invariant_information: translation=0.1, 0.125 in the class",
        "zcr: weight=5.0, 1.0 in the class",  # the papers' weights of zCR's two parts
        "zcr_diversity: weight=0.5, 1.0 in the class",
    ]


def test_a_term_weighs_one_and_counts_always_unless_it_says_so() -> None:
    class Five(Term):
        def value(self, context: Any) -> Tensor:
            return torch.tensor(5.0)

    assert [Five()(SimpleNamespace(), step).item() for step in range(3)] == [5.0] * 3
    assert Five().uses_input_gradient is Five().reads_labelled is False
    assert Term()(SimpleNamespace(), 0) is None  # a pure constraint
