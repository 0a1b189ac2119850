"""Weights of other people's generators, such as `gan-lab import network-snapshot.pkl out=imported`.

FILE is a pickle of StyleGAN2-ADA, StyleGAN3 or R3GAN (`.pkl`), or a checkpoint of mimicry (`.pth`). Their generator is
brought into the network of this lab that computes the same, and written to OUT/generator.safetensors: `gan-lab sample
OUT` draws from it, and `start_from=OUT` begins a run with its weights. Where the file holds an average of the weights
(`G_ema`), OUT holds both.

A pickle is a program. This command does not run it: it reads names and numbers, builds tensors from the bytes in the
file, and refuses, in one line, a file that names any other class or function than networks need.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.errors import UserError

if TYPE_CHECKING:
    from gan_lab.io.torch_files import Network
    from gan_lab.others.imported import Imported

USAGE = "gan-lab import FILE [out=FOLDER]"
ROLES = {"raw": ("G", "model_state_dict"), "average": ("G_ema",)}  # this lab's name, and theirs


class Options(CommandOptions):
    """What may follow FILE, as key=value."""

    out: Path = Field(default=Path("imported"), description="folder that the generator is written to")


@entry(smaller="take a machine with more of it")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    file, *rest = arguments
    print(import_weights(place(file), parse_options(Options, rest).out))
    return 0


def import_weights(path: Path, out: Path) -> str:
    """Write the generator in a file as one of this lab; says what it is.

    Raises:
        UserError: the file cannot be read, is refused, or holds a network that is none of the catalogue; or OUT holds a
            generator.
    """
    from gan_lab.io.weights import GENERATOR

    if (out / GENERATOR).exists():
        raise UserError(f"out={out}: holds a generator already; give another folder")
    found = imported_from(path)
    recipes = [weights.recipe for weights in found.values()]
    if any(recipe != recipes[0] for recipe in recipes):
        raise UserError(f"{path}: its generators are not built alike")
    from gan_lab.io.generator import save_generator

    save_generator(out / GENERATOR, recipes[0], {role: _built(weights, path) for role, weights in found.items()})
    kind = _target(recipes[0]["generator"]).rpartition(".")[2]
    return f"{kind} of {path} ({', '.join(found)} weights) in {out}; gan-lab sample {out} draws from it"


def imported_from(path: Path) -> "dict[str, Imported]":
    """The generators in a file in the terms of this lab, by role: `raw`, and `average` where there is one.

    Raises:
        UserError: as for `import_weights`.
    """
    from gan_lab.io.torch_files import network_in, read_torch

    content = read_torch(path)
    there = {role: next((name for name in names if name in content), None) for role, names in ROLES.items()}
    if there["raw"] is None:  # an average alone is what the file has
        there = {"raw": there["average"]}
    if there["raw"] is None:
        wanted = ", ".join(name for names in ROLES.values() for name in names)
        raise UserError(f"{path}: holds no generator ({wanted}); it holds {', '.join(map(str, content))[:100] or None}")
    return {role: _mapped(network_in(content[name], path), path) for role, name in there.items() if name is not None}


def _mapped(network: "Network", path: Path) -> "Imported":
    from gan_lab.others import mimicry, r3gan, stylegan2, stylegan3
    from gan_lab.others.imported import Unfit

    known = (stylegan2, stylegan3, r3gan, mimicry)
    kind = next((kind for kind in known if kind.MARK in network.state), None)
    if kind is None:
        raise UserError(f"{path}: its generator is none of StyleGAN2, StyleGAN3, R3GAN and mimicry's")
    for name, value in network.state.items():
        if not value.isfinite().all():
            raise UserError(f"{path}: holds NaN or infinite weights ({name})")
    try:
        return kind.imported(network)
    except Unfit as error:
        raise UserError(f"{path}: is not a network of this lab's catalogue ({error})") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (LookupError, ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError) as error:
        raise UserError(f"{path}: its generator lacks a part, or has it in another size ({error})") from error


def _built(weights: "Imported", path: Path) -> Any:
    """The network itself; first without memory, since sizes come from the file."""
    from hydra.utils import instantiate

    from gan_lab.config.recipe import check_recipe

    try:
        check_recipe(weights.recipe, weights.state)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    network = instantiate(weights.recipe["generator"]).eval()
    network.load_state_dict(weights.state)
    return network


def _target(part: dict[str, Any]) -> str:
    """Of the network itself, whatever stands around it."""
    inner = part.get("_args_")
    return _target(inner[0]) if inner else str(part["_target_"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
