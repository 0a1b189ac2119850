"""Explanations of Hydra's and OmegaConf's errors, in one line each."""

import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import (
    ConfigCompositionException,
    InstantiationException,
    MissingConfigException,
    OverrideParseException,
    SearchPathException,
)
from omegaconf import OmegaConf, errors

from gan_lab.config.check import MOVED
from gan_lab.config.conf import CONF as CONF
from gan_lab.config.exhausted import exhausted
from gan_lab.config.signature import signature
from gan_lab.config.source import NoSuchTarget
from gan_lab.config.tree import at, children, reach
from gan_lab.config.words import dotted, listed, near, one_line
from gan_lab.errors import UserError

SMALLER = "lower data.batch_size or the networks' width, or play each batch in parts (gan.accumulate=N)"
_EXTRAS = {"hydra/launcher/submitit_slurm": "slurm", "hydra/sweeper/optuna": "optuna"}  # options that these bring
RENAMED = {"data/image_folder": "data=images data.root=..."}  # options of earlier versions, and what they are now

_REFUSALS = (UserError, ValueError, TypeError)  # by a part's constructor
_NOT_FOUND = (ImportError, AttributeError)
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_OF_THE_USER = (
    errors.InterpolationKeyError,
    errors.InterpolationResolutionError,
    errors.InterpolationToMissingValueError,
    errors.UnsupportedInterpolationType,
    errors.GrammarParseError,
    errors.MissingMandatoryValue,
    errors.ValidationError,
)


def explain(error: Exception, overrides: Sequence[str], conf: Path = CONF, smaller: str = SMALLER) -> str | None:
    """One line that tells the user what is wrong, where, and what is allowed; None where it is not the user's mistake.

    `overrides` are the command line's, which the exceptions do not always carry; `conf` is the folder of the groups;
    `smaller` says what to do where memory is short.
    """
    text = exhausted(error, smaller) or _explain(error, overrides, conf)
    return one_line(text) if text else None


@contextmanager
def plain_errors(overrides: Sequence[str]) -> Iterator[None]:
    """Whatever the user's mistake raises becomes a UserError of one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        line = explain(error, overrides)
        if line is None:
            raise
        raise UserError(line) from error


def _explain(error: Exception, overrides: Sequence[str], conf: Path) -> str | None:
    match error:
        case UserError():
            return str(error)
        case InstantiationException():
            return _part(error)
        case OverrideParseException():
            return _syntax(error)
        case MissingConfigException():
            return _option(error, overrides, conf)
        case ConfigCompositionException():
            return _composition(error, overrides, conf)
        case SearchPathException():
            return str(error)
        case OSError() if error.filename and error.strerror:  # a folder that is not there or may not be written to
            return f"{error.filename}: {error.strerror}"
        case OSError() if error.errno in _OF_THE_DISK:  # a stream does not know its file
            return f"nothing more can be written ({error.strerror})"
        case yaml.MarkedYAMLError():
            return _yaml(error)
        case errors.OmegaConfBaseException() if isinstance(error, _OF_THE_USER):
            return _with_key(error)
        case _ if type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):  # whose import takes seconds
            return f"gan.compile: torch cannot compile the networks ({_reason(error)}); leave it out"
        case ValueError() if str(error).startswith("No trials are completed"):
            return "no trial of the search has ended well; python -m gan_lab.sweep_status says why"
        case ValueError() if str(error).startswith("Config group override must be"):
            return _not_an_option(overrides, conf)
    return None


def _reason(error: Exception) -> str:
    """The first line of what torch's compiler says, without the name of its exception."""
    return str(error).splitlines()[0].partition(": ")[2].rstrip(".") or type(error).__name__


def _part(error: InstantiationException) -> str | None:
    """A part that its constructor refuses, or that does not exist."""
    head, _, key = str(error).partition("\nfull_key: ")
    target = re.search(r"target '([^']*)'", head)
    where = key or (target[1] if target else "config")
    cause = error.__cause__
    if cause is None:
        return f"{where}: {head}"
    if isinstance(cause, UserError):
        return str(cause)  # it says where by itself
    if isinstance(cause, OSError) and cause.strerror:
        return f"{where}: {': '.join(filter(None, (str(cause.filename or ''), cause.strerror)))}"
    expected = _NOT_FOUND if head.startswith("Error locating target") else _REFUSALS
    return f"{where}: {cause}" if isinstance(cause, expected) else None


def _syntax(error: OverrideParseException) -> str:
    noise = ("Error parsing override", "See http", "LexerNoViableAltException")
    lines = [line.strip() for line in error.message.splitlines()]
    reason = " ".join(line for line in lines if line.strip("^") and not line.startswith(noise))
    return f"{error.override}: cannot be read as key=value{f' ({reason})' if reason else ''}"


def _option(error: MissingConfigException, overrides: Sequence[str], conf: Path) -> str:
    missing = re.search(r"Could not (?:find|load) '([^']+)'", str(error))
    if missing is None:
        return str(error).splitlines()[0]
    if missing[1] in _EXTRAS:
        return f"{missing[1]}: is not installed; pip install 'gan_lab[{_EXTRAS[missing[1]]}]'"
    group, _, option = missing[1].rpartition("/")
    options = list(error.options or _options(conf, group))
    chosen = [given for given in overrides if _bare(given) == group and option in given]
    if missing[1] in RENAMED and option not in options:
        return f"{group}={option}: is now {RENAMED[missing[1]]}"
    return f"{chosen[0] if chosen else f'{group}={option}'}: no such option{near(option, options)} {listed(options)}"


def _composition(error: ConfigCompositionException, overrides: Sequence[str], conf: Path) -> str:
    text, first = str(error), str(error).splitlines()[0]
    if ambiguous := re.search(r"Ambiguous value for argument '(.*)'", first):
        return f"{ambiguous[1]}: is several values; add --multirun to sweep over them, or write [...] for a list"
    if twice := re.match(r"(\S+) appears more than once", first):
        return f"{_given(twice[1], overrides)}: {twice[1]} is chosen already; leave out the +"
    if found := re.search(r"(?:In '(\S+)': )?Could not (?:override|delete from config\.|delete) '([^']*)'", text):
        file, key = found[1], found[2].partition("=")[0]
        lost_at = _lost_at(key, error)
        where = f"{file}: {key}" if file else _given(key, overrides, lost_at.rpartition(".")[2])
        return f"{where}: {_no_such_key(lost_at, _known(error, conf), _packages(conf))}"
    if (merged := re.match(r"Error merging override (.*)", first)) and error.__cause__ is not None:
        return f"{merged[1]}: {str(error.__cause__).splitlines()[0]}"
    return first


def _lost_at(key: str, error: ConfigCompositionException) -> str:
    """Where the key goes wrong: inside the value given, for `data={typo: 1}`."""
    inner = getattr(error.__cause__, "full_key", None) or key
    return inner if inner.startswith(f"{key}.") else key


def _no_such_key(key: str, known: dict[str, Any], packages: dict[str, str]) -> str:
    """`no such key`, with the closest of all known keys and the names allowed where the key goes wrong."""
    if key in MOVED:
        return f"is now {MOVED[key]}"
    path = tuple(key.split("."))
    depth = reach(known, path)
    if depth is None:
        return "it is there, but another one is chosen"
    if depth == 0 and len(path) > 1 and path[0] in packages:
        return f"no such key; add it first, with {packages[path[0]]}=[{path[1]}]"
    holder = path[:depth]
    if not isinstance(at(known, holder), dict):
        return f"{dotted(holder)} is a value and has no keys"
    if len(path) == depth + 1 and _takes(at(known, holder).get("_target_"), path[-1]):
        return f"is not set so far; write +{key}=... to set it"
    names = [str(name) for name, _ in children(at(known, holder)) if name != "hydra" and not str(name).startswith("_")]
    keys = [name for name in _keys(known) if name.startswith("hydra") == key.startswith("hydra")]
    same = [name for name in keys if name.rpartition(".")[2] == path[-1]]
    hint = (
        f"; did you mean {same[0]}?"
        if same
        else near(key, (name for name in keys if not f"{key}.".startswith(f"{name}.")))
    )
    place = f" of {dotted(holder)}" if holder else ""
    return f"no such key{place}{hint} {listed(names)}"


def _takes(target: Any, name: str) -> bool:
    try:
        takes = signature(target) if isinstance(target, str) else None
    except NoSuchTarget:
        return False
    return takes is not None and name in takes.parameters


def _known(error: ConfigCompositionException, conf: Path) -> dict[str, Any]:
    """The configuration that the key was not found in; the default page's keys where the exception does not have it."""
    node = getattr(error.__cause__, "parent_node", None)
    if node is not None:
        return cast(dict[str, Any], OmegaConf.to_container(node._get_root(), resolve=False))
    page = _page(conf)
    return {**{key: value for key, value in page.items() if key != "defaults"}, **dict.fromkeys(_groups(page))}


def _page(conf: Path) -> dict[str, Any]:
    file = conf / "config.yaml"
    return cast(dict[str, Any], yaml.safe_load(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def _groups(page: dict[str, Any]) -> list[str]:
    """The groups of the defaults list, as an override names them: `loss`, `term@d_terms`."""
    entries = [entry for entry in page.get("defaults", []) if isinstance(entry, dict)]
    return [group.removeprefix("override ") for entry in entries for group in entry]


def _packages(conf: Path) -> dict[str, str]:
    """The group behind a key that is not a group's own name: `term@d_terms` for `d_terms`."""
    return {group.partition("@")[2]: group for group in _groups(_page(conf)) if "@" in group}


def _keys(tree: Any, prefix: str = "") -> Iterator[str]:
    for key, child in children(tree):
        if not str(key).startswith("_"):
            yield f"{prefix}{key}"
            yield from _keys(child, f"{prefix}{key}.")


def _options(conf: Path, group: str) -> list[str]:
    return [file.stem for file in (conf / group).glob("*.yaml")]


def _not_an_option(overrides: Sequence[str], conf: Path) -> str:
    """A group that was given a number or null: Hydra does not say which."""
    assignments = [given for given in overrides if "=" in given and not given.startswith("-")]  # no flags
    for override in OverridesParser.create().parse_overrides(assignments):
        group = override.key_or_group
        if (conf / group).is_dir() and not isinstance(override.value(), str | list):
            return f"{override.input_line}: must name an option; ~{group} leaves it out {listed(_options(conf, group))}"
    return f"{' '.join(assignments)}: a group must be given the name of an option"


def _yaml(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return f"{mark.name}, line {mark.line + 1}: {error.problem}" if mark else str(error)


def _with_key(error: errors.OmegaConfBaseException) -> str:
    if isinstance(error, errors.MissingMandatoryValue):
        return f"{error.full_key}: must be given ({error.full_key}=...)"
    return f"{error.full_key or 'config'}: {str(error).splitlines()[0]}"


def _given(key: str, overrides: Sequence[str], word: str = "") -> str:
    """The override that sets `key`, and mentions `word`, as it was typed."""
    typed = (given for given in overrides if given.lstrip("+~").partition("=")[0] == key and word in given)
    return next(typed, key)


def _bare(override: str) -> str:
    """The group of an override, without its package."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0]
