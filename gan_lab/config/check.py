"""Check of a composed configuration against the parameters of its parts, none of which is imported."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_lab.config.conf import CONF
from gan_lab.config.foreign import foreign_complaint
from gan_lab.config.image_shape import image_shape as _image_shape  # noqa: F401 - registers the resolver
from gan_lab.config.signature import Signature, signature
from gan_lab.config.source import NoSuchTarget
from gan_lab.config.tree import PLAIN_TYPES, at, children, is_part, leaves, loose, origin, parts, reach, references
from gan_lab.config.values import complaint, unfit
from gan_lab.config.words import dotted, listed, near, one_line, shown
from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeInt, PositiveInt

# The root: plain keys with their types, groups that are one choice each (a part, or what holds these parts), and dicts
# of named parts.
PLAIN: dict[str, Any] = {
    "seed": NonNegativeInt,
    "seeds": PositiveInt | None,
    "rounds": PositiveInt,
    "resume": str | None,
    "start_from": str | None,
    "start_strict": bool,
    "objective": str | None,
    "directory": str,
}
CHOICES = (
    "data",
    "degradation",
    "latent",
    "model",
    "conditioning",
    "loss",
    "update",
    "optimizer",
    "schedule",
    "ema",
    "sampling",
    "trainer",
    "gan",
)
HOLDS = {"data": ("module",), "model": ("generator", "discriminator"), "conditioning": (), "optimizer": ("d", "g")}
NAMED = ("d_terms", "g_terms", "d_wrappers", "g_wrappers", "averages", "callbacks", "logger")
OPTIONAL = {"seeds", "resume", "start_from", "objective", "degradation", "conditioning", "schedule", "ema", *NAMED}
MOVED = {"gan.ema_decay": "ema.decay (where it was null, ema=none)"}  # keys of earlier versions, and what they are now


class Page(NamedTuple):
    """What the root of a configuration may hold, as above."""

    plain: Mapping[str, Any]
    choices: Sequence[str]
    named: Sequence[str]
    optional: Collection[str]
    holds: Mapping[str, Sequence[str]] = {}


EXPERIMENT = Page(PLAIN, CHOICES, NAMED, OPTIONAL, HOLDS)
LARGEST = 2**63  # of integers: torch and numpy take no larger ones

_OF_HYDRA = {"_target_", "_partial_", "_args_", "_convert_", "_recursive_"}


def check(cfg: DictConfig, page: Page = EXPERIMENT) -> None:
    """Raise a UserError that names the first three mistakes of the configuration, if it has any.

    Every key must be taken by a part, be one of the root's own or be read by an interpolation; every plain value must
    fit the annotation of the parameter that takes it; nothing may be missing or refer to what is not there.
    """
    raw = cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=False))
    problems = [*_root(raw, page), *_unknown_parameters(raw), *_unresolved(raw)]
    if not problems:
        plain = _resolved(cfg)
        problems = [*_not_plain(plain), *_too_large(plain, raw)] or [
            *_root_values(plain, page),
            *_unread(plain, raw, page),
            *_unfit_values(plain, raw, page),
        ]
    if problems:
        raise UserError(one_line("; ".join(problems[:3])))


def check_choices(
    cfg: DictConfig, choices: Mapping[str, Any], page: Page = EXPERIMENT, overrides: Sequence[str] = ()
) -> None:
    """Raise a UserError where a group that is one choice was given several options, or none.

    `choices` are Hydra's own notes of what was chosen. A list of options, which Hydra would merge into one part with
    the keys of all, leaves no note. `overrides` are the command line's: of `experiment`, which leaves nothing in the
    configuration either, they alone tell.
    """
    for override in overrides:
        if override.lstrip("+").startswith("experiment=["):
            raise UserError(f"{override}: must be one option, not a list: the last page would overrule the others")
    for group in page.choices:
        absent = group in page.optional and not cfg.get(group)
        if group not in choices and not absent and group != "gan":  # gan is no group but a part of the page
            raise UserError(f"{group}: must be one option ({group}=...), not a list and not none")


def _root(raw: dict[str, Any], page: Page) -> Iterator[str]:
    allowed = [*page.plain, *page.choices, *page.named]
    for key, value in raw.items():
        if key not in allowed:
            yield f"{key}: there is no such key{near(str(key), allowed)} {listed(allowed)}"
        elif key in (*page.choices, *page.named) and not isinstance(value, dict | None) and "${" not in str(value):
            yield f"{key}={shown(value)}: must be a group of settings"
    for key in allowed:
        if key not in page.optional and raw.get(key) is None:
            yield f"{key}: must be given ({key}=...)"
        elif isinstance(raw.get(key), dict):
            yield from _not_parts(key, raw[key], page)


def _not_parts(key: str, group: dict[str, Any], page: Page) -> Iterator[str]:
    """Where a part should be and is none."""
    if key in page.named and is_part(group):
        yield f"{key}: is one part, and must hold parts by their names ({key}.NAME)"
        return
    if key in page.holds:
        required = {name: group.get(name) for name in page.holds[key]}
    elif key in page.named:
        required = {name: node for name, node in group.items() if isinstance(node, dict)}
    else:
        required = {"": group} if group or key not in page.optional else {}
    for name, node in required.items():
        where = f"{key}.{name}".rstrip(".")
        if node is None:
            yield f"{where}: must be given"
        elif not is_part(node) and not (isinstance(node, str) and "${" in node):
            yield f"{where}={shown(node)}: must be a part (a node with _target_)"


def _root_values(plain: dict[str, Any], page: Page) -> Iterator[str]:
    for key, kind in page.plain.items():
        wrong = unfit(kind, plain.get(key)) if key in plain else None
        if wrong:
            yield f"{key}={shown(plain[key])}: {wrong}"


def _unknown_parameters(raw: dict[str, Any]) -> Iterator[str]:
    for path, part in parts(raw):
        target = part["_target_"]
        if isinstance(target, str) and ("${" in target or target == "???"):
            continue
        try:
            takes = _signature(target)
        except NoSuchTarget as error:
            yield f"{dotted((*path, '_target_'))}={shown(target)}: {error}"
            continue
        if takes is not None and not takes.open:
            for key in part.keys() - _OF_HYDRA - takes.parameters.keys():
                where = dotted((*path, key))
                wrong = f"{target} has no such parameter{near(key, takes.parameters)} {listed(takes.parameters)}"
                yield f"{where}: {f'is now {MOVED[where]}' if where in MOVED else wrong}"


def _signature(target: Any) -> Signature | None:
    if not isinstance(target, str) or not all(step.isidentifier() for step in target.split(".")) or "." not in target:
        raise NoSuchTarget("must be the dotted path of a class or function")
    return signature(target)


def _unresolved(raw: dict[str, Any]) -> Iterator[str]:
    for path, leaf in leaves(raw):
        if leaf == "???":
            yield f"{dotted(path)}: must be given ({dotted(path)}=...)"
    for path, target in references(raw):
        depth = reach(raw, target)
        if depth is not None:
            holder, names = dotted(target[:depth]), [str(key) for key, _ in children(at(raw, target[:depth]))]
            lacking = f"which {holder} does not have" if holder else "which does not exist"
            cure = near(str(target[depth]), names) or _options_with(target)
            yield f"{dotted(path)} refers to {dotted(target)}, {lacking}{cure}"


def _options_with(target: Sequence[Any]) -> str:
    """`; it comes with GROUP=...`, the options of the group that have the key which was not found; else nothing."""
    group, key = [*map(str, target), ""][:2]
    pages = sorted((CONF / group).glob("*.yaml")) if group in CHOICES else []
    having = [page.stem for page in pages if any(line.startswith(f"{key}:") for line in page.read_text().splitlines())]
    return f"; it comes with {' or '.join(f'{group}={option}' for option in having)}" if having and key else ""


def _resolved(cfg: DictConfig) -> dict[str, Any]:
    try:
        return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    except OmegaConfBaseException as error:
        raise UserError(one_line(f"{error.full_key or 'config'}: {str(error).splitlines()[0]}")) from error


def _not_plain(plain: dict[str, Any]) -> Iterator[str]:
    for path, leaf in leaves(plain):
        if type(leaf) not in PLAIN_TYPES:
            yield f"{dotted(path)}: must be plain data, not {type(leaf).__name__}"


def _too_large(plain: dict[str, Any], raw: dict[str, Any]) -> Iterator[str]:
    found = {origin(raw, path): leaf for path, leaf in leaves(plain) if isinstance(leaf, int) and abs(leaf) >= LARGEST}
    for path, leaf in found.items():
        yield f"{dotted(path)}={shown(leaf)}: must be below 2^63"


def _unread(plain: dict[str, Any], raw: dict[str, Any], page: Page) -> Iterator[str]:
    """Values that no part takes and no interpolation reads.

    A knob of a group whose every reader was given its own value (optimizer.lr beside optimizer.d.lr and
    optimizer.g.lr) is no mistake: parts below it still take a parameter of its name.
    """
    read = [target for _, target in references(raw)]
    for path, value in loose({key: node for key, node in plain.items() if key not in page.plain}):
        removed = value is None and (len(path) == 1 or path[0] in (*page.named, "conditioning"))
        overruled = any(path[-1] in part for _, part in parts(at(plain, path[:-1])))
        is_read = any(path[: len(key)] == key or key[: len(path)] == path for key in read)
        if not (removed or overruled or is_read):
            siblings = [str(key) for key, _ in children(at(plain, path[:-1])) if key != path[-1]]
            yield f"{dotted(path)}: nothing reads it{near(str(path[-1]), siblings)} {listed(siblings)}"


def _unfit_values(plain: dict[str, Any], raw: dict[str, Any], page: Page) -> Iterator[str]:
    """Values that do not fit their parameter, named where they are written; each is reported once."""
    reported = set()
    for path, part in parts(plain):
        takes = _signature(part["_target_"])
        for key, value in part.items():
            if takes is None or key not in takes.parameters or next(parts(value), None) is not None:
                continue
            wrong = foreign_complaint(part["_target_"], key, value) or complaint(
                key, takes.parameters[key], value, str(part["_target_"]).startswith("gan_lab.")
            )
            written = origin(raw, (*path, key))
            if written[0] in page.plain and unfit(page.plain[str(written[0])], value):
                continue  # a root key that is reported as such
            if wrong and (written, wrong) not in reported:
                reported.add((written, wrong))
                reader = f" (for {dotted((*path, key))})" if written[0] != path[0] else ""
                yield f"{dotted(written)}={shown(value)}: {wrong}{reader}"
