"""A game by hand for the check of a GPU: the lab's networks and loss, and the least that one writes around them."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from gan_lab.data.module import GameData
from gan_lab.game.gan import GAN


def penalty(x: Tensor, logits: Tensor) -> Tensor:
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return slope.square().sum((1, 2, 3)).mean() / 2


class Bare:
    """The same game by hand: fused Adam, average by foreach, batches from the device, no records, no callbacks."""

    def __init__(self, gan: GAN, data: GameData, config: Any, device: torch.device, cast: torch.dtype | None) -> None:
        self.d, self.g, self.loss = gan.d.network.to(device), gan.g.network.to(device), gan.loss
        self.average = deepcopy(self.g).requires_grad_(False)
        kind = {"lr": config.optimizer.d.lr, "betas": tuple(config.optimizer.d.betas), "fused": True}
        self.moves = [torch.optim.Adam(network.parameters(), **kind) for network in (self.d, self.g)]
        self.weights: list[list[Tensor]] = [list(network.parameters()) for network in (self.d, self.g)]
        self.kept: list[Tensor] = list(self.average.parameters())
        self.scalers = [torch.amp.GradScaler(device.type, enabled=cast is torch.float16) for _ in self.weights]
        self.latent, self.device, self.cast = gan.latent, device, cast
        self.d_steps = gan.update.d_steps  # type: ignore[attr-defined]
        self.terms: dict[str, Any] = dict(gan.d.terms.items())
        self.step = 0
        stream = data.batches(0)
        self.batches = [next(stream).x.to(device) for _ in range(4)]

    def half(self) -> Any:
        return nullcontext() if self.cast is None else torch.autocast(self.device.type, self.cast)

    def noise(self) -> Tensor:
        return self.latent.sample(len(self.batches[0]), device=self.device)

    def judged(self, x: Tensor) -> Tensor:
        with self.half():
            return self.d(x, None).logits.float()

    def generated(self) -> Tensor:
        with self.half():
            return self.g(self.noise(), None).float()

    def move(self, player: int, loss: Tensor) -> None:
        scaler, optimizer = self.scalers[player], self.moves[player]
        optimizer.zero_grad()
        scaler.scale(loss).backward(inputs=self.weights[player])
        scaler.step(optimizer)
        scaler.update()

    def round(self) -> None:
        for _ in range(self.d_steps):
            due = {name for name, term in self.terms.items() if term.due(self.step)}
            real = self.batches[self.step % 4].detach().requires_grad_("r1" in due)
            with torch.no_grad():
                fake = self.generated()
            fake.requires_grad_("r2" in due)
            on_real, on_fake = self.judged(real), self.judged(fake)
            loss = self.loss.discriminator(on_real, on_fake)
            for name, x, logits in (("r1", real, on_real), ("r2", fake, on_fake)):
                if name in due:
                    loss = loss + self.terms[name].weight * self.terms[name].every * penalty(x, logits)
            self.move(0, loss)
            self.step += 1
        seen = self.judged(self.batches[self.step % 4]) if self.loss.generator_sees_real else None
        self.move(1, self.loss.generator(seen, self.judged(self.generated())))
        with torch.no_grad():
            torch._foreach_lerp_(self.kept, self.weights[1], 1e-3)

    def graphed(self) -> Callable[[], None]:
        """A round as one CUDA graph."""
        for optimizer in self.moves:
            optimizer.param_groups[0]["capturable"] = True
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.round()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.round()
        return graph.replay
