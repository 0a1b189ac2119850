"""Generator file `generator.safetensors`: weights, averaged and raw, and what rebuilds the network."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.io.checkpoint import dump
from gan_lab.io.files import write_atomically
from gan_lab.io.format import FORMAT, check_format
from gan_lab.io.ownership import is_own, sign
from gan_lab.io.reading import check_file, parse_json


class GeneratorFile(NamedTuple):
    """A generator's weights and what rebuilds it.

    Attributes:
        recipe: plain data, the configuration of `generator` and `latent`.
        weights: state dicts by name.
        own: whether the recipe is that of a run of this user's.
        path: of the file.
    """

    recipe: dict[str, Any]
    weights: dict[str, dict[str, Tensor]]
    own: bool = False
    path: Path = Path()

    @property
    def digest(self) -> str:
        """What tells this generator from any other, however the file is laid out."""
        found = hashlib.sha256(json.dumps(self.recipe, sort_keys=True).encode())
        for name, tensors in sorted(self.weights.items()):
            for key, value in sorted(tensors.items()):
                found.update(f"{name}.{key} {value.dtype} {tuple(value.shape)}".encode())
                found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return found.hexdigest()[:16]


def sign_recipe(directory: Path, recipe: Mapping[str, Any]) -> None:
    """Note that the recipe in the files of the run in `directory`, after whatever round, is this user's own."""
    sign(directory / "recipe", _without_round(recipe))


def is_own_recipe(directory: Path, recipe: Mapping[str, Any]) -> bool:
    """Whether it is the recipe that a run of this user's had in `directory`."""
    return is_own(directory / "recipe", _without_round(recipe))


def _without_round(recipe: Mapping[str, Any]) -> bytes:
    return json.dumps({name: part for name, part in recipe.items() if name != "round"}, sort_keys=True).encode()


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
    sign_recipe(path.parent, recipe)
    write_atomically(path, lambda temporary: dump(tensors, temporary, metadata))
    weights = {name: dict(network.state_dict()) for name, network in networks.items()}
    return GeneratorFile(json.loads(json.dumps(recipe)), weights).digest


def load_generator(path: Path) -> GeneratorFile:
    """Read it back.

    Raises:
        UserError: there is no such file, or it is not one of this version of this lab.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file; a run writes it when it ends")
    check_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            recipe = parse_json((file.metadata() or {})["recipe"], f"{path}: its recipe")
            check_format(recipe.pop("format", None), path)
            weights: dict[str, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118
                name, _, rest = key.partition(".")
                weights.setdefault(name, {})[rest] = file.get_tensor(key)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a generator file, or damaged ({error})") from error
    for name, tensors in weights.items():
        for key, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise UserError(f"{path}: holds NaN or infinite weights ({name}.{key}); the run has diverged")
    return GeneratorFile(recipe, weights, is_own_recipe(path.parent, recipe), path)
