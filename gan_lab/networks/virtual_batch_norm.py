"""Virtual batch normalisation: no sample depends on the others of its batch (Salimans et al. 2016, section 3.5)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.batch_norm import BatchNorm, replace_batch_norms
from gan_lab.networks.wrappers import MinibatchDiscrimination, MinibatchStd
from gan_lab.ranges import PositiveInt
from gan_lab.types import DiscriminatorOutput


class VirtualBatchNorm(nn.Module):
    """gamma (x - m) / sqrt(v + eps) + beta, with x (R + N, C, ...), whose first R rows are the reference batch.

    A sample is normalised by the mean m and variance v of the reference batch and itself together, R + 1 of equal
    weight; the reference batch by its own. gamma and beta are those of the layer whose place it takes.
    """

    def __init__(self, norm: BatchNorm, references: int) -> None:
        super().__init__()
        self.references, self.eps = references, norm.eps
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, x: Tensor) -> Tensor:
        space = tuple(range(2, x.ndim))
        means, squares = (power.mean(space, keepdim=True) if space else power for power in (x, x.square()))
        share = torch.full((len(x), *[1] * (x.ndim - 1)), 1 / (self.references + 1), dtype=x.dtype, device=x.device)
        share[: self.references] = 0
        mean, square = (
            torch.lerp(own[: self.references].mean(0, keepdim=True).expand_as(own), own, share)
            for own in (means, squares)
        )
        deviation = ((square - mean.square()).clamp_min(0) + self.eps).sqrt()
        axes = (-1,) + (1,) * (x.ndim - 2)
        return (x - mean) / deviation * self.weight.view(axes) + self.bias.view(axes)


class VirtualBatchNormalised(nn.Module):
    """A player whose batch normalisations are virtual; for either player.

    Its reference batch is drawn once, before the first round: real samples for D, noise for G, and what goes with
    them where the game is conditional. It is kept in buffers, so that checkpoints and generator files hold it, and
    goes through the network ahead of every batch: with `references` as large as the batch, at twice the price.

    Raises:
        UserError: the network has no batch normalisation, or compares the samples of a batch.
    """

    reference: Tensor
    condition: Tensor | None

    def __init__(self, network: nn.Module, references: PositiveInt = 64) -> None:
        super().__init__()
        if any(isinstance(module, MinibatchStd | MinibatchDiscrimination) for module in network.modules()):
            raise UserError(
                "virtual_batch_norm: stands around a wrapper that compares the samples of a batch, which would see the "
                "reference batch among them; put virtual_batch_norm first: wrapper@d_wrappers=[virtual_batch_norm,...]"
            )
        self.network, self.references = network, references
        self.register_buffer("reference", torch.empty(0))
        self.register_buffer("condition", None)
        if not replace_batch_norms(network, lambda norm: VirtualBatchNorm(norm, references)):
            raise UserError(
                f"virtual_batch_norm: {type(network).__name__} has no batch normalisation of its own; model=dcgan has "
                "where data.image_size is 16 or more, and conditioning is not batch_norm"
            )

    def refer_to(self, inputs: Callable[[int], tuple[Tensor, Tensor | None]]) -> None:
        """Keep the reference batch: `inputs(n)` gives n of the player's inputs, and their conditions or None."""
        self.reference, self.condition = inputs(self.references)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
        if y is not None and self.condition is not None:
            y = torch.cat([self.condition, y])
        output = self.network(torch.cat([self.reference.to(x.dtype), x]), y)
        if isinstance(output, DiscriminatorOutput):
            return DiscriminatorOutput(*(_rest(part, self.references) for part in output))
        return output[self.references :]

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A network that is rebuilt from a file has drawn no reference batch: it takes the shape of the file's.
        for name in ("reference", "condition"):
            if prefix + name in state:
                setattr(self, name, torch.empty_like(state[prefix + name], device=self.reference.device))
        super()._load_from_state_dict(state, prefix, *rest)


def _rest(part: Any, start: int) -> Any:
    """What D says of the samples after the reference batch."""
    if isinstance(part, tuple):
        return tuple(_rest(each, start) for each in part)
    return None if part is None else part[start:]
