"""Start of a run from weights of another one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from gan_lab.errors import UserError
from gan_lab.features.classifier import digest
from gan_lab.game.gan import GAN
from gan_lab.io.checkpoint import newest
from gan_lab.io.weights import GENERATOR, read_weights
from gan_lab.networks.freezing import frozen_weights

LISTED = 5  # weights of each player that are named, of those that did not fit


class Start(NamedTuple):
    """Where a run's first weights come from.

    Attributes:
        file: what they were read from; `round`: after so many rounds they were saved there.
        digest: of all that was taken over.
        fitted: how many of the tensors of each network, as "12 of 14".
        unfit: why others did not fit, by their names, for each network.
    """

    file: Path
    round: int
    digest: str
    fitted: dict[str, str]
    unfit: dict[str, dict[str, str]]

    def facts(self) -> dict[str, Any]:
        """As plain data."""
        return {**self._asdict(), "file": str(self.file)}

    def report(self) -> list[str]:
        """What was taken over and what was not, in lines."""
        counts = ", ".join(f"{role} {count}" for role, count in self.fitted.items())
        lines = [f"weights of round {self.round} from {self.file}: {counts} tensors"]
        for role, names in self.unfit.items():
            listed = "; ".join(f"{name} ({why})" for name, why in list(names.items())[:LISTED])
            more = f"; and {len(names) - LISTED} more (all are in run.yaml)" if len(names) > LISTED else ""
            lines += [f"  not taken over of {role}: {listed}{more}"] if names else []
        return lines


def source_of(place: Path) -> Path:
    """The file of weights that a run directory has, D's with them if it can be; or `place` itself.

    Raises:
        UserError: there is none.
    """
    if place.is_file():
        return place
    found = newest(place / "checkpoints") if place.is_dir() else None
    path = place / GENERATOR if found is None else found[0]
    if not path.is_file():
        raise UserError(f"start_from={place}: neither a run with a checkpoint, nor a checkpoint, nor a generator file")
    return path


def start_from(gan: GAN, place: Path, strict: bool = False) -> Start:
    """Give both players and the averages the weights (and buffers) of `place` that fit by name and shape.

    An average that is not there begins as the generator. With `strict` nothing may be left over on either side.

    Raises:
        UserError: there are no such weights, none fits or some are not finite; or one does not fit that is frozen, or,
            with `strict`, any.
    """
    found = read_weights(source_of(place))
    networks = {"d": gan.d.network, "g": gan.g.network, **gan.kept}
    fitted, unfit, taken = dict[str, str](), dict[str, dict[str, str]](), list[Tensor]()
    for role, network in networks.items():
        own = network.state_dict()
        given = found.networks.get(role) or ({} if role == "d" else found.networks["g"])
        unfit[role] = _unfit(own, given)
        fits = [name for name in own if name in given and name not in unfit[role]]
        _take(network, {name: given[name] for name in fits}, found.path)
        fitted[role] = f"{len(fits)} of {len(own)}"
        taken += [given[name] for name in fits]
    start = Start(found.path, found.round, digest(taken), fitted, unfit)
    problem = next((f"{role}.{name}: {why}" for role, names in unfit.items() for name, why in names.items()), None)
    for role, names in unfit.items():
        for name in sorted(frozen_weights(networks[role]) & names.keys()):
            raise UserError(
                f"start_from={found.path}: {role}.{name} {names[name]}, and is frozen; lower freeze.layers, or begin "
                "with weights that have it"
            )
    if strict and problem:
        raise UserError(f"start_from={found.path}: {problem}; start_strict=false leaves out what does not fit")
    if not taken:
        raise UserError(f"start_from={found.path}: none of its weights fits, by name and shape ({problem})")
    gan.started_from = found.round
    return start


def _unfit(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, str]:
    reasons = {name: "is not there" for name in own if name not in given}
    reasons |= {name: "has no place here" for name in given if name not in own}
    for name in own.keys() & given.keys():
        here, there = list(own[name].shape), list(given[name].shape)
        if here != there:
            reasons[name] = f"is {there} there and {here} here"
    return {name: reasons[name] for name in sorted(reasons)}


@torch.no_grad()
def _take(network: nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    own = network.state_dict()
    for name, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise UserError(f"start_from={path}: {name} holds NaN or infinite numbers")
        own[name].copy_(value)
