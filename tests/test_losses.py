"""Laws of the adversarial losses."""

import math
from typing import Any

import pytest
import torch
from helpers.configuration import losses, unlike_their_classes
from hydra.utils import instantiate
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.losses import Hinge, Minimax, MultiHinge, Relativistic, TopK
from gan_lab.types import DiscriminatorOutput

LOSSES = losses()
SMOOTH = {"smoothed": instantiate({"_target_": "gan_lab.losses.NonSaturating", "smoothing": 0.9})}
every_loss = pytest.mark.parametrize("loss", [*LOSSES.values(), *SMOOTH.values()], ids=[*LOSSES, *SMOOTH])


def sigmoid(t: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-t))


def step(t: Tensor) -> Tensor:
    return (t > 0).to(t.dtype)


# Derivatives of each cost by hand, for one real logit r and one fake logit f: dJ_D/dr, dJ_D/df, dJ_G/dr, dJ_G/df.
CLOSED_FORM = {
    "minimax": lambda r, f: (-sigmoid(-r), sigmoid(f), 0 * r, -sigmoid(f)),
    "non_saturating": lambda r, f: (-sigmoid(-r), sigmoid(f), 0 * r, -sigmoid(-f)),
    "smoothed": lambda r, f: (-0.9 * sigmoid(-r) + 0.1 * sigmoid(r), sigmoid(f), 0 * r, -sigmoid(-f)),
    "top_k": lambda r, f: (-sigmoid(-r), sigmoid(f), 0 * r, -sigmoid(-f)),  # of one logit, the best is all
    "least_squares": lambda r, f: (r - 1, f, 0 * r, f - 1),
    "hinge": lambda r, f: (-step(1 - r), step(1 + f), 0 * r, -torch.ones_like(f)),
    "multi_hinge": lambda r, f: (-step(1 - r), step(1 + f), 0 * r, -step(1 - f)),
    "wasserstein": lambda r, f: (-torch.ones_like(r), torch.ones_like(f), 0 * r, -torch.ones_like(f)),
    "relativistic": lambda r, f: (-sigmoid(f - r), sigmoid(f - r), sigmoid(r - f), -sigmoid(r - f)),
}


def gradients(cost: Tensor, r: Tensor, f: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(cost, [r, f], materialize_grads=True, allow_unused=True))


@pytest.mark.parametrize("name", [*LOSSES, *SMOOTH])
def test_autograd_equals_the_formula_even_at_logits_of_50(name: str) -> None:
    loss = (LOSSES | SMOOTH)[name]
    points = torch.tensor([-50.0, -7.3, -1.5, -0.2, 0.0, 0.4, 1.5, 2.5, 8.1, 50.0], dtype=torch.float64)
    for a in points:
        for b in points + 0.01:
            r, f = a.reshape(1).requires_grad_(), b.reshape(1).requires_grad_()
            found = [*gradients(loss.discriminator(r, f), r, f), *gradients(loss.generator(r, f), r, f)]
            expected = CLOSED_FORM[name](r.detach(), f.detach())
            for one, other in zip(found, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-30)


@every_loss
def test_finite_in_float32_at_logits_of_50(loss: object) -> None:
    for sign in (-50.0, 50.0):
        r, f = torch.full((4,), sign, requires_grad=True), torch.full((4,), -sign, requires_grad=True)
        for cost in (loss.discriminator(r, f), loss.generator(r, f)):  # type: ignore[attr-defined]
            assert cost.isfinite()
            assert all(g.isfinite().all() for g in gradients(cost, r, f))


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_d_loss_is_log_4_at_equilibrium(name: str) -> None:
    undecided = torch.zeros(5)
    assert LOSSES[name].discriminator(undecided, undecided).item() == pytest.approx(math.log(4))


def test_minimax_is_zero_sum_up_to_the_term_without_g() -> None:
    r, f = torch.randn(16), torch.randn(16)
    value = torch.log(sigmoid(r)).mean() + torch.log(1 - sigmoid(f)).mean()
    assert LOSSES["minimax"].discriminator(r, f).item() == pytest.approx(-value.item(), rel=1e-5)
    assert LOSSES["minimax"].generator(r, f).item() == pytest.approx(torch.log(1 - sigmoid(f)).mean().item(), rel=1e-5)


@every_loss
def test_a_loss_says_that_it_is_zero_sum_if_and_only_if_it_is(loss: object) -> None:
    """J_G is -J_D but for what does not depend on G: their gradients in the fake logits are opposite."""
    r, f = torch.linspace(-3, 3, 8), torch.linspace(2, -2, 8).requires_grad_()
    (of_d,) = torch.autograd.grad(loss.discriminator(r, f), f)  # type: ignore[attr-defined]
    (of_g,) = torch.autograd.grad(loss.generator(r, f), f)  # type: ignore[attr-defined]
    assert torch.allclose(of_g, -of_d) == getattr(loss, "zero_sum", False)


def test_smoothing_moves_the_optimum_of_real_logits_to_its_target() -> None:
    target = torch.tensor([0.9], dtype=torch.float64)
    r = torch.log(target / (1 - target)).requires_grad_()
    (gradient,) = torch.autograd.grad(SMOOTH["smoothed"].discriminator(r, torch.zeros_like(r)), r)
    assert gradient.item() == pytest.approx(0, abs=1e-12)


@every_loss
def test_a_batch_twice_over_costs_and_proves_the_same(loss: Any) -> None:
    """All are means of the batch, whatever its size."""
    r, f = torch.linspace(-2.2, 2.9, 7), torch.linspace(1.8, -2.3, 7)
    for of in (loss.discriminator, loss.generator, loss.divergence_bound):
        torch.testing.assert_close(of(r.repeat(2), f.repeat(2)), of(r, f))


@every_loss
def test_the_boundary_is_the_middle_between_real_and_fake_or_there_is_none(loss: Any) -> None:
    """Mirrored about it, with real and fake exchanged, logits cost D the same; without one only r - f counts."""
    if loss in SMOOTH.values():
        return  # fakes are never smoothed: its two kinds are no mirror images
    r, f = torch.linspace(-2.2, 2.9, 7), torch.linspace(1.8, -2.3, 7)
    one, other = (r + 5, f + 5) if loss.boundary is None else (2 * loss.boundary - f, 2 * loss.boundary - r)
    torch.testing.assert_close(loss.discriminator(one, other), loss.discriminator(r, f))


# Two points with p = (3/4, 1/4) and q = (1/4, 3/4) beside each other, and all pairs of a real and a generated one.
P, Q = torch.tensor([0.75, 0.25], dtype=torch.float64), torch.tensor([0.25, 0.75], dtype=torch.float64)
REAL, FAKE = torch.cartesian_prod(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 1, 1])).T


def jsd(p: Tensor, q: Tensor) -> float:
    m = (p + q) / 2
    return ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()).item() / 2


# Of each loss the logits of the best D at the two points, and the divergence that they reveal.
LOGISTIC = {"jsd_bound": jsd(P, Q), "value": 2 * jsd(P, Q) - math.log(4), "value_gap": 2 * jsd(P, Q)}
LOGISTIC |= {"d_real": (P * P / (P + Q)).sum().item(), "d_fake": (Q * P / (P + Q)).sum().item()}
REVEALED = {
    "minimax": ((P / Q).log(), LOGISTIC),
    "non_saturating": ((P / Q).log(), LOGISTIC),
    "smoothed": ((P / Q).log(), LOGISTIC),
    "top_k": ((P / Q).log(), LOGISTIC),
    "least_squares": (P / (P + Q), {"le_cam_bound": ((P - Q).square() / (P + Q)).sum().item() / 2}),
    "hinge": ((P - Q).sign(), {"tv_bound": (P - Q).abs().sum().item() / 2}),
    "multi_hinge": ((P - Q).sign(), {"tv_bound": (P - Q).abs().sum().item() / 2}),  # of one class
    "wasserstein": (torch.tensor([1.0, 0.0]), {"critic_gap": 0.5}),  # half of the mass has to go a distance of 1
    "relativistic": ((P / Q).log(), {"pair_jsd_bound": jsd(torch.outer(P, Q).flatten(), torch.outer(Q, P).flatten())}),
}


@pytest.mark.parametrize("name", [*LOSSES, *SMOOTH])
def test_the_best_d_proves_the_whole_divergence_and_no_other_more(name: str) -> None:
    (best, divergence), loss = REVEALED[name], (LOSSES | SMOOTH)[name]

    def proved(logits: Tensor) -> dict[str, float]:
        return {key: value.item() for key, value in loss.divergence_bound(logits[REAL], logits[FAKE]).items()}

    assert proved(best) == pytest.approx(divergence)
    bounds = [key for key in divergence if key.endswith(("bound", "value"))]
    for logits in torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).double():
        assert all(proved(logits)[key] <= divergence[key] for key in bounds)
    undecided, wrong = proved(torch.full((2,), loss.boundary or 0.0)), proved(3 - 8 * best)
    bounds = [key for key in bounds if key.endswith("bound")]
    assert all(undecided[key] == pytest.approx(0) and wrong[key] == 0 for key in bounds)


def test_the_yaml_have_the_defaults_of_the_classes() -> None:
    assert unlike_their_classes("loss") == []


@every_loss
def test_scalar_mean_over_any_logit_shape(loss: object) -> None:
    r, f = torch.randn(6), torch.randn(6)
    for cost in ("discriminator", "generator"):
        flat = getattr(loss, cost)(r, f)
        assert flat.shape == ()
        torch.testing.assert_close(getattr(loss, cost)(r.view(2, 1, 3, 1), f.view(2, 1, 3, 1)), flat)


@every_loss
def test_a_generator_that_does_not_see_real_logits_needs_none(loss: object) -> None:
    r, f = torch.randn(6), torch.randn(6)
    if loss.generator_sees_real:  # type: ignore[attr-defined]
        for wrong in (None, r[:1], r[:, None]):
            with pytest.raises(ValueError, match="one shape"):
                loss.generator(wrong, f)  # type: ignore[attr-defined]
    else:
        assert torch.equal(loss.generator(None, f), loss.generator(r, f))  # type: ignore[attr-defined]


@every_loss
def test_d_prefers_to_be_right_and_g_prefers_that_d_is_wrong(loss: object) -> None:
    right, wrong = torch.full((3,), 0.5), torch.full((3,), -0.5)
    assert loss.discriminator(right, wrong) < loss.discriminator(wrong, right)  # type: ignore[attr-defined]
    assert loss.generator(wrong, right) < loss.generator(right, wrong)  # type: ignore[attr-defined]


def test_multi_hinge_is_by_how_much_the_own_class_leads_the_others_and_fake() -> None:
    """Classes 0, 2, 1 and 2: margins 2 - 1.5, .5 - 1 (of class 0), .5 - 0 (of "fake") and -3 - 0."""
    rows = torch.tensor([[2.0, 1.5, -1.0], [1.0, 0.25, 0.5], [-2.0, 0.5, -1.0], [-1.0, -2.0, -3.0]])
    y, margins = torch.tensor([0, 2, 1, 2]), torch.tensor([0.5, -0.5, 0.5, -3.0])
    output = DiscriminatorOutput(rows.amax(1), rows)
    loss = MultiHinge(generator_weight=0.5)
    hinged = (1 - margins).clamp(min=0).mean()
    torch.testing.assert_close(loss.generator_of(output, y), 0.5 * hinged)
    fakes = (1 + rows.amax(1)).clamp(min=0).mean()
    torch.testing.assert_close(loss.discriminator_of(output, output, y), hinged + fakes)
    plain = DiscriminatorOutput(rows[:, 0])
    torch.testing.assert_close(loss.generator_of(plain, None), loss.generator(None, rows[:, 0]))
    with pytest.raises(UserError, match="the data have no labels"):
        loss.generator_of(output, None)


def test_top_k_learns_from_the_best_fakes_and_from_fewer_as_it_goes() -> None:
    loss, logits = TopK(Minimax(), period=2, gamma=0.5, floor=0.125), torch.arange(8.0).flip(0)
    assert [loss.at(step).share for step in (0, 1, 2, 4, 6, 99)] == [1, 1, 0.5, 0.25, 0.125, 0.125]
    for step, best in ((0, 8), (2, 4), (4, 2), (6, 1)):
        torch.testing.assert_close(loss.at(step).generator(None, logits), Minimax().generator(None, logits[:best]))
    few = TopK(Minimax(), share=0.25)
    torch.testing.assert_close(few.generator(None, logits[:2]), Minimax().generator(None, logits[:1]))  # never of none
    assert (loss.zero_sum, loss.at(2).zero_sum, TopK(Hinge()).zero_sum) == (True, False, False)
    assert (loss.generator_sees_real, TopK(Relativistic()).generator_sees_real) == (False, True)
