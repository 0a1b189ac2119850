"""`generator.safetensors`: the generator's weights, averaged and raw, with all that is needed to rebuild it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.files import write_atomically
from gan_lab.io.format import FORMAT, demand_format
from gan_lab.plain_checkpoint import dump


class GeneratorFile(NamedTuple):
    """`recipe`: plain data, the configuration of `generator` and `latent`. `weights`: state dicts by name."""

    recipe: dict[str, Any]
    weights: dict[str, dict[str, Tensor]]

    @property
    def digest(self) -> str:
        """What tells this generator from any other, however the file is laid out."""
        found = hashlib.sha256(json.dumps(self.recipe, sort_keys=True).encode())
        for name, tensors in sorted(self.weights.items()):
            for key, value in sorted(tensors.items()):
                found.update(f"{name}.{key} {value.dtype} {tuple(value.shape)}".encode())
                found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return found.hexdigest()[:16]


def save_generator(path: Path, recipe: Mapping[str, Any], networks: Mapping[str, nn.Module]) -> str:
    """Write the state of each network (say "raw" and "average") and the recipe that rebuilds any of them; its digest.

    The format goes into the recipe: of several entries of metadata the library does not keep the order, and the same
    generator is to give the same bytes.
    """
    tensors = {
        f"{name}.{key}": value.detach().cpu().contiguous().clone()  # safetensors refuses tied weights
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    metadata = {"recipe": json.dumps({"format": FORMAT, **recipe})}
    write_atomically(path, lambda temporary: dump(tensors, temporary, metadata))
    weights = {name: dict(network.state_dict()) for name, network in networks.items()}
    return GeneratorFile(json.loads(json.dumps(recipe)), weights).digest


def load_generator(path: Path) -> GeneratorFile:
    """Read it back.

    Raises:
        UserError: there is no such file, or it is not one of this version of this lab.
    """
    try:
        with safe_open(path, framework="pt") as file:
            recipe = json.loads((file.metadata() or {})["recipe"])
            demand_format(recipe.pop("format", None), path)
            weights: dict[str, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118
                name, _, rest = key.partition(".")
                weights.setdefault(name, {})[rest] = file.get_tensor(key)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; a run writes it when it ends") from error
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a generator file, or damaged ({error})") from error
    for name, tensors in weights.items():
        for key, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise UserError(f"{path}: holds NaN or infinite weights ({name}.{key}); the run has diverged")
    return GeneratorFile(recipe, weights)
