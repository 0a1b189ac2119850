"""Features of a discriminator, which heads are attached to."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.networks.evaluating import evaluating
from gan_lab.types import DiscriminatorOutput


def features_of(output: DiscriminatorOutput) -> Tensor:
    """D's last features, flattened: (N, width)."""
    return output.features[-1].flatten(1)


@torch.no_grad()
def width_of(discriminator: nn.Module, shape: Sequence[int]) -> int:
    """The width of its last features, asked of one blank sample, of class 0; the network is left as it was.

    Raises:
        UserError: it shows none, or is conditioned on images or vectors.
    """
    try:
        with evaluating(discriminator):
            output = discriminator(torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64))
    except UserError as error:
        name = type(discriminator).__name__
        raise UserError(f"{name} is conditioned on images or vectors, and can have no head on its features") from error
    except RuntimeError as error:
        name = type(discriminator).__name__
        raise UserError(f"{name} is no discriminator of samples {tuple(shape)} and their classes alone") from error
    if not isinstance(output, DiscriminatorOutput) or not output.features:
        raise UserError(f"{type(discriminator).__name__} shows no features to put a head on; take model=mlp or dcgan")
    return features_of(output).shape[1]
