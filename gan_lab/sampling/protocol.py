"""Protocol of a sampling: trained players, and what draws samples of them."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gan_lab.types import Batch, Latent


class Trained(NamedTuple):
    """Trained players to draw samples from, both in evaluation mode and on `device`.

    Attributes:
        generator: G; what draws samples may change a copy of it, never itself.
        latent: the distribution of its noise.
        conditional: whether both players are given a condition.
        num_classes: of the labels that are their condition; None where it is none, or no label.
        discriminator: D; None where the sampling does not ask for it (see `Sampling.needs`).
        unseen: at most n real samples that no training has seen, and their conditions; None as for D, or where the data
            have none.
    """

    generator: nn.Module
    latent: Latent
    conditional: bool = False
    num_classes: int | None = None
    discriminator: nn.Module | None = None
    unseen: Callable[[int], Batch | None] | None = None
    device: torch.device | str = "cpu"

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """G's samples of noise and conditions on any device."""
        samples: Tensor = self.generator(z.to(self.device), None if y is None else y.to(self.device))
        return samples


class Sampler(Protocol):
    """Samples number `first`, `first + 1`, ...: of noise z (N, latent dim) and conditions y, if any, (N, *shape).

    Sample i follows from z_i, y_i, the seed and its number, not from the batch that it comes in.
    """

    def __call__(self, z: Tensor, y: Tensor | None, seed: int, first: int = 0) -> Tensor: ...


@runtime_checkable
class Sampling(Protocol):
    """How samples are drawn from trained players.

    `needs` names what it asks for beside G: "discriminator"; "ratio", that D's logit is log p_data / p_g; "unseen".
    With `redraws`, samples are of other noise than they are given: they can be neither truncated nor interpolated.
    """

    needs: ClassVar[tuple[str, ...]]
    redraws: ClassVar[bool]

    def sampler(self, trained: Trained) -> Sampler:
        """What draws samples of these players. Whatever is estimated first has seeds of its own: always the same."""
