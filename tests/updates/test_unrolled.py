"""Laws of the unrolled GAN: what G descends, and by which steps D is foreseen."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from helpers.configuration import options
from helpers.players import play_with
from helpers.toy_players import QUANTILES, slope_of_g
from omegaconf import DictConfig
from torch import nn

from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.losses import NonSaturating
from gan_lab.optimizers import Foresight, RootAdam
from gan_lab.updates import Unrolled


def slope_of_the_divergence(theta: float = 1.0) -> float:
    """d/dtheta 2 JSD(N(0, 1) || N(theta, 1)) = int dq/dtheta log(2 q / (p + q)), by quadrature."""
    x = torch.linspace(-12, 13, 20001, dtype=torch.float64)
    p, q = (torch.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi) for mean in (0.0, theta))
    return torch.trapezoid((x - theta) * q * torch.log(2 * q / (p + q)), x).item()


OPTIMIZERS = {
    "sgd": partial(torch.optim.SGD, lr=1.0),
    "momentum": partial(torch.optim.SGD, lr=0.1, momentum=0.9),
    "adam": partial(torch.optim.Adam, lr=0.05, betas=(0.5, 0.999)),
    "root_adam": partial(RootAdam, lr=0.05, betas=(0.5, 0.999)),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_with_many_steps_g_descends_twice_the_jensen_shannon_divergence(optimizer: str) -> None:
    """Adam's stay below the number where D has converged to rounding, and what Adam divides by vanishes."""
    exact = slope_of_the_divergence()
    assert exact == pytest.approx(0.398, abs=5e-4)
    steps = 100 if optimizer.endswith("adam") else 400
    assert slope_of_g(Unrolled(steps=steps), OPTIMIZERS[optimizer]) == pytest.approx(exact, rel=0.01)


def test_with_more_steps_the_gradient_comes_nearer() -> None:
    exact = slope_of_the_divergence()
    errors = [abs(slope_of_g(Unrolled(steps=k, lr=0.8), OPTIMIZERS["sgd"]) - exact) for k in (1, 5, 50)]
    assert errors == sorted(errors, reverse=True)


def test_of_other_losses_g_descends_its_own_cost() -> None:
    """At psi_K the non-saturating J_G = E s(-f) has the gradient -E (1 - D(x)) dD/dx, and what comes by psi_K."""
    found = slope_of_g(Unrolled(steps=1, lr=0.5), OPTIMIZERS["sgd"], NonSaturating())
    theta = torch.tensor(1.0, requires_grad=True)
    fake = QUANTILES[:, 0] + theta
    a, b = -0.5 * (0.5 * fake.mean() - 0.5 * QUANTILES.mean()), torch.zeros(())  # one step from D = 1/2
    (slope,) = torch.autograd.grad(nn.functional.softplus(-(a * fake + b)).mean(), theta)
    assert found == pytest.approx(slope.item(), rel=1e-5)


@pytest.mark.parametrize("optimizer", options("optimizer"))
def test_the_foreseen_steps_are_those_that_d_would_make(composed: Callable[..., DictConfig], optimizer: str) -> None:
    """On one batch, after two real rounds that have given the optimiser a state."""

    def act(gan: GAN) -> None:
        context = gan.context(gan.d, gan.g)
        if gan.round < 2:
            _descend(gan, context)
            return
        ahead, weights = gan.foresight(gan.d), [*gan.d.weights]
        for _ in range(3):
            gradient = gan.gradient(gan.d, *gan.objective(gan.d, context.against(weights)), weights, create_graph=True)
            weights = ahead(weights, gradient)
        for _ in range(3):
            _descend(gan, context.against())
        for one, other in zip(weights, gan.d.weights, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)

    play_with(act, composed("model=mlp", "data=ring", f"optimizer={optimizer}", "optimizer.lr=0.01"), rounds=3)


def _descend(gan: GAN, context: Any) -> None:
    gan.move(gan.d, gan.gradient(gan.d, *gan.objective(gan.d, context.against(gan.d.weights))))


def test_foreseen_steps_of_units_without_a_gradient_are_none_and_have_derivatives() -> None:
    """Adam's square root of averaged squares has no derivative at 0, where the units that are never on are."""
    weights = [torch.ones(3, requires_grad=True)]
    source = torch.tensor([0.0, 0.0, 2.0], requires_grad=True)
    ahead = Foresight(torch.optim.Adam(weights, lr=0.1))
    moved = ahead(ahead(weights, [source]), [source * torch.tensor([0.0, 1.0, 1.0])])
    torch.testing.assert_close(moved[0], torch.tensor([1.0, 1.0, 0.8]))
    (slope,) = torch.autograd.grad(moved[0].sum(), source)
    assert slope.isfinite().all()


def test_an_optimiser_that_cannot_be_differentiated_is_refused() -> None:
    with pytest.raises(UserError, match=r"^update=unrolled: LBFGS cannot be differentiated; take optimizer=adam"):
        Foresight(torch.optim.LBFGS([torch.ones(1, requires_grad=True)]))
