"""Transitions of a gymnasium environment, for a generator that simulates it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gan_lab.data.identity import DataIdentity
from gan_lab.data.memory import InMemory
from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeInt, PositiveFloat, PositiveInt, Shape
from gan_lab.seeding import derive_seed


class Recorded(NamedTuple):
    """What was seen: states (N, d) and following ones, float32; actions (N,) int64; whether it went on, (N,) bool."""

    state: Tensor
    action: Tensor
    following: Tensor
    alive: Tensor


class Transitions(InMemory):
    """(s, a, s', alive) of random play, as x given y: what p(s', alive | s, a) is to be learnt from.

    x (d + 1,): the change s' - s, standardised, and 1 where the episode goes on, -1 where s' ends it.
    y (d + k,): the state s, standardised, and the unit vector of the action a among k.

    The environment has discrete actions and shows its `state` as it is, as gymnasium's CartPole does. Each episode
    takes its k actions with probabilities of its own, uniform on the simplex, and starts at a state uniform in
    +-`spread`: random play from the environment's own start (`spread` None) stays near that. What was seen follows from
    `transitions_seed`, and is the same for runs of any seed (None: from the run's own).

    Raises:
        UserError: gymnasium is not installed, knows no such environment, or has others than are stated.
    """

    def __init__(
        self,
        environment: str,
        spread: Sequence[PositiveFloat] | None,
        transitions: PositiveInt,
        shape: Shape,
        condition_dim: PositiveInt,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        transitions_seed: NonNegativeInt | None = None,
    ) -> None:
        super().__init__(shape, None, batch_size, seed)
        self.environment, self.transitions = environment, transitions
        self.transitions_seed = seed if transitions_seed is None else transitions_seed
        self.spread = None if spread is None else np.array(spread)
        self.condition_dim: int = condition_dim

    @property
    def identity(self) -> DataIdentity:
        return DataIdentity(self.transitions)  # computed: to the bit only where machines round alike

    @cached_property
    def recorded(self) -> Recorded:
        """`transitions` steps of the environment, played on first use."""
        env = open_environment(self.environment)
        d, k = env.observation_space.shape[0], int(env.action_space.n)
        asked_and_has: dict[str, tuple[Any, Any]] = {
            "spread": (d if self.spread is None else len(self.spread), d),
            "shape": (list(self.shape), [d + 1]),
            "condition_dim": (self.condition_dim, d + k),
        }
        for name, (asked, has) in asked_and_has.items():
            if asked != has:
                raise UserError(
                    f"data.{name}: {self.environment} has {d} coordinates and {k} actions: {has}, not {asked}"
                )
        rng = np.random.default_rng(derive_seed(self.transitions_seed, "transitions"))
        rows: list[tuple[Any, ...]] = []
        while len(rows) < self.transitions:
            env.reset(seed=int(rng.integers(2**31)))
            if self.spread is not None:
                env.state = rng.uniform(-self.spread, self.spread)
            habit, state, ended = rng.dirichlet(np.ones(k)), np.array(env.state), False
            while not ended and len(rows) < self.transitions:
                action = int(rng.choice(k, p=habit))
                following, _, ended, *_ = env.step(action)
                rows.append((state, action, following, not ended))
                state = following
        states, actions, followings, alive = (torch.as_tensor(np.array(part)) for part in zip(*rows, strict=True))
        return Recorded(states.float(), actions, followings.float(), alive)

    @cached_property
    def scales(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean and standard deviation of the states and of the changes, each (d,)."""
        state, change = self.recorded.state, self.recorded.following - self.recorded.state
        return state.mean(0), state.std(0), change.mean(0), change.std(0)

    @cached_property
    def whole(self) -> tuple[Tensor, Tensor]:
        state, action, following, alive = self.recorded
        _, _, mean, std = self.scales
        x = torch.cat([(following - state - mean) / std, 2.0 * alive[:, None] - 1], 1)
        return x, self.condition(state, action)

    def condition(self, state: Tensor, action: Tensor) -> Tensor:
        """y (N, d + k) of states (N, d) and actions (N,)."""
        mean, std, _, _ = self.scales
        return torch.cat([(state - mean) / std, F.one_hot(action, self.condition_dim - len(mean)).to(state)], 1)

    def outcome(self, state: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The next states (N, d) and whether it goes on (N,), from x (N, d + 1): the way back from `whole`."""
        _, _, mean, std = self.scales
        return state + x[:, :-1] * std + mean, x[:, -1] > 0


def open_environment(name: str) -> Any:
    """Gymnasium's environment of that name, without its limit of time.

    Raises:
        UserError: it is not installed, knows none of that name, or one that is not of the kind asked for.
    """
    try:
        import gymnasium  # slow, so here only
    except ImportError as error:
        raise UserError("data: gymnasium is not installed; pip install gymnasium") from error
    try:
        env: Any = gymnasium.make(name).unwrapped
    except gymnasium.error.Error as error:
        raise UserError(f"data.environment={name}: {error}") from error
    env.reset(seed=0)
    flat = isinstance(env.observation_space, gymnasium.spaces.Box) and len(env.observation_space.shape) == 1
    if not (flat and isinstance(env.action_space, gymnasium.spaces.Discrete)):
        raise UserError(f"data.environment={name}: needs states that are vectors and discrete actions")
    if np.shape(getattr(env, "state", ())) != env.observation_space.shape:
        raise UserError(f"data.environment={name}: does not show its state as it is")
    return env
