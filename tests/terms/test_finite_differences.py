"""Laws of R1 and R2 by finite differences."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.players import play_with
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gan_lab.game.gan import GAN
from gan_lab.terms import R1, R2, ApproximateR1, ApproximateR2
from gan_lab.types import DiscriminatorOutput

N, DIM, SIGMA = 20_000, 3, 0.01
BOTH = pytest.mark.parametrize("term", [ApproximateR1, ApproximateR2])


def context_of(d: Callable[[Tensor], Tensor]) -> Any:
    """One real and one generated sample, many times each, and a D with one logit, or several, of each sample."""
    drawn = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(DIM, generator=drawn, dtype=torch.float64).expand(N, -1) for _ in range(2))

    def slope(x: Tensor) -> Tensor:
        x = x.detach().requires_grad_(True)
        return torch.autograd.grad(d(x).sum(), x, create_graph=True)[0]

    return SimpleNamespace(
        real=real, fake=fake, normal=torch.randn(N, DIM, generator=drawn, dtype=torch.float64), input_gradient=slope,
        discriminate=lambda x: DiscriminatorOutput(d(x)),
    )  # fmt: skip


@BOTH
def test_of_a_linear_d_it_is_sigma_squared_times_the_squared_norm_in_expectation(term: Any) -> None:
    """Of given noise sigma^2 E (w eps)^2 to rounding, which has the variance 2 sigma^4 |w|^4 / n."""
    w = torch.tensor([[0.6, -0.8, 2.0]], dtype=torch.float64, requires_grad=True)
    context = context_of(lambda x: x @ w.T)
    value = term(weight=1.0, sigma=SIGMA).value(context)
    along = context.normal @ w.detach()[0]
    assert value.item() == pytest.approx(SIGMA**2 * along.square().mean().item(), rel=1e-9)
    norm = w.square().sum().item()
    assert abs(value.item() / SIGMA**2 - norm) < 4 * norm * (2 / N) ** 0.5
    (gradient,) = torch.autograd.grad(value, w)
    expected = 2 * SIGMA**2 * (along[:, None] * context.normal).mean(0)
    torch.testing.assert_close(gradient[0], expected, rtol=1e-8, atol=0)


@BOTH
def test_its_limit_is_that_penalty_of_weight_two_sigma_squared(term: Any) -> None:
    """Of a smooth D with two logits, whose sum counts. Of given noise the rest is of the order sigma."""
    torch.manual_seed(0)
    context = context_of(nn.Sequential(nn.Linear(DIM, 8), nn.Tanh(), nn.Linear(8, 2)).double())
    limit, x = (R1, context.real) if term is ApproximateR1 else (R2, context.fake)
    along = (context.input_gradient(x) * context.normal).sum(1).square().mean().item()
    apart = [abs(term(weight=1.0, sigma=s).value(context).item() / s**2 - along) for s in (1e-2, 1e-3)]
    assert apart[1] < 0.2 * apart[0] < 0.01 * along
    assert along == pytest.approx(limit(weight=2.0)(context, 0).item(), rel=4 * (2 / N) ** 0.5)


class OnceOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
        x, w = ctx.saved_tensors
        return slope @ w.T, x.T @ slope


def test_it_needs_no_second_derivative_of_d() -> None:
    w = torch.ones(DIM, 1, dtype=torch.float64, requires_grad=True)
    context = context_of(lambda x: OnceOnly.apply(x, w))
    torch.autograd.grad(ApproximateR1()(context, 0), w)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(R1()(context, 0), w)


def test_both_views_are_judged_by_the_same_normalised_weights(composed: Callable[..., DictConfig]) -> None:
    """Each use of a spectrally normalised D makes another step of the power iteration, which the term must not see."""

    def act(gan: GAN) -> None:
        context = gan.context(gan.d)
        gan.objective(gan.d, context)
        assert context.normal.shape == context.real.shape
        assert ApproximateR1(sigma=1e-12).value(context).item() == 0

    play_with(act, composed("model=mlp", "data=ring", "wrapper@d_wrappers=[spectral_norm]"))
