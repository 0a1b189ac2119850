"""Laws of the game that hold whatever part is in it."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from gan_lab.experiment.run import play
from gan_lab.io.checkpoint import LAST, PlainCheckpointIO
from gan_lab.laws.law import Law, demand

Compose = Callable[[Path, int], DictConfig]  # the configuration of a run in this directory, of so many rounds
ROUNDS = 4


class OneMoveEach:
    """An update in which each player moves once, while the other must stay as it is."""

    def play(self, game: Any) -> None:
        for mover, other in ((game.d, game.g), (game.g, game.d)):
            before = {name: value.clone() for name, value in other.network.state_dict().items()}
            (gradient,) = game.gradients(game.context(mover), mover)
            game.move(mover, gradient)
            for name, value in other.network.state_dict().items():
                demand(torch.equal(value, before[name]), f"a move of {mover.name} changes {name} of {other.name}")


def keeps_the_players_apart(compose: Compose) -> None:
    """A move of D leaves G bit-identical, and conversely."""
    with _folder() as folder:
        config = compose(folder, 1)
        config["update"] = {"_target_": f"{__name__}.{OneMoveEach.__name__}"}
        play(config)


def goes_on_to_the_bit(compose: Compose) -> None:
    """A run that was stopped halfway and goes on ends with the weights of one that was not."""
    with _folder() as folder:
        whole, halves = folder / "whole", folder / "halves"
        for directory, rounds in ((whole, ROUNDS), (halves, ROUNDS // 2), (halves, ROUNDS)):
            config = compose(directory, rounds)
            config.resume = str(directory) if (directory / "config.yaml").exists() else None
            play(config)
        states = [
            PlainCheckpointIO().load_checkpoint(run / "checkpoints" / LAST)["state_dict"] for run in (whole, halves)
        ]
    for name, value in states[0].items():
        demand(
            torch.equal(value, states[1][name]), f"{name} differs after {ROUNDS} rounds; is there a state in no buffer?"
        )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """For a run that says nothing."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        yield Path(folder)


GAME: dict[str, Law] = {
    "a move of one player leaves the other alone": keeps_the_players_apart,
    "a run that goes on is the same to the bit": goes_on_to_the_bit,
}
