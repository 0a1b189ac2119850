"""Losses, terms and conditionings beside their authors' own code (docs/papers.md)."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.authors import numbers, sums
from torch import Tensor, nn

from gan_lab.losses import MultiHinge, NonSaturating, TopK
from gan_lab.terms import (
    DRAGAN,
    R1,
    ApproximateR1,
    ApproximateR2,
    ConditionalContrastive,
    DataToDataCrossEntropy,
    DiscriminativeClassifier,
    FeatureMatching,
    GradientPenalty,
    LeCam,
    MaxGradientPenalty,
    ModeSeekingInverse,
    Orthogonal,
    Rotations,
    Term,
    TwinAuxiliaryClassifier,
)
from gan_lab.terms.codes import information
from gan_lab.types import DiscriminatorOutput, View


def feature_matching() -> list[float]:
    real, fake = (SimpleNamespace(features=(numbers(seed, 5, 4),)) for seed in (136, 137))
    context: Any = SimpleNamespace(real_output=real, fake_output=fake)
    return [float(FeatureMatching().value(context))]


def mode_seeking() -> list[float]:
    x, z = numbers(13, 4, 1, 3, 3), numbers(14, 4, 5)
    context: Any = SimpleNamespace(z=z, fake=x, generate=lambda other: x.roll(1, 0))
    return [float(ModeSeekingInverse().value(context))]


def r1() -> list[float]:
    """Their reg_param 10 is a weight of 20."""
    x = numbers(19, 4, 1, 3, 3).requires_grad_()
    (slope,) = torch.autograd.grad(torch.tanh(x.flatten(1) @ numbers(18, 9)).sum(), x)
    context: Any = SimpleNamespace(real=x, input_gradient=lambda _: slope)
    return [float(R1(weight=20.0)(context, 0))]  # type: ignore[arg-type]


def gradient_penalty() -> list[float]:
    a, real, fake = numbers(18, 9), numbers(19, 4, 1, 3, 3), numbers(39, 4, 1, 3, 3)

    def slope(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(torch.tanh(x.flatten(1) @ a).sum(), x)[0]

    shares = torch.from_numpy(np.random.RandomState(40).rand(4))  # of the fakes, there
    context: Any = SimpleNamespace(real=real, fake=fake, input_gradient=slope, uniform=1 - shares)
    return [float(GradientPenalty(weight=10.0)(context, 0))]  # type: ignore[arg-type]


def approximate(term: Term) -> list[float]:
    """Their weight 3 is of (D(x + sigma eps) - D(x)) / sigma."""
    a, real, fake = numbers(18, 9), numbers(19, 4, 1, 3, 3), numbers(39, 4, 1, 3, 3)
    context: Any = SimpleNamespace(
        real=real, fake=fake, normal=numbers(52, 4, 1, 3, 3),
        discriminate=lambda x: DiscriminatorOutput(torch.tanh(x.flatten(1) @ a)),
    )  # fmt: skip
    return [float(term(context, 0))]  # type: ignore[arg-type]


def rotations(player: str, weight: float) -> list[float]:
    """Of class logits that are linear in the pixels: the cost, and its gradient in the images."""
    x, rows = numbers(73, 6, 2, 4, 4).requires_grad_(), numbers(74, 4, 32)
    context: Any = SimpleNamespace(
        real=x, fake=x, discriminate=lambda x: DiscriminatorOutput(x.sum((1, 2, 3)), x.flatten(1) @ rows.T)
    )
    term = Rotations(weight=weight)
    term.player = player  # type: ignore[assignment]
    cost: Any = term(context, 0)
    return [cost.item(), *sums(torch.autograd.grad(cost, x)[0])]


def invariant_information() -> list[float]:
    """Of class logits of two views: the cost, and its gradients in both."""
    views = [(2 * numbers(seed, 12, 5)).requires_grad_() for seed in (91, 92)]
    cost = -information(*(view.softmax(1) for view in views))
    return [cost.item(), *(number for slope in torch.autograd.grad(cost, views) for number in sums(slope))]


def at_noise(term: Term) -> list[float]:
    """A penalty on the gradient of tanh <a, x>, with draws from seed 40: u for each sample, then those of pixels."""
    a, real, fake = numbers(18, 9), numbers(19, 4, 1, 3, 3), numbers(39, 4, 1, 3, 3)

    def slope(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(torch.tanh(x.flatten(1) @ a).sum(), x)[0]

    torch.manual_seed(40)
    u = torch.rand(4, dtype=torch.float64)
    return [float(term(SimpleNamespace(real=real, fake=fake, input_gradient=slope, uniform=u), 0))]


def lecam() -> list[float]:
    """Six steps of D, the first three without the term."""
    term = LeCam(weight=0.3, start=2).double()
    logits = ((numbers(50 + step, 5), numbers(60 + step, 5)) for step in range(6))
    outputs = [[SimpleNamespace(logits=t) for t in pair] for pair in logits]
    values = [term(SimpleNamespace(real_output=r, fake_output=f), step) for step, (r, f) in enumerate(outputs)]
    return [0.0 if value is None else float(value) for value in values]


def top_k() -> list[float]:
    """G's loss after 0, 30, 60 and 89 epochs."""
    loss = TopK(NonSaturating(), period=10)
    return [float(loss.at(10 * epoch).generator(None, numbers(70, 16))) for epoch in (0, 30, 60, 89)]


def orthogonal() -> list[float]:
    """The gradient of each weight and bias."""
    network = nn.Sequential(nn.Linear(5, 4), nn.Conv2d(3, 4, 2)).double()
    for i, parameter in enumerate(network.parameters()):
        parameter.data = numbers(80 + i, *parameter.shape)
    view = View(network, dict(network.named_parameters()))
    value = Orthogonal(weight=1e-4)(SimpleNamespace(d=view, g=view), 0)
    gradient = torch.autograd.grad(value, list(network.parameters()), materialize_grads=True)
    return [float(slope.flatten() @ numbers(90, slope.numel())) for slope in gradient]


LABELS = torch.tensor([0, 1, 2, 3, 0, 0, 2, 3])


def costs(value: Callable[..., Tensor], *wanted: Tensor) -> list[float]:
    """A cost, and sums of its gradients in these."""
    cost = value()
    return [cost.item(), *(n for slope in torch.autograd.grad(cost, wanted) for n in sums(slope))]


def contrastive(term: Term) -> list[float]:
    embedding, proxies = numbers(81, 8, 6).requires_grad_(), numbers(82, 4, 6).requires_grad_()
    cosines = nn.functional.normalize(embedding) @ nn.functional.normalize(proxies).T
    output = DiscriminatorOutput(embedding[:, 0], cosines, (embedding,))
    context: Any = SimpleNamespace(real_output=output, y=LABELS)
    return costs(lambda: term(context, 0), embedding, proxies)


def twin(term: Term, *, unused: bool) -> list[float]:
    """Two classifiers; of real samples TAC-GAN has no use for the second, nor of generated ones D for the first."""
    real, twin_real, fake, twin_fake = halves = [numbers(seed, 8, 4).requires_grad_() for seed in (83, 85, 84, 86)]
    outputs = [
        DiscriminatorOutput(pair[0][:, 0], torch.cat(pair, 1)) for pair in ((real, twin_real), (fake, twin_fake))
    ]
    context: Any = SimpleNamespace(real_output=outputs[0], fake_output=outputs[1], y=LABELS)
    of_d = costs(lambda: term(context, 0), *(halves if unused else (real, twin_fake)))
    term.player = "g"
    return [*of_d, *costs(lambda: term(context, 0), fake, twin_fake)]


def multi_hinge() -> list[float]:
    logits = [numbers(seed, 8, 5).requires_grad_() for seed in (87, 88)]
    classes = [c[:, :-1] - c[:, -1:] for c in logits]
    real, fake = (DiscriminatorOutput(c.amax(1), c) for c in classes)
    loss = MultiHinge()
    return [
        *costs(lambda: loss.discriminator_of(real, fake, LABELS), *logits),
        *costs(lambda: loss.generator_of(fake, LABELS), logits[1]),
    ]


COMPARISONS: dict[str, tuple[Callable[[], list[float]], list[float], float]] = {  # ours, theirs, tolerance
    "mode_seeking_inverse": (mode_seeking, [1.1063778846623453], 1e-12),
    "feature_matching": (feature_matching, [1.6062321388669505], 1e-6),  # features are compared in single precision
    "r1": (r1, [33.310012475119926], 1e-12),
    "approximate_r1": (lambda: approximate(ApproximateR1(weight=3.0 / 0.01**2)), [3.019022177638176], 1e-12),
    "approximate_r2": (lambda: approximate(ApproximateR2(weight=3.0 / 0.01**2)), [12.870024684035725], 1e-12),
    "gradient_penalty": (gradient_penalty, [10.511266924270306], 1e-12),
    "dragan": (lambda: at_noise(DRAGAN()), [5.6438059897434485], 1e-12),
    "max_gp": (lambda: at_noise(MaxGradientPenalty()), [67.16418994953816], 1e-12),
    "lecam": (lecam, [0, 0, 0, 0.3831846855902568, 0.4752215159407681, 0.07393134132176492], 1e-12),
    "invariant_information": (
        invariant_information,
        [-0.10013774747389385, 0.02139877804995102, -0.022884806182006417, 0.017290661162145574, 0.060501400394747766,
         -0.012289649002858826, 0.0029874697184698804],
        1e-12,
    ),
    "top_k": (top_k, [1.0407449840848515, 0.7079349589108769, 0.6006033045619086, 0.6006033045619086], 1e-12),
    "orthogonal": (orthogonal, [-0.002346890647409597, 0.0, -0.0033501862224041487, 0.0], 1e-12),
    "tac": (
        lambda: twin(TwinAuxiliaryClassifier(twin=1.3), unused=False),
        [4.072594187566411, -0.3367323338554559, -0.21109747503871426, -0.03975703685549896, -0.3619301540372619,
         -0.5168319521857194, -0.1674222366541201, -0.8915101820667599, -0.4388215353440055, -0.09983592400429614,
         -0.17100436262492585, 0.3619301540372619, 0.5168319521857194, 0.1674222366541201],
        1e-12,
    ),
    "adc": (
        lambda: twin(DiscriminativeClassifier(), unused=True),
        [4.8871627735264, -0.518391080942466, -0.22650312676239662, -0.07504251767594619, 0.262209353715098,
         -0.09607504175638616, -0.19908502145319013, 0.08803383576239354, 0.059928295528018025, -0.014636685988339872,
         -0.45252834189524915, -0.32736427514418476, -0.15662042090374217, 0.23983975210659692, -0.6076765630017795,
         -0.19523987252282687, -0.2462274281861343, 0.6076765630017795, 0.19523987252282687, 0.2462274281861343],
        1e-12,
    ),
    "contra": (
        lambda: contrastive(ConditionalContrastive(temperature=0.7)),
        [1.0049011163261015, -0.3992609152089551, 0.4258720998865134, -0.03435536586587878, -0.07097597924280274,
         0.010309486366295577, 0.054815313638088725],
        1e-6,  # embeddings are compared in single precision
    ),
    "reacgan": (
        lambda: contrastive(DataToDataCrossEntropy(1.0, temperature=0.5, margin=0.9)),
        [3.0979554923909074, -0.533008131442279, 0.21211293772922873, 0.2694264620113036, -0.32261795837320933,
         0.1205101797473214, 0.4840129180090746],
        1e-6,  # embeddings are compared in single precision
    ),
    "multi_hinge": (
        multi_hinge,
        [4.202400662042809, 0.05915625374795519, 0.28436154641474576, -0.6945803177914145, -0.009779450325144545,
         0.2999608863071417, 0.6457350998080904, 2.97686417845882, -0.3791263454963181, -0.3278697871611793,
         0.5120928494171185],
        1e-12,
    ),
    "rotations_d": (
        partial(rotations, "d", 1.0),
        [6.145432316651146, 1.200364450965218, 4.692355838952304, -0.6961166699199772],
        1e-12,
    ),
    "rotations_g": (
        partial(rotations, "g", 0.2),
        [1.2290864633302292, 0.24007289019304345, 0.9384711677904609, -0.13922333398399522],
        1e-12,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_part_gives_what_its_authors_code_gives(name: str) -> None:
    ours, theirs, tolerance = COMPARISONS[name]
    assert ours() == pytest.approx(theirs, rel=tolerance, abs=tolerance)
