"""Closed lists of what a configuration of another person may build and contain.

Building calls the `_target_`s of the file with its values. So the targets must be on a closed list, and the values such
that the parts on it can do no harm with them: plain data of bounded size, no interpolations (which call functions
when they are resolved) and no paths.
"""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from gan_lab.config.conf import CONF
from gan_lab.config.source import CannotTell, NoSuchTarget, find
from gan_lab.config.tree import PLAIN_TYPES, children, leaves, parts
from gan_lab.config.words import dotted, one_line, shown
from gan_lab.errors import UserError

_LAYERS = """
    AdaptiveAvgPool2d AvgPool2d BatchNorm1d BatchNorm2d Bilinear CELU Conv1d Conv2d ConvTranspose2d Dropout Dropout2d
    ELU Embedding Flatten GELU GLU GroupNorm Hardsigmoid Hardswish Hardtanh Identity InstanceNorm2d LayerNorm LeakyReLU
    Linear LogSigmoid MaxPool2d Mish PReLU PixelShuffle PixelUnshuffle RMSNorm RReLU ReLU ReLU6 SELU SiLU Sigmoid
    Softmax Softplus Softsign Tanh Tanhshrink Unflatten Upsample ZeroPad2d
    init.constant_ init.dirac_ init.eye_ init.kaiming_normal_ init.kaiming_uniform_ init.normal_ init.ones_
    init.orthogonal_ init.sparse_ init.trunc_normal_ init.uniform_ init.xavier_normal_ init.xavier_uniform_ init.zeros_
"""
_OPTIMIZERS = "ASGD Adadelta Adagrad Adam AdamW Adamax NAdam RAdam RMSprop Rprop SGD"
_SCHEDULES = """
    ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR LinearLR MultiStepLR OneCycleLR
    PolynomialLR StepLR
"""
LAYERS = frozenset(f"torch.nn.{name}" for name in _LAYERS.split())
OPTIMIZERS = frozenset(f"torch.optim.{name}" for name in _OPTIMIZERS.split())
SCHEDULES = frozenset(f"torch.optim.lr_scheduler.{name}" for name in _SCHEDULES.split())

MOST = 2000  # values
LARGEST = 10**6  # of a number that a stranger's file gives, where it may be the size of something
_WORD = re.compile(r"[\w.+ -]*", re.ASCII)
TAKES_A_PATH = re.compile(r"(^|_)(root|dir|directory|folder|path|dirpath|file|filename|storage|out|url|uri)$")
_NAMES_A_FIGURE = ("objective", "monitor")  # and these are called `g/loss`
_NO_SIZE = ("seed", "labels_seed", "rounds", "kimg")


@cache
def named_in(*groups: str) -> frozenset[str]:
    """The targets that the lab's own options of these config groups name."""
    files = (file for group in groups for file in (CONF / group).glob("*.yaml"))
    return frozenset(target for file in files for target in re.findall(r"_target_: *([\w.]+)", file.read_text()))


def check_targets(tree: Any, allowed: Collection[str], trusted: Sequence[str] = ()) -> None:
    """Raise a UserError unless every `_target_` in nested plain data is allowed, or lies under a trusted prefix.

    "mine" covers mine.nets.G, but neither mines.G nor mine.nets.torch.load: what the path leads to must itself be
    defined under a prefix. Private segments and anything but plain identifiers are refused wherever they are.
    """
    for path, leaf in leaves(tree):
        if type(leaf) not in PLAIN_TYPES:  # it may hold a `_target_` that is not seen here
            raise UserError(f"{dotted(path)}: must be plain data, not {type(leaf).__name__}")
    for path, part in parts(tree):
        check_target(part["_target_"], (*path, "_target_"), allowed, trusted)


def check_target(target: Any, path: tuple[str | int, ...], allowed: Collection[str], trusted: Sequence[str]) -> None:
    """The same of one target, which is at `path`."""
    if isinstance(target, str) and target in allowed:
        return
    if not (_is_public(target) and _under(target, trusted) and _is_defined_under(target, trusted)):
        why = "is not trusted: it is no part that a stranger's file may use; if you know that code, add trust=PACKAGE"
        raise UserError(one_line(f"{dotted(path)}={shown(target)}: {why}"))


def check_words(tree: Any) -> None:
    """Raise a UserError where nested plain data hold more than bounded numbers and words.

    What could be a path, an interpolation, an address or a module is refused: no part of the lab needs such a value.
    """
    for count, (path, value) in enumerate(_values(tree)):
        if count >= MOST:  # each costs time to build from
            raise UserError(f"{dotted(path[:1])}: has more than {MOST} values, too many for a stranger's file")
        keys = [step for step in path if isinstance(step, str)]
        key = keys[-1] if keys else ""
        if not all(map(_WORD.fullmatch, keys)) or TAKES_A_PATH.search(key):
            raise UserError(one_line(f"{dotted(path)}: is not taken from a stranger's file"))
        if key == "_args_" and not isinstance(value, list):
            raise UserError(f"{dotted(path)}: only parts are given by position")
        if isinstance(value, str) and key != "_target_":
            text = value.replace("/", "") if key in _NAMES_A_FIGURE else value
            if not _WORD.fullmatch(text) or ".." in text:
                raise UserError(one_line(f"{dotted(path)}={shown(value)}: only words are taken from a stranger's file"))
        if key not in _NO_SIZE and not _size(key, value) <= LARGEST:
            raise UserError(one_line(f"{dotted(path)}={shown(value)}: is too large for a stranger's file"))


def _values(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Everything within, lists and leaves."""
    if not isinstance(node, dict):
        yield path, node
    for key, child in children(node):
        yield from _values(child, (*path, key))


def _size(key: str, value: Any) -> float:
    """How large what is called `key` may be by this value; infinite where that is no number."""
    if isinstance(value, list):
        return math.prod(max(1.0, _size(key, item)) for item in value) / 100 if key == "shape" else 0
    if not isinstance(value, int | float):
        return 0
    return abs(value) if isinstance(value, int) or math.isfinite(value) else math.inf


def _is_public(target: Any) -> bool:
    """Whether it is a dotted path of public names, in ASCII (Python folds look-alike letters into one another)."""
    if not isinstance(target, str) or not target.isascii():
        return False
    return all(step.isidentifier() and not step.startswith("_") for step in target.split("."))


def _under(path: str, prefixes: Sequence[str]) -> bool:
    return any(f"{path}.".startswith(f"{prefix}.") for prefix in prefixes)


def _is_defined_under(target: str, prefixes: Sequence[str]) -> bool:
    """Modules carry what they import, so a path under a prefix may still lead out of it; one that is named is meant."""
    if target in prefixes:
        return True
    try:
        definition = find(target)
    except (NoSuchTarget, CannotTell):
        return False
    return _under(f"{definition.module}.{definition.node.name}", prefixes)
