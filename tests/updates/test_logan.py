"""LOGAN's steps of the noise and of the players, where both are known in closed form."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_lab.updates import LOGAN

UNIFORM = torch.tensor([0.1, 0.2, 0.3, 0.9])


class Linear:
    """G(z) = theta z and D(x) = psi x in one number each, so that grad_z D(G(z)) = theta psi; the objective is E z'."""

    def __init__(self, theta: float = 0.5, psi: float = 0.4) -> None:
        self.d, self.g = (
            SimpleNamespace(name=name, weight=torch.tensor(value, requires_grad=True))
            for name, value in (("d", psi), ("g", theta))
        )
        self.moved: dict[str, float] = {}

    def context(self, player: Any, z: Tensor | None = None) -> Any:
        z = torch.tensor([[0.0], [0.0], [0.0], [0.6]]) if z is None else z
        return SimpleNamespace(
            z=z,
            uniform=UNIFORM,
            generate=lambda z: self.g.weight * z,
            discriminate=lambda x: SimpleNamespace(logits=(self.d.weight * x)[:, 0]),
            replacing=lambda z: self.context(player, z),
        )

    def objective(self, player: Any, context: Any) -> tuple[Tensor, dict[str, Tensor]]:
        return context.z.mean(), {}

    def gradient(self, player: Any, objective: Tensor, seen: Any) -> list[Tensor]:
        return [*torch.autograd.grad(objective, player.weight)]

    def move(self, player: Any, gradient: list[Tensor]) -> None:
        self.moved[player.name] = gradient[0].item()


@pytest.mark.parametrize(
    ("bound", "expected"), [(None, [0, 0, 1.8, 2.4]), (1.0, [0, 0, 1, 1]), (0.5, [0, 0, 0.5, 0.5])]
)
def test_the_share_of_the_noise_moves_along_the_gradient_and_all_is_clipped(
    bound: float | None, expected: list[float]
) -> None:
    """g = .2: the step is alpha g / (beta + g^2) = .72 / (.04 + .04) .2 = 1.8."""
    update, game = LOGAN(alpha=0.72, beta=0.04, share=0.75, bound=bound), Linear()
    step, cost = update.improved(game.context(None))
    torch.testing.assert_close(step.z, torch.tensor(expected, dtype=torch.float)[:, None])
    assert cost.item() == pytest.approx(1.8**2)


def test_no_noise_moves_where_its_draw_is_at_the_share() -> None:
    step, _ = LOGAN(share=0.75, bound=None).improved(
        SimpleNamespace(**{**vars(Linear().context(None)), "uniform": torch.full((4,), 0.25)})
    )
    torch.testing.assert_close(step.z[:, 0], torch.tensor([0, 0, 0, 0.6]))


def test_the_squares_are_those_of_whole_noises() -> None:
    """Two numbers a noise, of slopes 3 and 4: the step is alpha (3, 4) / (beta + 25)."""
    slopes = torch.tensor([3.0, 4.0])
    context: Any = SimpleNamespace(
        z=torch.zeros(5, 2), uniform=torch.ones(5), generate=lambda z: z,
        discriminate=lambda x: SimpleNamespace(logits=x @ slopes), replacing=lambda z: SimpleNamespace(z=z),
    )  # fmt: skip
    step, cost = LOGAN(alpha=2.6, beta=1.0).improved(context)
    torch.testing.assert_close(step.z, torch.tensor([[0.3, 0.4]]).expand(5, 2))
    assert cost.item() == pytest.approx(0.25)


def test_each_player_descends_its_objective_and_the_cost_of_the_steps_through_them() -> None:
    """s = alpha g / (beta + g^2), g = theta psi: ds/dg = alpha (beta - g^2) / (beta + g^2)^2; half of them move."""
    update, game = LOGAN(alpha=0.3, beta=0.1, share=0.75, weight=0.2, bound=None), Linear()
    update.play(game)  # type: ignore[arg-type]
    g = 0.2
    step, slope = 0.3 * g / (0.1 + g**2), 0.3 * (0.1 - g**2) / (0.1 + g**2) ** 2
    total = (0.5 + 0.2 * 2 * step) * slope
    assert game.moved == pytest.approx({"d": total * 0.5, "g": total * 0.4})


def test_it_says_that_it_differentiates_gradients() -> None:
    assert LOGAN.differentiates_gradients
