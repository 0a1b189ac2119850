"""Laws of the penalties and constraints."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.configuration import CONF, terms
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.biggan import BigGANGenerator
from gan_lab.networks.wrappers import spectral_norm
from gan_lab.terms import (
    R1,
    R2,
    ConsistencyRegularisation,
    GradientPenalty,
    LatentConsistency,
    LatentDiversity,
    Orthogonal,
    Term,
    WeightClip,
)
from gan_lab.types import DiscriminatorOutput, View

W = torch.tensor([[0.6, -0.8, 2.0]], dtype=torch.float64)


def context_of(network: nn.Module, real: Tensor, fake: Tensor) -> SimpleNamespace:
    def discriminate(x: Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(network(x.flatten(1)).squeeze(1), features=(x,))

    def slope(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(network(x.flatten(1)).sum(), x, create_graph=True)
        return gradient

    outputs = {"real_output": discriminate(real), "fake_output": discriminate(fake)}
    inputs = {"real": real, "fake": fake, "y": real, "z": real, "uniform": torch.rand(len(real)),
              "normal": torch.randn_like(real)}  # fmt: skip
    view = View(network, dict(network.named_parameters()))
    return SimpleNamespace(
        **inputs, **outputs, discriminate=discriminate, input_gradient=slope, d=view, g=view,
        generate=lambda z: (z.flatten(1) @ torch.diag(W[0])).view_as(z),
    )  # fmt: skip


def linear(weight: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], 1, dtype=torch.float64)
    layer.weight.data.copy_(weight)
    return layer


def batch(n: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    real, fake = torch.randn(2, n, 3, dtype=torch.float64, generator=generator)
    return real, fake


@pytest.mark.parametrize("term", [R1(), R2()], ids=["r1", "r2"])
def test_zero_centred_penalty_of_a_linear_d_is_half_its_squared_norm(term: Term) -> None:
    network = linear(W)
    value = term(context_of(network, *batch()), 0)
    assert value.item() == pytest.approx(W.square().sum().item() / 2)
    (gradient,) = torch.autograd.grad(value, network.weight)
    torch.testing.assert_close(gradient, W)  # d/dw of 1/2 |w|^2


@pytest.mark.parametrize(("term", "at"), [(R1(), 0), (R2(), 1)], ids=["r1", "r2"])
def test_penalty_of_a_quadratic_d_is_taken_at_real_or_at_fake_samples(term: Term, at: int) -> None:
    class Quadratic(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.square().sum(1, keepdim=True)

    samples = batch()
    value = term(context_of(Quadratic(), *samples), 0)
    assert value.item() == pytest.approx((2 * samples[at]).square().sum(1).mean().item() / 2)


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_gradient_penalty_is_zero_where_the_gradient_norm_is_its_target(target: float) -> None:
    direction = W / W.norm()
    term = GradientPenalty(target=target)
    assert term(context_of(linear(target * direction), *batch()), 0).item() == pytest.approx(0, abs=1e-20)
    assert term(context_of(linear(3 * direction), *batch()), 0).item() == pytest.approx(10 * (3 - target) ** 2)


def test_gradient_penalty_looks_between_real_and_fake_with_one_number_per_sample() -> None:
    seen = []

    def slope(x: Tensor) -> Tensor:
        seen.append(x)
        return torch.ones_like(x)

    real, fake = torch.ones(64, 2, 3, 3), torch.zeros(64, 2, 3, 3)
    uniform = torch.rand(len(real))
    GradientPenalty()(SimpleNamespace(real=real, fake=fake, input_gradient=slope, uniform=uniform), 0)
    u = seen[0].flatten(1)
    assert torch.equal(u, u[:, :1].expand_as(u))
    assert 0 < u.min() < 0.2 < 0.8 < u.max() < 1


@pytest.mark.parametrize("name", terms())
def test_a_lazy_term_counts_as_much_on_average_as_the_eager_one(name: str) -> None:
    config = OmegaConf.load(CONF / "term" / f"{name}.yaml")[name]
    given = {"degradation": torch.abs} if "degradation" in config else {}
    eager, lazy = instantiate(config, every=1, **given), instantiate(config, every=4, **given)
    network, samples = linear(W), [x.view(-1, 3, 1, 1) for x in batch()]

    def value(term: Term, step: int) -> float:
        torch.manual_seed(0)
        found = term(context_of(network, *samples), step)
        return 0.0 if found is None else found.item()

    def total(term: Term) -> float:
        return sum(value(term, step) for step in range(8))

    assert total(lazy) == pytest.approx(total(eager))
    assert [lazy.due(step) for step in range(5)] == [True, False, False, False, True]


@pytest.mark.parametrize("name", terms())
def test_the_state_of_a_term_is_in_its_buffers(name: str) -> None:
    """With these put back, as for another look within a step, it says and becomes the same."""
    config = OmegaConf.load(CONF / "term" / f"{name}.yaml")[name]
    term = instantiate(config, **({"degradation": torch.abs} if "degradation" in config else {}))
    context, found = context_of(linear(W), *[x.view(-1, 3, 1, 1) for x in batch()]), []
    before = {key: value.clone() for key, value in term.state_dict().items()}
    for _ in range(2):
        term.load_state_dict(before)
        torch.manual_seed(0)
        value = term(context, 2000)
        found.append((value, *(buffer.clone() for buffer in term.buffers())))
    torch.testing.assert_close(*found, rtol=0, atol=0)


@pytest.mark.parametrize("term", [R1, R2, GradientPenalty])
def test_a_weight_may_be_a_function_of_the_player_s_updates(term: type[Term]) -> None:
    context = context_of(linear(W), *batch())

    def value(weight: Any, step: int) -> Tensor:
        torch.manual_seed(0)
        return term(weight=weight)(context, step)

    for step in range(4):
        torch.testing.assert_close(value(lambda t: 0.5**t, step), value(0.5**step, step))


def test_weight_clip_projects_onto_the_box() -> None:
    network = linear(W)
    assert WeightClip(bound=0.7)(context_of(network, *batch()), 0) is None
    WeightClip(bound=0.7).constrain(network)
    torch.testing.assert_close(network.weight.data, W.clamp(-0.7, 0.7))


def test_consistency_regularisation_is_the_mean_square_of_what_an_augmentation_changes() -> None:
    real, fake = (x.view(-1, 3, 1, 1) for x in batch())
    context = context_of(linear(W), real, fake)

    def change(x: Tensor) -> float:  # a linear D of x and of -x
        return (2 * x.flatten(1) @ W[0]).square().mean().item()

    policy = {"mirror": lambda x, p: -p * x, "left out": None}
    assert ConsistencyRegularisation(policy)(context, 0).item() == pytest.approx(10 * change(real))
    both = ConsistencyRegularisation(policy, fake=0.5)(context, 0)
    assert both.item() == pytest.approx(10 * (change(real) + change(fake) / 2))
    with pytest.raises(UserError, match="augments images"):
        ConsistencyRegularisation(policy)(context_of(linear(W), *batch()), 0)


def test_latent_terms_are_mean_squares_of_what_little_noise_changes() -> None:
    z, _ = batch()
    context = context_of(linear(W), z, z)
    context.fake = context.generate(z)
    context.fake_output = context.discriminate(context.fake)
    torch.manual_seed(3)
    shift = context.generate(0.2 * torch.randn_like(z))  # G is linear
    for term, found in (
        (LatentConsistency(weight=5.0, radius=0.2), 5 * (shift @ W[0]).square().mean()),
        (LatentDiversity(weight=0.5, radius=0.2), -0.5 * shift.square().mean()),
    ):
        torch.manual_seed(3)
        assert term(context, 0).item() == pytest.approx(found.item())


@pytest.mark.parametrize("normalised", [False, True])
def test_orthogonal_weights_are_those_of_layers_and_not_tables_of_classes(normalised: bool) -> None:
    g = BigGANGenerator(6, (1, 8, 8), 3, width=4, max_width=8, shared=4)
    g = spectral_norm(g) if normalised else g  # type: ignore[assignment]
    view = View(g, dict(g.named_parameters()))
    value = Orthogonal()(SimpleNamespace(d=view, g=view), 0)  # type: ignore[arg-type]
    assert value is not None
    slopes = torch.autograd.grad(value, list(view.weights.values()), materialize_grads=True)
    moved = {name for name, slope in zip(view.weights, slopes, strict=True) if slope.any()}
    assert not any(name.startswith("embedding") or name.endswith("bias") for name in moved)
    assert any(name.startswith("affine") for name in moved)
