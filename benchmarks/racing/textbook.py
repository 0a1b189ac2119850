"""The loop that most public code uses: `backward()` for real and for fake, a DataLoader, G's pass through a live D."""

from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from racing.data import from_loader
from racing.networks import penalty
from racing.workloads import WORKLOADS


def textbook(name: str, root: str, after: Callable[[], None], every: int = 50) -> None:
    """Rounds without end, as in PyTorch's DCGAN example; one batch of noise serves both players."""
    workload = WORKLOADS[name]
    d, g = workload.players()
    d_move, g_move = (
        (torch.optim.SGD if "momentum" in workload.optimizers[p] else torch.optim.Adam)(
            network.parameters(), **workload.optimizers[p]
        )
        for p, network in (("d", d), ("g", g))
    )
    bound = workload.uniform
    for t, real in enumerate(from_loader(workload, root), 1):
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        d_move.zero_grad()
        real.requires_grad_(workload.gamma > 0)
        on_real = d(real)
        d_real = cross_entropy(on_real, ones)
        if workload.gamma:
            d_real = d_real + workload.gamma * penalty(real, on_real)
        d_real.backward()

        z = torch.randn(len(real), workload.latent_dim)
        fake = g(z if bound is None else torch.empty_like(z).uniform_(-bound, bound))
        seen = fake.detach().requires_grad_(workload.gamma > 0)
        on_fake = d(seen)
        d_fake = cross_entropy(on_fake, zeros)
        if workload.gamma:
            d_fake = d_fake + workload.gamma * penalty(seen, on_fake)
        d_fake.backward()
        d_move.step()

        g_move.zero_grad()
        g_loss = cross_entropy(d(fake), ones)
        g_loss.backward()
        g_move.step()
        if t % every == 0:
            print(t, (d_real + d_fake).item(), g_loss.item())
        after()
