"""Other layers in the place of a finished network's batch normalisations."""

from collections.abc import Callable

from torch import nn

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def replace_batch_norms(network: nn.Module, replacement: Callable[[BatchNorm], nn.Module]) -> bool:
    """Put `replacement(norm)` where each affine batch normalisation within the network is; whether there were any."""
    found = False
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, BatchNorm) and child.affine:
                setattr(parent, name, replacement(child))
                found = True
    return found
