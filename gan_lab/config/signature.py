"""Signature of a `_target_`, read from its source; nothing is imported."""

import ast
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gan_lab.config.source import CannotTell, Definition, NoSuchTarget, find

ABSENT: Any = object()  # a parameter without a default, or with one that is not a literal

# Bases that take no arguments of their own. (nn.Module's **kwargs only serve to refuse what is passed.)
_SILENT_BASES = {"ABC", "Callback", "Generic", "Module", "Protocol", "object"}
_SILENT_DECORATORS = {"final", "runtime_checkable"}


@dataclass(frozen=True)
class Parameter:
    """A parameter that may be given by name: the source text of its annotation and its literal default."""

    annotation: str | None = None
    default: Any = ABSENT


@dataclass(frozen=True)
class Signature:
    """What a target takes by name; `open` where it takes any name (**kwargs)."""

    parameters: dict[str, Parameter] = field(default_factory=dict)
    open: bool = False


@cache
def signature(target: str) -> Signature | None:
    """The signature of the class or function at the dotted path `target`.

    None where the source does not tell (extension modules, names made at run time, unknown class decorators).
    Raises NoSuchTarget where the target does not exist.
    """
    try:
        definition = find(target)
        if isinstance(definition.node, ast.ClassDef):
            return _constructor(definition) or Signature()
        return _function(definition.node)
    except (CannotTell, RecursionError):
        return None


def _function(node: ast.FunctionDef, bound: bool = False) -> Signature:
    """`bound`: the first parameter (self, cls) is given already. Positional-only parameters cannot be given by name."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
    pairs = list(zip(positional, defaults, strict=True))[max(len(arguments.posonlyargs), bound) :]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    parameters = {argument.arg: _parameter(argument.annotation, default) for argument, default in pairs}
    return Signature(parameters, open=arguments.kwarg is not None)


def _parameter(annotation: ast.expr | None, default: ast.expr | None) -> Parameter:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        text: str | None = annotation.value
    else:
        text = ast.unparse(annotation) if annotation is not None else None
    try:
        return Parameter(text, ast.literal_eval(default) if default is not None else ABSENT)
    except ValueError:
        return Parameter(text)


def _constructor(definition: Definition) -> Signature | None:
    """What the class takes when it is called; None where neither it nor a base says."""
    node = definition.node
    assert isinstance(node, ast.ClassDef)
    for method in ("__init__", "__new__"):
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == method:
                return _function(statement, bound=True)
    if _has_fields(node):
        return Signature(_fields(definition))
    if any(_last(decorator) not in _SILENT_DECORATORS for decorator in node.decorator_list):
        raise CannotTell(node.name)
    for base in _bases(definition):
        found = _constructor(base)
        if found is not None:
            return found
    return None


def _bases(definition: Definition) -> list[Definition]:
    node = definition.node
    assert isinstance(node, ast.ClassDef)
    found = [
        find(f"{definition.module}.{ast.unparse(base.value if isinstance(base, ast.Subscript) else base)}")
        for base in node.bases
        if _last(base) not in _SILENT_BASES
    ]
    return [base for base in found if isinstance(base.node, ast.ClassDef)]


def _has_fields(node: ast.ClassDef) -> bool:
    decorated = any(_last(decorator) == "dataclass" for decorator in node.decorator_list)
    return decorated or any(_last(base) == "NamedTuple" for base in node.bases)


def _fields(definition: Definition) -> dict[str, Parameter]:
    """The fields of a dataclass or NamedTuple in their order, inherited ones first."""
    node = definition.node
    assert isinstance(node, ast.ClassDef)
    fields: dict[str, Parameter] = {}
    if not any(_last(base) == "NamedTuple" for base in node.bases):
        for base in reversed(_bases(definition)):
            if isinstance(base.node, ast.ClassDef) and _has_fields(base.node):
                fields |= _fields(base)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name, given = statement.target.id, _field(statement)
            if given is not None:
                fields[name] = given
            else:
                fields.pop(name, None)
    return fields


def _field(statement: ast.AnnAssign) -> Parameter | None:
    """The parameter that a field makes; None where it makes none."""
    annotation, default = statement.annotation, statement.value
    if _last(annotation) in {"ClassVar", "KW_ONLY"}:
        return None
    if isinstance(annotation, ast.Subscript) and _last(annotation) == "InitVar":
        annotation = annotation.slice
    if isinstance(default, ast.Call) and _last(default) == "field":
        options = {option.arg: option.value for option in default.keywords}
        init = options.get("init")
        if isinstance(init, ast.Constant) and init.value is False:
            return None
        default = options.get("default")
    return _parameter(annotation, default)


def _last(node: ast.expr) -> str:
    """The last name of an expression such as `abc.ABC`, `Generic[T]` or `dataclass(frozen=True)`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=inner) | ast.Call(func=inner):
            return _last(inner)
    return ""


def declares(target: str, name: str) -> bool:
    """Whether the class at this dotted path, or a base, says `name = True` of itself; False where that is unknown."""
    return bool(declared(target, name))


def declared(target: str, name: str) -> Any:
    """The literal that the class at this dotted path, or a base, assigns to `name`; None where there is none to see."""
    try:
        return _declared(find(target), name)
    except (CannotTell, NoSuchTarget, RecursionError, ValueError):
        return None


def _declared(definition: Definition, name: str) -> Any:
    if not isinstance(definition.node, ast.ClassDef):
        return None
    for statement in definition.node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                return ast.literal_eval(value)
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return ast.literal_eval(value)
    inherited = (_declared(base, name) for base in _bases(definition))
    return next((value for value in inherited if value is not None), None)
