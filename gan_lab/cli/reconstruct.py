"""An average of the generator that was not kept, made after training: `gan-lab reconstruct RUN_DIR width=0.07`.

Post-hoc EMA (Karras et al. 2024): a run that keeps power-function averages of two widths, and checkpoints on its way,

  gan-lab train ema=power ema.width=0.05 +ema@averages.wide=power averages.wide.width=0.1
                callbacks.checkpoint.keep_every=1000

has what an average of any width is nearly a sum of, the wider apart from theirs and the fewer checkpoints, the less so.
The file that is written holds it as `average`, and is for `gan-lab sample FILE` and for
`gan-lab evaluate RUN_DIR checkpoint=FILE`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from gan_lab.config.arguments import place
from gan_lab.config.entry import entry
from gan_lab.config.options import CommandOptions, help_page, parse_options, print_help
from gan_lab.errors import UserError
from gan_lab.io.inside import check_inside
from gan_lab.io.ownership import is_own
from gan_lab.io.reading import read_yaml
from gan_lab.io.run_file import read_facts
from gan_lab.ranges import PositiveFloat, PositiveInt

if TYPE_CHECKING:
    from torch import nn

    from gan_lab.averages import Power

USAGE = "gan-lab reconstruct RUN_DIR [width=0.1] [KEY=VALUE ...]"
POWER = "gan_lab.averages.Power"


class Options(CommandOptions):
    """What may follow RUN_DIR, as key=value."""

    width: PositiveFloat = Field(default=0.1, description="of the memory, over the rounds played (see ema=power)")
    round: PositiveInt | None = Field(default=None, description="after which; one that has a checkpoint, else the last")
    out: Path | None = Field(default=None, description="a .safetensors; else RUN_DIR/reconstructed.safetensors")


@entry(smaller="end other programs")
def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    print(reconstruct(place(arguments[0]), parse_options(Options, arguments[1:])))
    return 0


def reconstruct(directory: Path, options: Options) -> str:
    """Write the generator file; says how near the average is to the one that was asked for.

    Raises:
        UserError: the run is not the user's own, has no power-function averages, or no checkpoint of that round; or
            there is no such width.
    """
    from gan_lab.averages import Power, Profile, reconstruction
    from gan_lab.cli.sample import rebuilt
    from gan_lab.io.generator import save_generator
    from gan_lab.io.weights import checkpoints_of, read_weights

    out = options.out or directory / "reconstructed.safetensors"
    if out.suffix != ".safetensors":
        raise UserError(f"out={out}: must end in .safetensors")
    if not (directory / "config.yaml").is_file():
        raise UserError(f"{directory}: not a run directory (it has no config.yaml)")
    check_inside(directory)
    if not is_own(directory / "config.yaml"):  # what is written would count as the user's own
        raise UserError(f"{directory}: is not a run of yours")
    powers, paths = power_averages(directory), checkpoints_of(directory)
    at = options.round or max(paths, default=0)
    if at not in paths:
        there = ", ".join(map(str, sorted(paths))) or "none"
        raise UserError(f"round={at}: {directory} has no checkpoint of it; there are {there}")
    last = read_weights(paths[at])
    if not last.own:
        raise UserError(f"{directory}: is not a run of yours")
    try:
        wanted = Power(options.width)
    except ValueError as error:
        raise UserError(str(error)) from error

    before = (read_facts(directory).get("start_from") or {}).get("round", 0)  # rounds behind its first weights
    kept = [(t, name) for t in sorted(paths) if t <= at for name in powers]
    profiles = [Profile(before + t, powers[name].gamma) for t, name in kept]
    shares, left = reconstruction(profiles, Profile(before + at, wanted.gamma))
    of = {"raw": "raw", "average": kept[-1][1]}
    networks = {name: rebuilt(last.generator(), weights, trust="")[0] for name, weights in of.items()}
    fill(networks["average"], paths, dict(zip(kept, shares, strict=True)))
    save_generator(out, {**last.recipe, "round": at}, networks)
    return f"the average of width {options.width} after round {at}, but for {left:.2g} of its profile, in {out}"


def fill(network: "nn.Module", paths: Mapping[int, Path], shares: Mapping[tuple[int, str], float]) -> None:
    """Give the network the sum of averages by their rounds and names; what is not averaged stays."""
    import torch

    from gan_lab.game.ema import averaged
    from gan_lab.io.weights import read_weights

    state = network.state_dict()
    sums = {name: torch.zeros_like(state[name], dtype=torch.float64) for name in averaged(network)}
    for t in dict.fromkeys(t for t, _ in shares):
        found = read_weights(paths[t]).networks
        for (at, which), share in shares.items():
            for name, value in sums.items() if at == t else ():
                value += share * found[which][name]
    for name, value in sums.items():  # shares may be negative
        state[name].copy_(value.clamp_min(0) if name.endswith("running_var") else value)


def power_averages(directory: Path) -> dict[str, "Power"]:
    """Those that the run in the directory keeps, by name; of equal widths one.

    Raises:
        UserError: there is none.
    """
    from gan_lab.averages import Power

    config = read_yaml(directory / "config.yaml")
    named = {"average": config.get("ema"), **(config.get("averages") or {})}
    widths = {float(part["width"]): name for name, part in named.items() if part and part.get("_target_") == POWER}
    if not widths:
        raise UserError(
            f"{directory}: has kept no power-function averages to make another of; see gan-lab reconstruct --help"
        )
    return {name: Power(width) for width, name in widths.items()}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
