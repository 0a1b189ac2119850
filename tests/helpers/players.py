"""How a test gets hold of a game in play, and of what its players are."""

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import DictConfig
from torch import Tensor

from gan_lab.experiment.build import build
from gan_lab.game.gan import GAN
from gan_lab.game.player import Player
from gan_lab.terms import Term


class Spy:
    """An update that hands itself the game, and plays what the test wants."""

    def __init__(self, act: Callable[[GAN], None]) -> None:
        self.act = act

    def play(self, game: GAN) -> None:
        self.act(game)


class Counting(Term):
    """A term with a state: a count of its questions, and a running mean of what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("asked", torch.zeros((), dtype=torch.long))
        self.register_buffer("seen", torch.zeros(()))

    def value(self, context: Any) -> Tensor:
        self.asked += 1
        self.seen.lerp_(context.real.mean(), 0.5)
        return context.fake_output.logits.square().mean()


def play_with(act: Callable[[GAN], None], config: DictConfig, rounds: int = 1, precision: Any = "32-true") -> GAN:
    gan, data = build(config)
    gan.update = Spy(act)
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=rounds, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, precision=precision,
    )  # fmt: skip
    trainer.fit(gan, data)
    return gan


def snapshot(player: Player) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in player.network.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def fit(config: DictConfig, rounds: int = 1, prepare: Callable[[GAN], None] = lambda gan: None) -> GAN:
    gan, data = build(config)
    prepare(gan)
    pl.Trainer(
        accelerator="cpu", max_epochs=1, limit_train_batches=rounds, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    ).fit(gan, data)  # fmt: skip
    return gan


def state(gan: GAN, *players: str) -> dict[str, Tensor]:
    return {k: v for k, v in gan.state_dict().items() if k.split(".")[0] in (players or ("d", "g"))}
