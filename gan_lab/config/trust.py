"""What a configuration out of somebody else's file may build."""

from collections.abc import Sequence
from typing import Any

from gan_lab.config.source import CannotTell, NoSuchTarget, find
from gan_lab.config.tree import PLAIN_TYPES, leaves, parts
from gan_lab.config.words import dotted, listed, one_line, shown
from gan_lab.errors import UserError


def check_targets(tree: Any, allowed: Sequence[str]) -> None:
    """Raise a UserError unless every `_target_` in nested plain data lies under one of the dotted prefixes `allowed`.

    "gan_lab" covers gan_lab.gan.GAN, but neither gan_labx.GAN nor gan_lab.gan.torch.load: what the path leads to must
    itself be defined under a prefix. Private segments and anything but plain identifiers are refused wherever they are.
    """
    for path, leaf in leaves(tree):
        if type(leaf) not in PLAIN_TYPES:  # it may hold a `_target_` that is not seen here
            raise UserError(f"{dotted(path)}: must be plain data, not {type(leaf).__name__}")
    for path, part in parts(tree):
        target = part["_target_"]
        if not (_is_public(target) and _under(target, allowed) and _is_defined_under(target, allowed)):
            raise UserError(
                one_line(f"{dotted((*path, '_target_'))}={shown(target)}: is not trusted {listed(allowed)}")
            )


def _is_public(target: Any) -> bool:
    """Whether it is a dotted path of public names, in ASCII (Python folds look-alike letters into one another)."""
    if not isinstance(target, str) or not target.isascii():
        return False
    return all(step.isidentifier() and not step.startswith("_") for step in target.split("."))


def _under(path: str, allowed: Sequence[str]) -> bool:
    return any(f"{path}.".startswith(f"{prefix}.") for prefix in allowed)


def _is_defined_under(target: str, allowed: Sequence[str]) -> bool:
    """Modules carry what they import, so a path under a prefix may still lead out of it; one that is named is meant."""
    if target in allowed:
        return True
    try:
        definition = find(target)
    except (NoSuchTarget, CannotTell):
        return False
    return _under(f"{definition.module}.{definition.node.name}", allowed)
