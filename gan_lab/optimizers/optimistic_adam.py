"""Optimistic Adam: a step corrected by the change since the last one."""

from typing import Any, ClassVar

import torch


class OptimisticAdam(torch.optim.Adam):
    """w <- w - 2 s_t + s_{t-1}, s_t = lr m^_t / (sqrt(v^_t) + eps) Adam's step (Daskalakis et al. 2018, algorithm 1).

    s_0 = 0. It is for update=simultaneous. (`Optimistic`, an update, gives an optimiser the gradient 2 v_t - v_{t-1}:
    with plain gradient steps that is the same but for the first one; with Adam it is not.)

    State, of each weight: Adam's own, and `past`, the last s.
    """

    seeds_together: ClassVar[bool] = True  # each number moves by itself

    def step(self, closure: Any = None) -> Any:
        moving = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            starts = torch._foreach_mul(moving, 1)  # copies
            loss = super().step(closure)
            ahead = torch._foreach_sub(starts, moving)
            states = [self.state[weight] for weight in moving]
            for state, step in zip(states, ahead, strict=True):
                if "past" not in state:
                    state["past"] = torch.zeros_like(step)
            torch._foreach_add_(moving, torch._foreach_sub([state["past"] for state in states], ahead))
            for state, step in zip(states, ahead, strict=True):
                state["past"] = step
        return loss
