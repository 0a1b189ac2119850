"""The same games as short and as fast as one can write them by hand, with nothing but torch."""

import math
from collections.abc import Callable
from copy import deepcopy
from itertools import count

import torch
from torch import Tensor
from torch.nn.functional import softplus

from racing.data import from_memory
from racing.networks import penalty
from racing.workloads import WORKLOADS, Workload


class Players:
    """Both networks, fused optimisers and the average: what every round is given."""

    def __init__(self, workload: Workload) -> None:
        self.d, self.g = workload.players()
        self.average = deepcopy(self.g).requires_grad_(False)
        if workload.channels_last:
            for network in (self.d, self.g, self.average):
                network.to(memory_format=torch.channels_last)
        self.d_weights: list[Tensor] = list(self.d.parameters())
        self.g_weights: list[Tensor] = list(self.g.parameters())
        self.d_move, self.g_move = (
            (torch.optim.SGD if "momentum" in settings else torch.optim.Adam)(weights, fused=True, **settings)
            for weights, settings in (
                (self.d_weights, workload.optimizers["d"]),
                (self.g_weights, workload.optimizers["g"]),
            )
        )
        self.averaged: list[Tensor] = list(self.average.parameters())
        self.decay = workload.ema
        self.kept, self.buffers = (
            [b for b in network.buffers() if b.is_floating_point()] for network in (self.average, self.g)
        )

    def update(self, t: int) -> None:
        """The average follows G."""
        with torch.no_grad():
            share = (1 - self.decay) / (1 - self.decay**t)
            torch._foreach_lerp_(self.averaged, self.g_weights, share)
            if self.kept:
                torch._foreach_lerp_(self.kept, self.buffers, share)


def noise(workload: Workload) -> Callable[[], Tensor]:
    size, bound = (workload.batch, workload.latent_dim), workload.uniform
    if bound is None:
        return lambda: torch.randn(size)
    return lambda: torch.empty(size).uniform_(-bound, bound)


def alternating(p: Players, real: Tensor, noise: Callable[[], Tensor], gamma: float) -> tuple[Tensor, Tensor]:
    """A step of D, then a step of G against it; the losses."""
    with torch.no_grad():
        fake = p.g(noise())
    if gamma:
        real, fake = real.requires_grad_(), fake.requires_grad_()
    on_real, on_fake = p.d(real), p.d(fake)
    d_loss = softplus(-on_real).mean() + softplus(on_fake).mean()
    objective = d_loss
    if gamma:
        slopes = penalty(real, on_real) + penalty(fake, on_fake)
        objective = d_loss + gamma * slopes
    p.d_move.zero_grad()
    objective.backward(inputs=p.d_weights)
    p.d_move.step()

    g_loss = softplus(-p.d(p.g(noise()))).mean()
    p.g_move.zero_grad()
    g_loss.backward(inputs=p.g_weights)
    p.g_move.step()
    return d_loss.detach(), g_loss.detach()


def shared_fakes(p: Players, real: Tensor, noise: Callable[[], Tensor], _: float) -> tuple[Tensor, Tensor]:
    """A step of D, then a step of G against it with the same samples; the losses."""
    fake = p.g(noise())
    d_loss = softplus(-p.d(real)).mean() + softplus(p.d(fake.detach())).mean()
    p.d_move.zero_grad()
    d_loss.backward(inputs=p.d_weights)
    p.d_move.step()

    g_loss = softplus(-p.d(fake)).mean()
    p.g_move.zero_grad()
    g_loss.backward(inputs=p.g_weights)
    p.g_move.step()
    return d_loss.detach(), g_loss.detach()


def simultaneous(p: Players, real: Tensor, noise: Callable[[], Tensor], _: float) -> tuple[Tensor, Tensor]:
    """Both steps from one pass; the losses."""
    on_real, on_fake = p.d(real), p.d(p.g(noise()))
    d_loss = softplus(-on_real).mean() + softplus(on_fake).mean()
    g_loss = softplus(-on_fake).mean()
    p.d_move.zero_grad(), p.g_move.zero_grad()
    d_loss.backward(inputs=p.d_weights, retain_graph=True)
    g_loss.backward(inputs=p.g_weights)
    p.d_move.step(), p.g_move.step()
    return d_loss.detach(), g_loss.detach()


def game(workload: Workload) -> Callable[..., tuple[Tensor, Tensor]]:
    """The round that the workload is of."""
    if workload.simultaneous:
        return simultaneous
    return shared_fakes if workload.reuse else alternating


def schedule(name: str, p: Players, t: int) -> None:
    """What moves round by round: the ring's cosine over 16,000 rounds; the 2014 recipe's decay and momentum."""
    for optimizer in (p.d_move, p.g_move):
        group = optimizer.param_groups[0]
        lr = group.setdefault("initial_lr", group["lr"])
        if name == "ring":
            group["lr"] = lr * (1 + math.cos(math.pi * t / 16_000)) / 2
        elif name == "mnist_2014":
            group["lr"] = max(lr / 1.000004**t, 1e-6)
            group["momentum"] = 0.5 + 0.2 * min(max((t - 500) / 124_500, 0.0), 1.0)


def bare(name: str, root: str, after: Callable[[], None], every: int = 50) -> None:
    """Rounds without end; the losses are read every so many of them."""
    workload = WORKLOADS[name]
    players, draw, z = Players(workload), from_memory(workload, root), noise(workload)
    play = game(workload)
    for t in count(1):
        losses = play(players, draw(), z, workload.gamma)
        players.update(t)
        schedule(name, players, t)
        if t % every == 0:
            print(t, *(loss.item() for loss in losses))
        after()
