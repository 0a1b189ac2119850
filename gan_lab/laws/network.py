"""Laws of a generator and of a discriminator, as functions of what they are given."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gan_lab.laws.law import Law, demand
from gan_lab.networks.evaluating import evaluating
from gan_lab.types import DiscriminatorOutput


class Network(NamedTuple):
    """A new network, what it is given (a function of n), and the shape of its samples; D has none."""

    module: nn.Module
    inputs: Callable[[int], Tensor]
    shape: tuple[int, ...] | None

    def values(self, n: int, module: nn.Module | None = None, device: str = "cpu") -> Tensor:
        """Samples, or the logits of every scale, in one row for each sample."""
        output = (module or self.module)(self.inputs(n).to(device), None)  # as the game calls it
        if self.shape is not None:
            return output
        return torch.cat([logits.flatten(1) if logits.ndim > 1 else logits[:, None] for logits in output.all_logits], 1)


def has_its_shape(network: Network) -> None:
    """G: (n, *shape). D: a DiscriminatorOutput with logits (n, ...)."""
    output = network.module(network.inputs(3), None)
    if network.shape is not None:
        demand(isinstance(output, Tensor), f"returns a {type(output).__name__}, and must return a tensor")
        expected = (3, *network.shape)
        demand(output.shape == expected, f"3 samples have the shape {tuple(output.shape)}, and must have {expected}")
    else:
        kind = type(output).__name__
        demand(isinstance(output, DiscriminatorOutput), f"returns a {kind}, and must return a DiscriminatorOutput")
        shape = tuple(output.logits.shape)
        demand(shape[:1] == (3,), f"the logits of 3 samples have the shape {shape}, and must have (3,) or (3, ...)")
    demand(bool(network.values(3).isfinite().all()), "is not finite as it is initialised")


def judges_each_alone(network: Network) -> None:
    """In evaluation mode no sample depends on the others of its batch, and asking twice gives the same."""
    inputs = network.inputs(4)
    answers = partial(network._replace(inputs=lambda n: inputs[:n]).values)
    with torch.no_grad(), evaluating(network.module):
        demand(torch.equal(answers(4), answers(4)), "gives another answer to the same input")
        demand(torch.allclose(answers(4)[:1], answers(1), atol=1e-5), "depends on the other samples of the batch")


def learns_everywhere(network: Network) -> None:
    """Every weight has a gradient."""
    names, weights = zip(*network.module.named_parameters(), strict=True)
    value = network.values(4).square().sum()
    found = torch.autograd.grad(value, weights, allow_unused=True)
    for name, gradient in zip(names, found, strict=True):
        demand(gradient is not None, f"{name} does not act on what it returns")


def runs_on_a_device(network: Network) -> None:
    """Forward and backward need no tensor on the CPU, and look at no number."""
    module = network.module.to("meta")
    value = network.values(4, module, "meta").square().sum()
    torch.autograd.grad(value, [*module.parameters()], allow_unused=True)


NETWORK: dict[str, Law] = {
    "shapes": has_its_shape,
    "in evaluation mode each sample is for itself": judges_each_alone,
    "every weight acts": learns_everywhere,
    "runs on any device, without a look at numbers": runs_on_a_device,
}
