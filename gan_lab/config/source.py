"""Lookup of a class or function by its dotted path in source files; nothing is imported.

(griffe reads sources, too. It takes a whole package at a time, lets the last of several conditional definitions win
without a word, by which a valid parameter would be refused, and adds 0.11 s to each command.)
"""

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from gan_lab.config.words import near

Node = ast.ClassDef | ast.FunctionDef


class NoSuchTarget(Exception):
    """The path names nothing; the text says where it ends and what was perhaps meant."""


class CannotTell(Exception):
    """The source does not say: an extension module, a name made at run time, a conditional definition."""


@dataclass(frozen=True)
class Definition:
    """A class or function and the dotted name of the module that defines it."""

    module: str
    node: Node


@dataclass
class Names:
    """What a module's top level binds: a definition, the dotted path that a name stands for, or None (unclear)."""

    bound: dict[str, Node | str | None] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)  # modules whose names are imported wholesale
    dynamic: bool = False  # names may appear at run time

    def bind(self, name: str, value: Node | str | None) -> None:
        self.bound[name] = value if self.bound.get(name, value) == value else None


def find(path: str) -> Definition:
    """The definition behind `path`, through re-exports; NoSuchTarget or CannotTell where there is none to show."""
    try:
        return _find(path)
    except RecursionError:  # names that import each other in a circle
        raise CannotTell(path) from None


def _find(path: str) -> Definition:
    parts = path.split(".")
    for n in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:n])
        if module_file(module) is not None:
            return _look_up(module, parts[n], parts[n + 1 :])
    raise NoSuchTarget(f"there is no module {parts[0]}")


def _look_up(module: str, name: str, rest: list[str]) -> Definition:
    names = module_names(module)
    path = f"{module}.{name}"
    if name not in names.bound or names.bound[name] == path:
        return _look_up_elsewhere(module, name, rest)
    value = names.bound[name]
    if isinstance(value, str):
        try:
            return _find(".".join([value, *rest]))
        except NoSuchTarget as error:  # the source says that it exists, so it is our reading that falls short
            raise CannotTell(path) from error
    if value is None or rest:
        raise CannotTell(path)
    return Definition(module, value)


def _look_up_elsewhere(module: str, name: str, rest: list[str]) -> Definition:
    """`name` where `module` does not bind it itself: in what it imports wholesale, or nowhere."""
    names, unclear = module_names(module), False
    for star in names.stars:
        try:
            return _look_up(star, name, rest)
        except NoSuchTarget:
            continue
        except CannotTell:
            unclear = True
    if unclear or names.dynamic:
        raise CannotTell(f"{module}.{name}")
    if module_file(f"{module}.{name}") is not None:
        raise NoSuchTarget(f"{module}.{name} is a module, not a class or function")
    raise NoSuchTarget(f"{module} has no {name}{near(name, _public_names(module))}")


def _public_names(module: str) -> list[str]:
    file = module_file(module)
    names = list(module_names(module).bound)
    for star in module_names(module).stars:
        names += module_names(star).bound
    if file is not None and file.name == "__init__.py":
        names += [entry.stem for entry in file.parent.iterdir() if entry.is_dir() or entry.suffix == ".py"]
    return [name for name in names if not name.startswith("_")]


@cache
def module_file(module: str) -> Path | None:
    """The source file of `module`; None where there is no such module, CannotTell where it has no Python source."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)  # of a top-level name: this imports nothing
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return None
    if not rest:
        if spec.origin is None or not spec.origin.endswith(".py"):
            raise CannotTell(module)
        return Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        base = Path(folder, *rest)
        for file in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if file.is_file():
                return file
        if base.is_dir() or any(base.parent.glob(f"{base.name}.*")):  # a namespace package, an extension module
            raise CannotTell(module)
    return None


@cache
def module_names(module: str) -> Names:
    """The names that the top level of `module` binds, branches of `if`, `try` and `with` included."""
    file = module_file(module)
    if file is None:
        raise CannotTell(module)
    text = file.read_text(encoding="utf-8")
    names = Names(dynamic="globals()" in text or "def __getattr__(name" in text or "sys.modules[" in text)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for statement in _statements(ast.parse(text).body):
        _bind(names, statement, module, package)
    return names


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)
        else:
            yield statement


def _bind(names: Names, statement: ast.stmt, module: str, package: str) -> None:
    match statement:
        case ast.ClassDef() | ast.FunctionDef():
            if not any(ast.unparse(decorator).endswith("overload") for decorator in statement.decorator_list):
                names.bind(statement.name, statement)
        case ast.Import():
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                names.bind(alias.asname or top, alias.name if alias.asname else top)
        case ast.ImportFrom():
            _bind_from(names, statement, package)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name() | ast.Attribute() as value):
            names.bind(name, f"{module}.{ast.unparse(value)}")
        case ast.Assign() | ast.AnnAssign():
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    names.bind(target.id, None)


def _bind_from(names: Names, statement: ast.ImportFrom, package: str) -> None:
    source = statement.module or ""
    if statement.level:
        parents = package.split(".")
        above = parents[: len(parents) - statement.level + 1]
        source = ".".join([*above, source] if source else above)
    for alias in statement.names:
        if alias.name == "*":
            names.stars.append(source)
        else:
            names.bind(alias.asname or alias.name, f"{source}.{alias.name}")
