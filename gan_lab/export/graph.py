"""Generator as a graph without Python: its inputs, the captured program, and its difference from the network."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gan_lab.errors import UserError
from gan_lab.networks.fastgan import Noise
from gan_lab.types import Latent

Inputs = tuple[Tensor, ...]  # z, or z and y
DRAWS = 100  # z that an export is compared on
MOST_PAIRS = 1000  # of z and a label; where there are more, each z and each label is in some
BATCHES = (100, 7, 1)  # sizes that it is compared in, in turn
TOLERANCE = 1e-3  # largest difference, in units of the largest number


@dataclass(frozen=True)
class Source:
    """A generator, in evaluation mode, and what it is asked with.

    `recipe` is that of its file, and `weights` their name there. `degradation` makes its condition of images, where
    that is no label.
    """

    generator: nn.Module
    latent: Latent
    recipe: Mapping[str, Any]
    weights: str = "raw"
    degradation: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        if "num_classes" in self.recipe and self.recipe["num_classes"] is None:
            raise UserError("this generator's condition is neither a label nor an image, and is not exported")

    @property
    def names(self) -> list[str]:
        """Of the inputs."""
        return ["z"] if self.recipe.keys().isdisjoint({"num_classes", "degradation"}) else ["z", "y"]

    def pairs(self) -> Inputs:
        """100 z, each with every label where these are few; with drawn images, where those are the condition."""
        drawn = torch.Generator().manual_seed(0)
        z = self.latent.sample(DRAWS, drawn)
        if "degradation" in self.recipe:
            images = 2 * torch.rand(DRAWS, *self.recipe["shape"], generator=drawn) - 1
            return z, images if self.degradation is None else self.degradation(images)
        if self.names == ["z"]:
            return (z,)
        labels = torch.arange(self.recipe["num_classes"])
        if DRAWS * len(labels) <= MOST_PAIRS:
            return z.repeat_interleave(len(labels), 0), labels.repeat(DRAWS)
        numbers = torch.arange(max(MOST_PAIRS, len(labels)))
        return z[numbers % DRAWS], labels[numbers % len(labels)]

    def batches(self) -> Iterator[Inputs]:
        """The same in batches of several sizes."""
        inputs, start, turn = self.pairs(), 0, 0
        while start < len(inputs[0]):
            size = BATCHES[turn % len(BATCHES)]
            yield tuple(values[start : start + size] for values in inputs)
            start, turn = start + size, turn + 1


def captured(source: Source) -> tuple[nn.Module, torch.export.ExportedProgram]:
    """A copy of the network, its normalised weights computed for good, and the program of it, of any batch size.

    Raises:
        UserError: torch cannot export it.
    """
    network = _plain(source.generator).requires_grad_(False)
    example = tuple(values[:2] for values in source.pairs())
    batch = torch.export.Dim("batch", min=1)
    try:
        with quietly():
            program = torch.export.export(network, example, dynamic_shapes=tuple({0: batch} for _ in example))
    except Exception as error:  # whatever torch makes of a network that it cannot follow
        raise UserError(f"{type(network).__name__}: cannot be exported ({first_line(error)})") from error
    return network, program


@contextmanager
def quietly() -> Iterator[None]:
    """Without what torch logs, prints and warns of while it follows a network: an error says all of it."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _plain(network: nn.Module) -> nn.Module:
    """A copy with the weights that parametrisations compute, such as spectrally normalised ones, in their place."""
    copy = deepcopy(network)
    for module in copy.modules():
        if parametrize.is_parametrized(module):
            names = list(module.parametrizations)  # type: ignore[arg-type]
            weights = {name: getattr(module, name).detach() for name in names}
            # torch's remove_parametrizations would change the class, which the copy shares with the network.
            module.__class__ = type(module).__bases__[0]
            del module.parametrizations
            for name, weight in weights.items():
                setattr(module, name, nn.Parameter(weight))
    return copy


def draws_noise(network: nn.Module) -> bool:
    """Whether it draws noise beside z, in evaluation too."""
    return any(isinstance(module, Noise) for module in network.modules())


@torch.no_grad()
def difference(source: Source, network: nn.Module, exported: Callable[[Inputs], Tensor]) -> str:
    """The largest one between the network and what was exported, over `source.batches()`, in words.

    Raises:
        UserError: it is larger than rounding explains, or no number.
    """
    largest, scale = 0.0, 0.0
    for inputs in source.batches():
        torch.manual_seed(0)
        wanted = network(*inputs)
        torch.manual_seed(0)
        found = exported(inputs)
        if not found.isfinite().all():
            raise UserError("what was exported gives NaN or infinity; nothing is kept")
        largest = max(largest, (found - wanted).abs().max().item())
        scale = max(scale, wanted.abs().max().item())
    if not largest <= TOLERANCE * max(scale, 1e-6):
        raise UserError(f"what was exported differs from the network by {largest:.2g} of {scale:.2g}; nothing is kept")
    of = f"{DRAWS} z" + (f" and {source.recipe['num_classes']} labels" if "num_classes" in source.recipe else "")
    return f"largest difference {largest:.1e} of {scale:.2g}, on {of}"


def first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
