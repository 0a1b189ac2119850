"""Freezing of a network's first layers."""

from collections.abc import Iterator

from torch import nn
from torch.nn.utils import parametrize

from gan_lab.errors import UserError
from gan_lab.ranges import PositiveInt


def freeze(network: nn.Module, layers: PositiveInt = 1) -> nn.Module:
    """The first `layers` layers stay as they began, and the others are trained (FreezeD, Mo et al. 2020).

    It is for a D that begins with another run's weights (`start_from`). A layer is whatever has weights of its own (a
    convolution, a batch normalisation, an embedding), in the order in which the network holds them, as `--freezed` of
    StyleGAN2-ADA's code counts; a residual block of two convolutions and one in its skip connection has three.

    Frozen are weights: they have no gradient, so that no optimiser, weight decay or clipping moves them. Running
    statistics, and the singular vectors of spectral normalisation, go on. Of several wrappers, it counts the layers of
    those before it.

    Raises:
        UserError: no layer would be left to train.
    """
    held = [*dict.fromkeys(_layers(network))]
    if layers >= len(held):
        raise UserError(
            f"freeze.layers={layers}: {type(network).__name__} has {len(held)} layers, of which one at least must be "
            "left to train"
        )
    frozen = [weight for layer in held[:layers] for weight in _weights(layer)]
    for weight in frozen:
        weight.requires_grad_(False)
    network.frozen = frozen  # type: ignore[assignment]
    return network


def frozen_weights(network: nn.Module) -> set[str]:
    """The names of the weights that `freeze` has frozen."""
    frozen = {id(weight) for part in network.modules() for weight in getattr(part, "frozen", ())}
    return {name for name, weight in network.named_parameters() if id(weight) in frozen}


def _layers(network: nn.Module) -> Iterator[nn.Module]:
    """All that have weights of their own to train, a part before the whole."""
    for name, part in network.named_children():
        if name != "parametrizations":
            yield from _layers(part)
    if any(weight.requires_grad for weight in _weights(network)):
        yield network


def _weights(layer: nn.Module) -> list[nn.Parameter]:
    """Its own, not its parts'; also those behind a parametrisation, such as spectral normalisation."""
    behind = layer.parametrizations.parameters() if parametrize.is_parametrized(layer) else ()  # type: ignore[union-attr]
    return [*layer.parameters(recurse=False), *behind]
