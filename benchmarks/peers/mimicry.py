"""Mimicry (github.com/kwotsin/mimicry): its trainer with its SN-ResNet-32, and the lab with the same networks."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from racing.gate import Gate
from torch import Tensor, nn

from gan_lab.types import DiscriminatorOutput
from peers.lab import by_lab, images

D_STEPS = 5
LR, BETAS = 2e-4, (0.0, 0.9)


def reach(checkout: str) -> None:
    """Make its modules importable, but for its metrics, which want TensorFlow."""
    sys.path.insert(0, checkout)
    sys.modules.setdefault("torch_mimicry.metrics", ModuleType("torch_mimicry.metrics"))


class Generator(nn.Module):
    """Theirs, as the lab calls one."""

    def __init__(self) -> None:
        super().__init__()
        from torch_mimicry.nets.sngan.sngan_32 import SNGANGenerator32  # type: ignore[import-not-found]

        self.network = SNGANGenerator32()

    def forward(self, z: Tensor, y: Tensor | None = None) -> Any:
        return self.network(z)


class Discriminator(nn.Module):
    """Theirs, as the lab calls one."""

    def __init__(self) -> None:
        super().__init__()
        from torch_mimicry.nets.sngan.sngan_32 import SNGANDiscriminator32

        self.network = SNGANDiscriminator32()

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.network(x).squeeze(1))


class Loader:
    """In place of a DataLoader: batches out of memory. The gate is called as a round is over and the next one draws."""

    def __init__(self, batch: int, gate: Gate) -> None:
        self.batch_size, self.gate = batch, gate

    def __len__(self) -> int:
        return 10**6

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        drawn, labels = images((3, 32, 32), self.batch_size), torch.zeros(self.batch_size, dtype=torch.long)
        while True:
            for _ in range(D_STEPS):
                yield next(drawn), labels
            self.gate()


def theirs(gate: Gate, directory: str, checkout: str, batch: str) -> None:
    """As examples/sngan_example.py has it: hinge loss, 5 steps of D, linear decay, a line printed each round."""
    reach(checkout)
    from torch_mimicry.training import Trainer  # type: ignore[import-not-found]

    g, d = Generator().network, Discriminator().network
    moves = [torch.optim.Adam(network.parameters(), LR, BETAS) for network in (d, g)]
    Trainer(
        netD=d, netG=g, optD=moves[0], optG=moves[1], dataloader=Loader(int(batch), gate), n_dis=D_STEPS,
        num_steps=100_000, lr_decay="linear", log_dir=directory, device=torch.device("cpu"),
    ).train()  # fmt: skip


def ours(gate: Gate, directory: str, checkout: str, batch: str, *overrides: str) -> None:
    """The same game: as there, without an average."""
    reach(checkout)
    networks = {role: {"_target_": f"{__name__}.{role.title()}"} for role in ("generator", "discriminator")}
    by_lab(
        networks, int(batch), directory, gate, "loss=hinge", "ema=none", f"update.d_steps={D_STEPS}", "latent.dim=128",
        f"optimizer.lr={LR}", f"optimizer.betas=[{BETAS[0]},{BETAS[1]}]", "schedule=linear", *overrides,
    )  # fmt: skip
