"""Packing: a discriminator that judges several samples at once."""

import inspect
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.ranges import PositiveInt, Shape
from gan_lab.types import DiscriminatorOutput


class Packing(nn.Module):
    """D(x_1, ..., x_m): one logit of m samples, one upon the other as channels (PacGAN, Lin et al. 2018, section 3).

    Each m = `samples` in a row of the batch are a pack, all real or all generated, and each sample has the logit of its
    pack: a loss that is a mean over N samples is the mean over N / m packs. Where m does not divide N the first samples
    of the batch fill up the last pack. `make` builds D, whose input is m times as wide; all else in it is as it was.

    What the logits prove and show is of packs: a bound of a divergence is one of p^m and q^m, a landscape of logits one
    of packs of neighbouring points, and standard errors are too small by up to sqrt(m), since m samples share a logit.
    The gradient of all logits in a sample is m times that of its pack's, and so is what penalties of it see.

    Raises:
        UserError: D cannot be built for other channels, or reads or predicts classes, of which a pack has several.
    """

    couples_samples: ClassVar[bool] = True  # what it says of one depends on the others of the batch

    def __init__(self, make: Callable[..., nn.Module], shape: Shape, samples: PositiveInt = 2) -> None:
        super().__init__()
        if samples == 1:
            raise UserError("d_wrappers.packing.samples=1: packs nothing; leave packing out, or take 2 or more")
        name = getattr(make, "func", make).__name__
        if getattr(make, "args", ()):  # a part that is put around a network itself
            raise UserError(
                f"packing: {name} stands between it and the model; name packing first, and take conditioning=none"
            )
        if "latent_dim" in inspect.signature(make).parameters:
            raise UserError(f"packing: is for discriminators, which {name} is not")
        if "shape" not in inspect.signature(make).parameters:
            raise UserError(f"packing: {name} has no shape to make room for {samples} samples; take model=mlp or dcgan")
        self.samples = samples
        self.discriminator = make(shape=(samples * shape[0], *shape[1:]))
        if any(getattr(module, "conditional", False) for module in self.discriminator.modules()):
            raise UserError(f"packing: {name} is given a condition, and a pack has several; take another model")

    def forward(self, x: Tensor, y: Tensor | None = None) -> DiscriminatorOutput:
        n, m = len(x), self.samples
        if n % m:
            x = x[torch.arange(n + -n % m, device=x.device) % n]
        output: DiscriminatorOutput = self.discriminator(x.reshape(-1, m * x.shape[1], *x.shape[2:]))
        if output.class_logits is not None:
            raise UserError(
                "packing: D predicts classes, and a pack has several; take a model and conditioning without"
            )
        features, scales = (
            tuple(part.repeat_interleave(m, 0)[:n] for part in parts) for parts in (output.features, output.scales)
        )
        logits = output.logits.repeat_interleave(m, 0)[:n]
        return DiscriminatorOutput(logits, features=features, scales=scales)
