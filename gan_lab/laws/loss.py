"""Laws of an adversarial loss."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from gan_lab.laws.law import Law, check_slope, demand


def _costs(loss: Any) -> Iterator[tuple[str, Callable[[Tensor, Tensor], Tensor]]]:
    yield "discriminator", loss.discriminator
    yield "generator", lambda real, fake: loss.generator(real if loss.generator_sees_real else None, fake)


def _logits(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    real, fake = 2 * torch.randn(2, 6, generator=torch.Generator().manual_seed(0), dtype=dtype)
    return real, fake


def declares(loss: Any) -> None:
    """It says what the game asks of it."""
    demand(isinstance(getattr(loss, "generator_sees_real", None), bool), "generator_sees_real must be True or False")
    demand(hasattr(loss, "boundary"), "boundary must be a logit, or None")
    demand(loss.boundary is None or isinstance(loss.boundary, float), "boundary must be a float or None")


def is_a_mean(loss: Any) -> None:
    """Each cost is a scalar, the same for logits of another shape and for each sample twice."""
    real, fake = _logits()
    for name, cost in _costs(loss):
        value = cost(real, fake)
        demand(value.shape == (), f"{name}() has the shape {tuple(value.shape)}, and must be a scalar")
        shaped = cost(real.view(2, 1, 3, 1), fake.view(2, 1, 3, 1))
        demand(shaped.shape == (), f"{name}() has the shape {tuple(shaped.shape)} for logits of patches")
        demand(torch.allclose(shaped, value), f"{name}() depends on the shape of the logits: {value:.4g}, {shaped:.4g}")
        twice = cost(real.repeat(2), fake.repeat(2))
        demand(torch.allclose(twice, value), f"{name}() of each sample twice is {twice:.4g}, of each once {value:.4g}")


def is_finite(loss: Any) -> None:
    """Costs and gradients are finite in single precision at logits of +-50, whoever is right."""
    for sign in (-50.0, 50.0):
        real, fake = (torch.full((4,), s, requires_grad=True) for s in (sign, -sign))
        for name, cost in _costs(loss):
            value = cost(real, fake)
            demand(bool(value.isfinite()), f"{name}() is {value:.4g} at logits of {sign:g} and {-sign:g}")
            for gradient in torch.autograd.grad(value, [real, fake], allow_unused=True, materialize_grads=True):
                demand(bool(gradient.isfinite().all()), f"the gradient of {name}() is not finite at logits of {sign:g}")


def has_its_gradient(loss: Any) -> None:
    """Gradients are the slopes of the costs."""
    for name, cost in _costs(loss):
        real, fake = _logits()
        at = torch.cat([real, fake]).requires_grad_(True)
        value = cost(*at.chunk(2))
        (gradient,) = torch.autograd.grad(value, at, allow_unused=True, materialize_grads=True)

        def of(both: Tensor, cost: Callable[[Tensor, Tensor], Tensor] = cost) -> float:
            return float(cost(*both.chunk(2)))

        check_slope(of, gradient, at.detach(), f"{name}()", step=1e-6, tolerance=1e-3)


def is_adversarial(loss: Any) -> None:
    """D prefers to be right, and G prefers that D is wrong."""
    right, wrong = torch.full((3,), 0.5), torch.full((3,), -0.5)
    costs = dict(_costs(loss))
    demand(
        bool(costs["discriminator"](right, wrong) < costs["discriminator"](wrong, right)),
        "discriminator() is not lower where real logits are high and fake ones low",
    )
    demand(
        bool(costs["generator"](wrong, right) < costs["generator"](right, wrong)),
        "generator() is not lower where fake logits are high",
    )


def runs_on_a_device(loss: Any) -> None:
    """Costs and gradients need no tensor on the CPU, and look at no number."""
    real, fake = (torch.empty(4, device="meta", requires_grad=True) for _ in range(2))
    for _, cost in _costs(loss):
        torch.autograd.grad(cost(real, fake), [real, fake], allow_unused=True)


LOSS: dict[str, Law] = {
    "declares generator_sees_real and boundary": declares,
    "scalar mean over any shape of logits": is_a_mean,
    "finite at logits of +-50": is_finite,
    "gradients equal finite differences": has_its_gradient,
    "D prefers to be right, G that D is wrong": is_adversarial,
    "runs on any device, without a look at numbers": runs_on_a_device,
}
