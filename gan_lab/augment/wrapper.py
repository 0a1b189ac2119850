"""Wrapper of a discriminator that augments its images."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.ranges import UnitInterval
from gan_lab.types import DiscriminatorOutput


class Augmented(nn.Module):
    """D(T(x)), T drawn afresh for each image, in training mode only.

    T is applied to all that D sees, real and generated, and G learns through it (Zhao et al. 2020, section 3): where
    T could be undone in distribution, D's best answer still leads G to the data themselves, not to transformed ones
    (Karras et al. 2020, section 2.2). A penalty on D's input gradient is one on grad_x D(T(x)), x itself, as in ADA's
    code: what T cuts out or moves away has none. Class labels and vectors y are passed on as they are; an image y is
    refused, since x would no longer lie upon it.

    Args:
        policy: the transformations by name, (x, p) -> T(x), in their order; None for one that is left out.
        p: the probability with which each transformation (of a group) happens to an image. It is a buffer: checkpoints
            hold it, and `callbacks=[default,adaptive_augment]` steers it.
    """

    steered: ClassVar[bool] = True  # p, by callbacks.adaptive_augment

    p: Tensor

    def __init__(
        self,
        discriminator: nn.Module,
        policy: Mapping[str, Callable[[Tensor, Tensor], Tensor] | None],
        p: UnitInterval = 1.0,
    ) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.policy = [transformation for transformation in policy.values() if transformation is not None]
        self.register_buffer("p", torch.tensor(float(p)))

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        if self.training:
            if x.ndim != 4:
                raise UserError(
                    f"augmentation: is for discriminators of images (N, C, H, W), which "
                    f"{type(self.discriminator).__name__} is not: it is given {tuple(x.shape)}"
                )
            if y is not None and y.ndim == 4:
                raise UserError(
                    "augmentation: would move an image away from the one it is given with; take degradation=none"
                )
            with _single_precision(x.device.type):
                for transformation in self.policy:
                    x = transformation(x, self.p)
        output: DiscriminatorOutput = self.discriminator(x, y)
        return output


def _single_precision(device: str) -> AbstractContextManager[object]:
    """No autocast: places in an image need more digits than half precision has."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()
