"""Plain Lightning with manual optimisation, as its documentation shows a GAN."""

from collections.abc import Callable
from typing import Any, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy
from torch.utils.data import DataLoader, IterableDataset

from racing.data import from_memory
from racing.networks import penalty
from racing.workloads import WORKLOADS, Workload


class PlainGAN(pl.LightningModule):
    """The documentation's `GAN`, with this workload's players."""

    def __init__(self, workload: Workload, after: Callable[[], None]) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.workload, self.after = workload, after
        self.d, self.g = workload.players()

    def configure_optimizers(self) -> Any:
        settings = self.workload.optimizers
        return [
            (torch.optim.SGD if "momentum" in settings[p] else torch.optim.Adam)(network.parameters(), **settings[p])
            for p, network in (("d", self.d), ("g", self.g))
        ]

    def noise(self, n: int) -> Tensor:
        bound = self.workload.uniform
        z = torch.randn(n, self.workload.latent_dim)
        return z if bound is None else torch.empty_like(z).uniform_(-bound, bound)

    def training_step(self, real: Tensor, _: int) -> None:
        d_move, g_move = cast(list[LightningOptimizer], self.optimizers())
        gamma = self.workload.gamma
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))

        self.toggle_optimizer(d_move)
        fake = self.g(self.noise(len(real))).detach().requires_grad_(gamma > 0)
        real.requires_grad_(gamma > 0)
        on_real, on_fake = self.d(real), self.d(fake)
        d_loss = cross_entropy(on_real, ones) + cross_entropy(on_fake, zeros)
        if gamma:
            slopes = penalty(real, on_real) + penalty(fake, on_fake)
            d_loss = d_loss + gamma * slopes
        self.log("d_loss", d_loss, prog_bar=True)
        self.manual_backward(d_loss)
        d_move.step()
        d_move.zero_grad()
        self.untoggle_optimizer(d_move)

        self.toggle_optimizer(g_move)
        g_loss = cross_entropy(self.d(self.g(self.noise(len(real)))), ones)
        self.log("g_loss", g_loss, prog_bar=True)
        self.manual_backward(g_loss)
        g_move.step()
        g_move.zero_grad()
        self.untoggle_optimizer(g_move)

    def on_train_batch_end(self, *_: Any) -> None:
        self.after()


class Endless(IterableDataset[Tensor]):
    """Batches as they are drawn from memory."""

    def __init__(self, draw: Callable[[], Tensor]) -> None:
        self.draw = draw

    def __iter__(self) -> Any:
        return iter(self.draw, None)


def lightning(name: str, root: str, directory: str, after: Callable[[], None]) -> None:
    """Rounds without end, with the Trainer's defaults: its logger, progress bar and checkpoints."""
    workload = WORKLOADS[name]
    trainer = pl.Trainer(accelerator="cpu", max_epochs=1, default_root_dir=directory)
    trainer.fit(PlainGAN(workload, after), DataLoader(Endless(from_memory(workload, root)), batch_size=None))
