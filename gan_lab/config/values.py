"""Check of a plain value against a parameter's annotation, or else against its default.

Strict, as JSON is: no number out of a string, no int out of a bool or of 3.0, no NaN. An int is fine for a float, a
list for a tuple, a string for a Path.
"""

import builtins
import collections.abc
import json
import pathlib
import re
import types
import typing
from functools import cache
from typing import Any

from pydantic import ConfigDict, Field, PositiveFloat, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from gan_lab import ranges
from gan_lab.config.signature import Parameter
from gan_lab.config.words import one_line


class _Object:
    """Stands for a class whose instances no plain value is."""


class _Own(dict[str, Any]):
    """Names of annotations where every other name is that of a class or a kind of callable: as in the lab's parts."""

    def __missing__(self, name: str) -> Any:
        return _Object


_CONFIG = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
_BUILTINS = ("bool", "dict", "float", "frozenset", "int", "list", "object", "set", "str", "tuple")
_TYPING = ("Annotated", "Any", "Literal", "Optional", "Union")
_ABSTRACT = ("Callable", "Iterable", "List", "Mapping", "Sequence", "Tuple")
_NAMES: dict[str, Any] = {
    **{name: getattr(builtins, name) for name in _BUILTINS},
    **{name: getattr(typing, name) for name in (*_TYPING, *_ABSTRACT)},
    **{name: getattr(ranges, name) for name in ranges.__all__},
    "Field": Field,
    "Path": pathlib.Path,
    "Tensor": _Object,
    "nn": types.SimpleNamespace(Module=_Object),
    "collections": collections,
    "pathlib": pathlib,
    "ranges": ranges,
    "torch": types.SimpleNamespace(Tensor=_Object, device=_Object),
    "typing": typing,
}

_WORDS = {
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "none_required": "must be null",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be a mapping",
    "callable_type": "must be a part (a node with _target_)",
}


def complaint(name: str, parameter: Parameter, value: Any, own: bool = False) -> str | None:
    """What is wrong with `value` for the parameter called `name`; None where nothing is, or where that is unknown.

    `own`: of one of the lab's parts, whose annotations name plain kinds as `_NAMES` does, and else parts.
    """
    if name == "lr" and "None" not in (parameter.annotation or ""):  # torch's own says "float"
        return unfit(PositiveFloat, value)
    adapter = annotated(parameter.annotation, own) or _like(parameter)
    return _complaint(adapter, value) if adapter is not None else None


def unfit(kind: Any, value: Any) -> str | None:
    """What is wrong with `value` as a `kind`; None where nothing is."""
    return _complaint(_adapter(kind), value)


def _complaint(adapter: TypeAdapter[Any], value: Any) -> str | None:
    try:
        adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        return _in_words(error)
    return None


def _in_words(error: ValidationError) -> str:
    """`must be an integer or text`; `item 1 must be ...` of the first bad item of a list."""
    # An object's branch of a union cannot be judged; the other branches say what is allowed.
    found = [one for one in error.errors(include_url=False) if one["type"] != "needs_python_object"]
    if missing := [one["loc"][-1] for one in found if one["type"] == "missing" and isinstance(one["loc"][-1], int)]:
        return f"must have {missing[-1] + 1} items"
    place = _item(found[0]["loc"]) if found else ""
    clauses: dict[str, None] = {}  # an ordered set: branches often complain alike
    for one in found:
        if _item(one["loc"]) != place:
            continue
        text = _WORDS.get(one["type"]) or one["msg"].removeprefix("Value error, ")
        text = re.sub(r"^\w+ should( be a valid)?", lambda m: "must be a" if m[1] else "must", text)
        text = text.partition(" after validation")[0]
        text = text.replace("True", "true").replace("False", "false")  # as YAML spells them
        clauses[one_line(text)] = None
    return place + " or ".join(clauses).replace(" or must be ", " or ") or "must be a part (a node with _target_)"


def _item(place: tuple[int | str, ...]) -> str:
    return "".join(f"item {part} " for part in place if isinstance(part, int))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=_CONFIG)


@cache
def annotated(annotation: str | None, own: bool = False) -> TypeAdapter[Any] | None:
    """A validator of what the source text of an annotation names; None where it names what is unknown here."""
    if annotation is None:
        return None
    try:
        names = (_Own if own else dict)(_NAMES)
        return TypeAdapter(eval(annotation, {"__builtins__": {}}, names), config=_CONFIG)
    except (NameError, AttributeError, TypeError, SyntaxError, PydanticUserError):
        return None


def _like(parameter: Parameter) -> TypeAdapter[Any] | None:
    """A validator of what is of the default's kind, or null, or of a builtin kind that the annotation mentions.

    Lists pass beside numbers, since what takes a number often takes one per axis.
    """
    match parameter.default:
        case bool():
            kind: Any = bool | None
        case int() | float():
            kind = float | list[Any] | None
        case str():
            kind = str | None
        case _:
            return None
    for name in re.findall(r"\b(?:bool|dict|float|int|list|str)\b", parameter.annotation or ""):
        kind |= getattr(builtins, name)
    return _adapter(kind)
