"""Adam with its epsilon inside the square root."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from gan_lab.ranges import NonNegativeFloat, PositiveFloat


class RootAdam(Optimizer):
    """w <- w - lr m^ / sqrt(v^ + eps), as in the code of Salimans et al. 2016 (openai/improved-gan, eps 1e-8).

    m and v are Adam's averages of the gradient and of its square, m^ and v^ those without bias (Kingma & Ba 2015,
    algorithm 1), who divide by sqrt(v^) + eps. No eps makes the two alike: inside the root it shortens a step along a
    steady gradient g by 1 / sqrt(1 + eps / g^2), outside by 1 / (1 + eps / |g|).

    State, of each weight: `step`, `exp_avg` (m) and `exp_avg_sq` (v).
    """

    seeds_together: ClassVar[bool] = True  # each number moves by itself

    def __init__(
        self,
        params: Iterable[Any],
        lr: PositiveFloat = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: NonNegativeFloat = 1e-8,
        differentiable: bool = False,
    ) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be in [0, 1); they are {list(betas)}")
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps, "differentiable": differentiable})

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = None if closure is None else closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                with torch.set_grad_enabled(group["differentiable"]):
                    self._move(weights, group)
        return loss

    def _move(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        """All at once: on a GPU a few kernels move them."""
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        states = [self.state[weight] for weight in weights]
        for weight, state in zip(weights, states, strict=True):
            if not state:
                state |= {"step": 0, "exp_avg": torch.zeros_like(weight), "exp_avg_sq": torch.zeros_like(weight)}
            state["step"] += 1
        m, v = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
        (b1, b2), steps = group["betas"], [state["step"] for state in states]
        torch._foreach_lerp_(m, gradients, 1 - b1)
        torch._foreach_mul_(v, b2)
        torch._foreach_addcmul_(v, gradients, gradients, 1 - b2)
        root = torch._foreach_div(v, [1 - b2**t for t in steps])
        torch._foreach_add_(root, group["eps"])
        root = torch._foreach_sqrt(root)
        torch._foreach_addcdiv_(weights, m, root, [-group["lr"] / (1 - b1**t) for t in steps])
