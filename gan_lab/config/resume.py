"""Resume of a run: the command line that it was started with, and what may be changed."""

import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import DictConfig, OmegaConf

from gan_lab.config.arguments import quoted
from gan_lab.config.environment import unspelt
from gan_lab.config.observing import PLACES
from gan_lab.config.started import how_started, split
from gan_lab.config.stranger import vetted
from gan_lab.config.words import shown
from gan_lab.data.sources.labels import is_list
from gan_lab.errors import OtherRun, UserError
from gan_lab.io.anew import anew
from gan_lab.io.ownership import is_own, write_own
from gan_lab.io.reading import read_yaml, read_yaml_list
from gan_lab.io.run_file import note, read_facts

# What may differ from the run that is resumed: how long, where, on what machine and how watched it is played. With each
# of PLACES, whatever is set to what it is. The parts of a batch are looked at again where the game is known.
FREE = (
    "rounds", "resume", "objective", "directory", "callbacks", "logger", "trainer", "gan.accumulate", "gan.compile",
    *PLACES,
)  # fmt: skip
BEGUN = ("start_from", "start_strict")  # say how a run began, whatever they say when it goes on


OVERRIDES = "overrides.yaml"


def expand(arguments: list[str]) -> list[str]:
    """Command-line arguments with `resume=DIR` replaced by all that the run in DIR was started with.

    Where that run is not one of the user's own, only by what a stranger may ask for, and `trust=PACKAGES` adds to that.

    Raises:
        UserError: DIR is not a run directory, is of another version of this lab, or a stranger's who asks for more.
    """
    trusted = [
        name for a in arguments if a.startswith("trust=") for name in a.removeprefix("trust=").split(",") if name
    ]
    given = [a.removeprefix("resume=") for a in arguments if a.startswith("resume=")]
    if trusted and not given:
        raise UserError(f"trust={','.join(trusted)}: goes with resume=RUN, where that is not one of your own runs")
    if not given or given[-1] in ("", "null"):
        return arguments
    if {"-m", "--multirun"} & set(arguments):
        raise UserError("resume goes on with one run; it does not go with --multirun")
    directory = Path(given[-1].strip("'\""))
    if not (directory / OVERRIDES).is_file() or not (directory / "config.yaml").is_file():
        raise UserError(f"resume={directory}: not a run directory (it has no config.yaml); give one that train.py made")
    flags, overrides = split(arguments)
    flags = _latest([*(read_facts(directory).get("start") or {}).get("flags", []), *flags])
    others = [a for a in overrides if not a.startswith(("resume=", "hydra.run.dir=", "trust="))]
    first = [str(override) for override in read_yaml_list(directory / OVERRIDES)]
    if "data=image_folder" in first:
        raise UserError(
            f"resume={directory}: that run has learnt from data=image_folder, which resized pictures otherwise than "
            f"data=images does, and cannot go on; {anew(directory)}"
        )
    if begun := [a for a in others if a.startswith(tuple(f"{key}=" for key in BEGUN))]:
        raise UserError(f"{begun[0]}: begins a new run, and resume goes on with one; leave out one of the two")
    if not is_own(directory / OVERRIDES):
        first = vetted(first, others, trusted, directory / OVERRIDES)
    here = quoted(str(directory.resolve()))
    # Hydra's own notes (.hydra) stay those of the first start.
    return [*flags, *_latest([*first, *others]), f"resume={here}", f"hydra.run.dir={here}", "hydra.output_subdir=null"]


def _latest(overrides: list[str]) -> list[str]:
    """Of several overrides of one key the last."""
    return list({override.partition("=")[0]: override for override in overrides}.values())


def check_same(config: DictConfig, directory: Path) -> None:
    """The composed configuration computes what the run in `directory` computes.

    Raises:
        OtherRun: it does not; names the first keys that differ.
        UserError: the run is of another version of this lab.
    """
    read_facts(directory)
    before = dict(flat(read_yaml(directory / "config.yaml")))
    config = deepcopy(config)
    for key in PLACES:
        if key in before or OmegaConf.select(config, key) is not None:
            OmegaConf.update(config, key, before.get(key))  # and so all that follows it
    now = dict(flat(unspelt(config)))
    differing = [
        f"{key} is {shown(before.get(key, 'absent'))} there and {shown(now.get(key, 'absent'))} here"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key) and not is_free(key)
    ]
    if differing:
        raise OtherRun(
            f"resume={directory}: that run has another configuration ({'; '.join(differing[:3])}); only "
            f"{', '.join(FREE)} may change; what follows one of these can be kept by giving it, as in KEY=OLD_VALUE; "
            f"to play on with other settings, {anew(directory)}"
        )


def check_start(config: DictConfig) -> None:
    """Make the path of `start_from` absolute, where a new run begins with others' weights.

    Raises:
        UserError: it is not there; or `start_strict` has nothing to be strict about, or freezing nothing to keep.
    """
    if config.get("start_from") is None:
        for player in "dg":
            if (config.get(f"{player}_wrappers") or {}).get("freeze"):
                raise UserError(
                    f"{player}_wrappers.freeze: keeps layers as they begin; say with whose weights: start_from=RUN"
                )
        if config.get("start_strict"):
            raise UserError("start_strict=true: needs start_from, a run or a file whose weights are to fit")
        return
    path = Path(config.start_from).expanduser()
    if not config.start_from or not path.exists():
        raise UserError(f"start_from={config.start_from}: no such run directory or file")
    config.start_from = str(path.resolve())


def is_free(key: str) -> bool:
    """Whether the dotted key may differ from the run that is resumed."""
    return f"{key}.".startswith(tuple(f"{free}." for free in (*FREE, *BEGUN)))


def flat(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A configuration by dotted keys; a list counts as one value."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from flat(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, node


def remember(config: DictConfig, directory: Path, overrides: Sequence[str]) -> None:
    """Write the resolved `config.yaml`, and beside it the overrides that a later resume starts from."""
    text = OmegaConf.to_yaml(unspelt(config))
    kept = [override for override in overrides if not override.startswith("resume=")]
    # Absolute: to be found again from any working directory.
    data = cast(dict[str, Any], OmegaConf.to_container(config.data, resolve=False))
    places = {name: str(data[name]) for name in ("root", "labels") if name in data}
    for name, value in places.items():
        if "${" not in value and (name == "root" or is_list(value)):
            kept = [override for override in kept if not override.startswith(f"data.{name}=")]
            kept.append(f"data.{name}={quoted(value)}")
    note(directory, start=how_started(sys.argv[1:]))
    write_own(directory / OVERRIDES, yaml.safe_dump(kept))
    write_own(directory / "config.yaml", text)
