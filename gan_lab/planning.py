"""Model-predictive control with a learnt or known model of the world."""

from collections.abc import Callable

import torch
from torch import Tensor

World = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""States (N, d) and actions (N,) int64 -> the next states (N, d), and whether it goes on there (N,) bool.

It may be random: each row is then a draw from p(next state, goes on | state, action).
"""


def survival(world: World, states: Tensor, plans: Tensor, draws: int) -> Tensor:
    """Steps that each plan is expected to survive: the mean over `draws` futures of sum_t prod_{s <= t} [goes on at s].

    States (E, d), plans (H, E, S) int64 -> (E, S), each in 0 to H. A step after the end earns nothing.
    """
    _, environments, sequences = plans.shape
    shape = (environments, sequences, draws)
    state = states[:, None, None].expand(*shape, -1).flatten(0, 2)
    alive = torch.ones(len(state), dtype=torch.bool)
    steps = torch.zeros(len(state))
    for actions in plans:
        state, goes_on = world(state, actions[:, :, None].expand(shape).flatten())
        alive = alive & goes_on
        steps += alive
    return steps.view(shape).mean(2)


def shoot(
    world: World, states: Tensor, actions: int, horizon: int, sequences: int, draws: int, temperature: float,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """The action (E,) to take in each state (E, d), by random shooting in the model `world`.

    `sequences` plans of `horizon` uniformly random actions are tried, equally many for each first action, each in
    `draws` futures. A plan that survives R steps weighs exp(R / temperature) (MPPI, Williams et al. 2017), and
    the first action of most weight is taken: the best plan's own as the temperature goes to 0, where plans that are
    equally good, as most are while there is no danger, would leave the choice to chance.

    Raises:
        ValueError: the plans cannot be shared equally among the first actions.
    """
    if sequences % actions != 0:
        raise ValueError(f"sequences={sequences} plans cannot be shared equally among {actions} first actions")
    plans = torch.randint(actions, (horizon, len(states), sequences), generator=generator)
    plans[0] = torch.arange(sequences) % actions
    weights = torch.softmax(survival(world, states, plans, draws) / temperature, 1)
    votes = torch.zeros(len(states), actions).scatter_add_(1, plans[0], weights)
    return votes.argmax(1)
