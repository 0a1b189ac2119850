"""Generator of another framework in the terms of this lab: a recipe, and weights under this lab's names."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from gan_lab.errors import UserError

State = dict[str, Tensor]


class Imported(NamedTuple):
    """What rebuilds a generator, as in a generator file, and its weights."""

    recipe: dict[str, Any]
    state: State


class Unfit(UserError):
    """The network is not one of this lab's catalogue."""


def renamed(state: Mapping[str, Tensor], names: Mapping[str, str], dropped: str = "(?!)") -> State:
    """The tensors under new names: the first pattern of `names` that matches a whole name says what it becomes.

    Those that match `dropped` are left out: constants that this lab's networks compute.

    Raises:
        Unfit: there is a tensor that has no place here.
    """
    found = {}
    for name, value in state.items():
        if re.fullmatch(dropped, name):
            continue
        pattern = next((pattern for pattern in names if re.fullmatch(pattern, name)), None)
        if pattern is None:
            raise Unfit(f"{name}: has no place in a network of this lab")
        found[re.fullmatch(pattern, name).expand(names[pattern])] = value.clone()  # type: ignore[union-attr]
    return found


def demand(settings: Mapping[str, Any], **wanted: Any) -> None:
    """Raise Unfit where a setting, by the last part of its name, is another than `wanted`, anywhere in the network."""
    for name, value in settings.items():
        key = name.rpartition(".")[2]
        if key in wanted and value not in (wanted[key] if isinstance(wanted[key], tuple) else (wanted[key],)):
            raise Unfit(f"{name}={value!r}: this lab's network has {wanted[key]!r}")


def with_classes(recipe: dict[str, Any], num_classes: int | None) -> dict[str, Any]:
    """The recipe of a generator that takes labels, of classes without names, where there are any."""
    return recipe if num_classes is None else recipe | {"num_classes": num_classes, "classes": None}
