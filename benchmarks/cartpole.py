"""Planning in a generated world: `python benchmarks/cartpole.py RUN_DIR` of experiment=cartpole_world.

Plays gymnasium's CartPole-v1 (seeds 0 to 19, at most 500 steps) by random shooting; prints mean and standard deviation,
least and greatest return of

random: no plan at all;
GAN: plans made in the run's generated world alone, several futures for each plan;
GAN, z = 0: the same without its noise, one future;
MSE: plans made in the same network trained to the least squared error on the same transitions, where z = 0 as well;
truth: plans made in the equations of motion, which are not learnt.

Beside each learnt world: of the ends of episodes among as many transitions of other random play, the share that it
foresees, and of all steps that are none, the share that it takes for one.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import gymnasium
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from gan_lab.data.transitions import Recorded
from gan_lab.io.generator import load_generator
from gan_lab.planning import World, shoot
from gan_lab.seeding import derive_seed

EPISODES = 20
HORIZON, SEQUENCES, DRAWS, TEMPERATURE = 15, 128, 4, 1.0


def truth(state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """CartPole's equations of motion (Barto, Sutton & Anderson 1983), by Euler's method with steps of 0.02 s."""
    _, velocity, angle, spin = state.unbind(1)
    cos, sin = angle.cos(), angle.sin()
    push = (20.0 * action - 10 + 0.05 * spin**2 * sin) / 1.1
    torque = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
    rates = torch.stack([velocity, push - 0.05 * torque * cos / 1.1, spin, torque], 1)
    following = state + 0.02 * rates
    return following, (following[:, 0].abs() <= 2.4) & (following[:, 2].abs() <= torch.pi / 15)


def learnt(network: nn.Module, data: Any, noise: Callable[[int], Tensor]) -> World:
    """The world as a network sees it; each call is a draw."""

    @torch.no_grad()
    def world(state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        return data.outcome(state, network(noise(len(state)), data.condition(state, action)))

    return world


def regressed(network: nn.Module, data: Any, noise: Callable[[int], Tensor], rounds: int) -> nn.Module:
    """The network after `rounds` batches of least squares, by Adam at 1e-3 with a cosine schedule."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, rounds)
    for x, y, _ in islice(data.batches(0), rounds):
        optimizer.zero_grad()
        (network(noise(len(x)), y) - x).square().mean().backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def returns(policy: Callable[[Tensor], Tensor]) -> Tensor:
    """Of one real episode for each seed; all of them ask the policy at once, (E, 4) -> (E,)."""
    envs = [gymnasium.make("CartPole-v1") for _ in range(EPISODES)]
    states = torch.stack([torch.as_tensor(env.reset(seed=seed)[0]) for seed, env in enumerate(envs)])
    earned, playing = torch.zeros(EPISODES), list(range(EPISODES))
    while playing:
        ended = set()
        for i, action in zip(playing, policy(states[playing]).tolist(), strict=True):
            state, reward, terminated, truncated, _ = envs[i].step(action)
            states[i] = torch.as_tensor(state)
            earned[i] += float(reward)
            ended |= {i} if terminated or truncated else set()
        playing = [i for i in playing if i not in ended]
    return earned


def ends(world: World, others: Recorded) -> str:
    """How well a world foresees where an episode ends."""
    foreseen = ~world(others.state, others.action)[1]
    right, wrong = (100 * foreseen[chosen].float().mean() for chosen in (~others.alive, others.alive))
    return f"; foresees {right:.1f} % of the ends, and {wrong:.2f} % where there is none"


def main(directory: str) -> None:
    config = OmegaConf.load(Path(directory) / "config.yaml")
    data = instantiate(config.data.module)
    others = instantiate(config.data.module, transitions_seed=data.transitions_seed + 1000).recorded
    recipe, weights = load_generator(Path(directory) / "generator.safetensors")[:2]
    latent = instantiate(recipe["latent"])
    generator = instantiate(recipe["generator"]).eval()
    generator.load_state_dict(weights.get("average", weights["raw"]))

    def still(n: int) -> Tensor:
        return torch.zeros(n, latent.dim)

    dice = torch.Generator().manual_seed(derive_seed(0, "futures"))
    torch.manual_seed(derive_seed(config.seed, "weights"))
    regression = regressed(instantiate(recipe["generator"]), data, still, config.rounds)
    worlds: dict[str, tuple[World, int]] = {
        "GAN": (learnt(generator, data, partial(latent.sample, generator=dice)), DRAWS),
        "GAN, z = 0": (learnt(generator, data, still), 1),
        "MSE": (learnt(regression, data, still), 1),
        "truth": (truth, 1),
    }

    def play(name: str, policy: Callable[[Tensor, torch.Generator], Tensor], foresight: str = "") -> None:
        began, plans = time.perf_counter(), torch.Generator().manual_seed(derive_seed(0, "plans"))
        earned = returns(lambda states: policy(states, plans))
        spread = f"{earned.mean():6.1f} +- {earned.std():5.1f}, {earned.min():3.0f} to {earned.max():3.0f}"
        print(f"{name:>10}: {spread}{foresight}; {time.perf_counter() - began:.0f} s", flush=True)

    def plan(world: World, draws: int, states: Tensor, plans: torch.Generator) -> Tensor:
        return shoot(world, states, 2, HORIZON, SEQUENCES, draws, TEMPERATURE, plans)

    play("random", lambda states, plans: torch.randint(2, (len(states),), generator=plans))
    for name, (world, draws) in worlds.items():
        play(name, partial(plan, world, draws), ends(world, others))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
