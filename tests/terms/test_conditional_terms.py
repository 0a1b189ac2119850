"""Laws of the terms of class-conditional heads, by sums over samples that are written out."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import log_softmax, normalize

from gan_lab.errors import UserError
from gan_lab.terms import (
    ConditionalContrastive,
    DataToDataCrossEntropy,
    DiscriminativeClassifier,
    Term,
    TwinAuxiliaryClassifier,
)
from gan_lab.types import DiscriminatorOutput

Y = torch.tensor([0, 1, 1, 2, 0])


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


REAL, FAKE = drawn(0, 5, 6), drawn(1, 5, 6)


def of(term: Term, player: str) -> float:
    outputs = [DiscriminatorOutput(logits[:, 0], logits) for logits in (REAL, FAKE)]
    term.player = player
    value = term.value(SimpleNamespace(real_output=outputs[0], fake_output=outputs[1], y=Y))  # type: ignore[arg-type]
    assert value is not None
    return value.item()


def surprise(logits: Tensor, y: Tensor) -> float:
    return -sum(log_softmax(row, 0)[k].item() for row, k in zip(logits, y, strict=True)) / len(y)


def test_tac_gan_classifies_real_samples_and_twins_generated_ones() -> None:
    term = TwinAuxiliaryClassifier(twin=0.5)
    assert of(term, "d") == pytest.approx(surprise(REAL[:, :3], Y) + 0.5 * surprise(FAKE[:, 3:], Y))
    assert of(term, "g") == pytest.approx(surprise(FAKE[:, :3], Y) - 0.5 * surprise(FAKE[:, 3:], Y))


def test_adc_gan_tells_the_real_and_the_generated_samples_of_each_class() -> None:
    term = DiscriminativeClassifier()
    assert of(term, "d") == pytest.approx(surprise(REAL, Y) + surprise(FAKE, Y + 3))
    assert of(term, "g") == pytest.approx(surprise(FAKE, Y) - surprise(FAKE, Y + 3))


@pytest.mark.parametrize("term", [TwinAuxiliaryClassifier(), DiscriminativeClassifier(), ConditionalContrastive()])
@pytest.mark.parametrize("missing", ["class logits", "labels"])
def test_what_needs_classes_is_refused_without(term: Term, missing: str) -> None:
    output = DiscriminatorOutput(REAL[:, 0], None if missing == "class logits" else REAL, (REAL,))
    context: Any = SimpleNamespace(real_output=output, fake_output=output, y=None if missing == "labels" else Y)
    term.player = "d"
    with pytest.raises(UserError, match=missing):
        term.value(context)


EMBEDDING, PROXIES = drawn(2, 5, 4), drawn(3, 3, 4)
COSINES = (normalize(EMBEDDING) @ normalize(EMBEDDING).T).tolist()
NEAR = [(normalize(EMBEDDING) @ normalize(PROXIES).T)[i, k].item() for i, k in enumerate(Y.tolist())]


def contrast(term: Term, player: str) -> float:
    output = DiscriminatorOutput(EMBEDDING[:, 0], normalize(EMBEDDING) @ normalize(PROXIES).T, (REAL, FAKE, EMBEDDING))
    seen = {"d": "real_output", "g": "fake_output"}
    term.player = player
    value = term.value(SimpleNamespace(**{seen[player]: output}, y=Y))  # type: ignore[arg-type]
    assert value is not None
    return value.item()


@pytest.mark.parametrize("player", ["d", "g"])
def test_contragan_draws_samples_to_those_of_their_class_and_to_its_proxy(player: str) -> None:
    t, total = 0.7, 0.0
    for i in range(5):
        own = math.exp(NEAR[i] / t)
        others = [(j, math.exp(COSINES[i][j] / t)) for j in range(5) if j != i]
        of_class = own + sum(s for j, s in others if Y[j] == Y[i])
        total -= math.log(of_class / (own + sum(s for _, s in others))) / 5
    assert contrast(ConditionalContrastive(temperature=t), player) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("relative", [False, True])
def test_reacgan_draws_samples_to_their_proxy_and_from_other_classes(relative: bool) -> None:
    t, margin, total = 0.5, 0.9, 0.0
    for i in range(5):
        attraction = max(0.0, margin - NEAR[i]) / t
        repulsion = {j: (COSINES[i][j] - (1 - margin)) / t for j in range(5) if j != i}
        least = max(repulsion.values()) if relative else 0.0
        others = [math.exp(max(0.0, s) - least) for j, s in repulsion.items() if Y[j] != Y[i]]
        total += (attraction + math.log(math.exp(-attraction) + sum(others))) / 5
    term = DataToDataCrossEntropy(temperature=t, margin=margin, relative=relative)
    assert contrast(term, "d") == pytest.approx(total, rel=1e-5)
