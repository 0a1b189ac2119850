"""R3GAN (github.com/brownvc/R3GAN): the two steps of its Trainer.py with its networks, and the lab with the same ones.

Its training loop itself is for GPUs; what is around the steps here is the least: Adam and an average of G.
"""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import torch
from packaging import version
from racing.gate import Gate
from torch import Tensor, nn

from gan_lab.types import DiscriminatorOutput
from peers.lab import by_lab, images

LATENT, GAMMA = 64, 0.05
LR, BETAS = 2e-4, (0.0, 0.9)
STAGES: dict[str, Any] = {  # from 4 x 4 to 32 x 32; the paper's CIFAR-10 has 768 channels
    "WidthPerStage": [96] * 4, "CardinalityPerStage": [12] * 4, "BlocksPerStage": [1] * 4, "ExpansionFactor": 2,
}  # fmt: skip


def reach(checkout: str) -> None:
    """Make its modules importable; new versions of setuptools lack one that these ask for."""
    sys.path.insert(0, checkout)
    sys.modules.setdefault("pkg_resources", cast(ModuleType, SimpleNamespace(parse_version=version.parse)))


class Generator(nn.Module):
    """Theirs, as the lab calls one."""

    def __init__(self) -> None:
        super().__init__()
        from R3GAN.Networks import Generator as Theirs  # type: ignore[import-not-found]

        self.network = Theirs(NoiseDimension=LATENT, **STAGES)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Any:
        return self.network(z)


class Discriminator(nn.Module):
    """Theirs, as the lab calls one."""

    def __init__(self) -> None:
        super().__init__()
        from R3GAN.Networks import Discriminator as Theirs

        self.network = Theirs(**STAGES)

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        return DiscriminatorOutput(self.network(x))


def theirs(gate: Gate, _: str, checkout: str, batch: str) -> None:
    reach(checkout)
    from R3GAN.Trainer import AdversarialTraining  # type: ignore[import-not-found]

    g, d, average = Generator().network, Discriminator().network, Generator().network
    game, drawn = AdversarialTraining(g, d), images((3, 32, 32), int(batch))
    d_move, g_move = (torch.optim.Adam(network.parameters(), LR, BETAS) for network in (d, g))
    while True:  # as its loop has it, one player at a time asks for gradients
        g.requires_grad_(False), d.requires_grad_(True)
        d_move.zero_grad()
        game.AccumulateDiscriminatorGradients(torch.randn(int(batch), LATENT), next(drawn), None, GAMMA)
        d_move.step()
        g_move.zero_grad()
        g.requires_grad_(True), d.requires_grad_(False)
        game.AccumulateGeneratorGradients(torch.randn(int(batch), LATENT), next(drawn), None)
        g_move.step()
        with torch.no_grad():
            for kept, weight in zip(average.parameters(), g.parameters(), strict=True):
                kept.copy_(weight.lerp(kept, 0.999))
        gate()


def ours(gate: Gate, directory: str, checkout: str, batch: str, *overrides: str) -> None:
    reach(checkout)
    networks = {role: {"_target_": f"{__name__}.{role.title()}"} for role in ("generator", "discriminator")}
    by_lab(
        networks, int(batch), directory, gate, "loss=relativistic", "term@d_terms=[r1,r2]", f"latent.dim={LATENT}",
        f"d_terms.r1.weight={GAMMA}", f"d_terms.r2.weight={GAMMA}", f"optimizer.lr={LR}",
        f"optimizer.betas=[{BETAS[0]},{BETAS[1]}]", *overrides,
    )  # fmt: skip
