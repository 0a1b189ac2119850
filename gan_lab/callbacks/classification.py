"""Classification error of D on test images, with the average of its weights."""

from copy import deepcopy
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from gan_lab.callbacks.game_callback import data_of
from gan_lab.callbacks.measuring import Measuring
from gan_lab.errors import UserError
from gan_lab.game.gan import GAN
from gan_lab.networks.evaluating import evaluating
from gan_lab.ranges import OpenUnitInterval, PositiveInt
from gan_lab.types import Batch


class Classification(Measuring):
    """Publishes `classifier/errors` of each `every`-th round and the last: of how many test images D's class logits are
    wrong.

    They are those of an average of D's weights w over rounds, kept here (the code of Salimans et al. 2016, with decay
    .9999); `classifier/errors_now` are those of the weights as they are. The game does not know of either.

        a_t = sum_s decay^(t - s) w_s / sum_s decay^(t - s),    s = 1 ... t

    Raises:
        UserError: D's class logits are none, or not those of the data's classes; or the data have no test set.
    """

    goals: ClassVar = {"classifier/errors": "min", "classifier/errors_now": "min"}
    intervals: ClassVar[tuple[str, ...]] = ("each_round",)

    def __init__(self, every: PositiveInt = 600, decay: OpenUnitInterval = 0.9999) -> None:
        self.every, self.decay = every, decay
        self.average: nn.Module | None = None
        self._kept: dict[str, Tensor] | None = None  # the average in the checkpoint that is resumed
        self._test: Batch | None = None

    def prepare(self, trainer: pl.Trainer, gan: GAN) -> None:
        data = data_of(trainer)
        test = data.test() if hasattr(data, "test") else None
        if test is None or test.y is None:
            raise UserError("classification: the data have no labelled test set; take data=mnist")
        self._test = test = test.to(gan.device)
        classes = _class_logits(gan.d.network, test.x[:1], test.y[:1]).shape[1]
        if classes != data.num_classes:
            raise UserError(f"classification: D has {classes} class logits, the data {data.num_classes} classes")
        self.average = deepcopy(gan.d.network).requires_grad_(False).eval()
        if self._kept is not None:
            self.average.load_state_dict(self._kept)

    def after_round(self, trainer: pl.Trainer, gan: GAN) -> None:
        self._follow(gan)
        super().after_round(trainer, gan)

    def measure(self, trainer: pl.Trainer, gan: GAN) -> dict[str, float]:
        assert self.average is not None and self._test is not None
        now = _errors(gan.d.network, self._test)
        return {"classifier/errors": _errors(self.average, self._test), "classifier/errors_now": now}

    @torch.no_grad()
    def _follow(self, gan: GAN) -> None:
        assert self.average is not None
        share = (1 - self.decay) / (1 - self.decay**gan.round)  # of the newest weights among all so far
        torch._foreach_lerp_(list(self.average.parameters()), list(gan.d.network.parameters()), share)
        for kept, current in zip(self.average.buffers(), gan.d.network.buffers(), strict=True):
            kept.copy_(current)

    def state_dict(self) -> dict[str, Any]:
        return {} if self.average is None else {"average": self.average.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._kept = state.get("average")


def _errors(network: nn.Module, test: Batch) -> float:
    """How many of the test images it takes for another class than theirs."""
    assert test.y is not None
    return float((_class_logits(network, test.x, test.y).argmax(1) != test.y).sum())


@torch.no_grad()
def _class_logits(network: nn.Module, x: Tensor, y: Tensor, chunk: int = 1000) -> Tensor:
    """(N, classes), in evaluation mode; the network is left as it was."""
    with evaluating(network):
        outputs = [network(*part) for part in zip(x.split(chunk), y.split(chunk), strict=True)]
    if outputs[0].class_logits is None:
        raise UserError("classification: D has no class logits; take model=mlp_2016")
    return torch.cat([output.class_logits for output in outputs])
