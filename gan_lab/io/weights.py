"""Trained weights of a generator file or of any checkpoint of a run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from torch import Tensor

from gan_lab.errors import UserError
from gan_lab.io.checkpoint import LAST, PREVIOUS, PlainCheckpointIO, newest
from gan_lab.io.generator import GeneratorFile, is_own_recipe, load_generator
from gan_lab.io.reading import check_file, parse_json

GENERATOR, BEST = "generator.safetensors", "best.ckpt"
ROLES = {"d": "d.network.", "g": "g.network.", "average": "average."}  # what their names in a checkpoint begin with
FURTHER = "averages."  # and those of further averages, before their own names


class Weights(NamedTuple):
    """State dicts by role, and what is known of them.

    Roles are `d` (which a generator file does not have), `g`, `average`, and further averages' names. `recipe` rebuilds
    the generator, and is one of this user's or not (`own`); `round` is that after which they were saved, and `run` what
    it was a round of.
    """

    path: Path
    networks: dict[str, dict[str, Tensor]]
    recipe: dict[str, Any]
    round: int
    own: bool
    run: str | None = None

    def generator(self) -> GeneratorFile:
        """As the file that a run leaves of its generator."""
        averages = {role: state for role, state in self.networks.items() if role not in ("d", "g")}
        return GeneratorFile(self.recipe, {"raw": self.networks["g"], **averages}, self.own, self.path)


def numbered(played: int | None) -> str:
    """The name of the checkpoint that is kept of a round, `round_000500.ckpt`; None: a pattern for those of all."""
    return "round_*.ckpt" if played is None else f"round_{played:06d}.ckpt"


def number_of(path: Path) -> int:
    """The round that a numbered checkpoint is of, by its name; -1 where it has another."""
    number = path.stem.removeprefix("round_")
    return int(number) if number.isdecimal() else -1


def read_weights(path: Path) -> Weights:
    """Those of a generator file or of a checkpoint.

    Raises:
        UserError: the file is neither, or damaged.
    """
    if "recipe" in _metadata(path):
        found = load_generator(path)
        networks = {"g" if name == "raw" else name: state for name, state in found.weights.items()}
        return Weights(path, networks, found.recipe, found.recipe.get("round", 0), found.own)
    checkpoint = PlainCheckpointIO().load_checkpoint(path)
    try:
        state = checkpoint["state_dict"]
        further = dict.fromkeys(name.split(".")[1] for name in state if name.startswith(FURTHER))
        prefixes = {name: f"{FURTHER}{name}." for name in further} | ROLES
        networks = {role: _below(prefix, state) for role, prefix in prefixes.items()}
        kept = {role: found for role, found in networks.items() if found}
        recipe, played = dict(checkpoint["recipe"]), int(checkpoint["game"]["round"])
        return Weights(path, kept, recipe, played, is_own_recipe(path.parent.parent, recipe), checkpoint.get("run"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: not a checkpoint of a run ({error})") from error


def find_weights(place: Path, checkpoint: str | None = None) -> Path:
    """The file that holds them: `place` itself, or of a run directory what `checkpoint` names.

    That is the generator file (None), or the `last` or `best` checkpoint, that of a round, or any file by its path.

    Raises:
        UserError: there is no such file; says which there are.
    """
    folder = place / "checkpoints"
    if checkpoint is None:
        if place.is_file():
            return place
        if not (place / GENERATOR).is_file():
            there = f"; {_offer(folder)}" if _there(folder) else ""
            raise UserError(f"{place}: no run directory with a finished run (it has no {GENERATOR}){there}")
        return place / GENERATOR
    if checkpoint == "last":
        found = newest(folder)
        path = folder / LAST if found is None else found[0]
    elif checkpoint == "best":
        path = folder / BEST
    elif checkpoint.isdecimal():
        played = int(checkpoint)
        path = next((path for path in _there(folder) if _round(path) == played), folder / numbered(played))
    else:
        path = Path(checkpoint).expanduser()
    if not path.is_file():
        raise UserError(f"checkpoint={checkpoint}: {path} is not there; {_offer(folder)}")
    return path


def checkpoints_of(place: Path) -> dict[int, Path]:
    """Those of a run directory, by the rounds that they are of."""
    found = {_round(path): path for path in _there(place / "checkpoints")}
    return {played: path for played, path in found.items() if played is not None}


def _there(folder: Path) -> list[Path]:
    kept = [folder / name for name in (LAST, BEST, PREVIOUS)]
    return [path for path in (*sorted(folder.glob(numbered(None))), *kept) if path.is_file()]


def _offer(folder: Path) -> str:
    """What may be asked for, in words."""
    names = {LAST: "last", BEST: "best"}
    offers = [names.get(path.name) or str(_round(path)) for path in _there(folder)]
    if not offers:
        return "the run has no checkpoint yet"
    best = "" if "best" in offers else " (a best one is kept with callbacks.checkpoint.monitor=METRIC)"
    return f"there are checkpoint={', '.join(dict.fromkeys(offers))}{best}"


def _round(path: Path) -> int | None:
    """Of a checkpoint; None where it is damaged."""
    try:
        tree = parse_json(_metadata(path)["tree"], str(path))
        return int(dict(tree["dict"])["global_step"])
    except (UserError, KeyError, ValueError, TypeError):
        return None


def _metadata(path: Path) -> Mapping[str, str]:
    check_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        kind = "checkpoint" if path.suffix == ".ckpt" else "generator file"
        raise UserError(f"{path}: not a {kind}, or damaged ({error})") from error


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
