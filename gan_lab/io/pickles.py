"""Pickles read as data: what they would call is noted, and nothing is ever looked up or called.

A pickle is a program for a small stack machine. Here its values are built, and each class or function that it names
stays a name; `Made` notes what it would have been called with.
"""

import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from gan_lab.errors import UserError

PERSISTENT = "persistent"  # what a pickle refers to by a number of its own: in files of torch the storage of a tensor
MOST_STEPS = 10**7  # opcodes, and things that a pickle refers back to

_VALUES = re.compile(  # opcodes that bring the value with them
    "INT|BININT[12]?|LONG[14]?|FLOAT|BINFLOAT|STRING|(SHORT_)?BINSTRING|UNICODE|(SHORT_)?BINUNICODE|BINUNICODE8"
    "|(SHORT_)?BINBYTES|BINBYTES8|BYTEARRAY8"
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Name(NamedTuple):
    """A class or function that a pickle names."""

    name: str


@dataclass(eq=False)
class Made:
    """What a pickle would have made by calling `what`: the arguments, the state, the items of a mapping."""

    what: str
    args: tuple[Any, ...]
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


class Refused(UserError):
    """A pickle that names something outside a closed list."""


def read_pickle(file: BinaryIO, allowed: Callable[[str], bool]) -> Any:
    """What the pickle that begins here describes: plain data, `Name`s and `Made`s. The file is left behind its end.

    `allowed` is asked of each class and function by its dotted name.

    Raises:
        Refused: it names one that is not allowed.
        ValueError: it is damaged, or asks for what no file of weights needs.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}

    def marked() -> list[Any]:
        """What lies above the last mark, which is taken off."""
        start = marks.pop()
        found = stack[start:]
        del stack[start:]
        return found

    def named(name: str) -> Name:
        if not allowed(name):
            raise Refused(name)
        return Name(name)

    def called() -> Made:
        what, args = stack[-2:]
        del stack[-2:]
        if not (isinstance(what, Name) and isinstance(args, tuple)):
            raise ValueError("it calls what is no name")
        return Made(what.name, args)

    try:
        for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if step >= MOST_STEPS:
                raise ValueError("it is too long")
            match opcode.name:
                case "PROTO" | "FRAME":
                    pass
                case "STOP":
                    return stack.pop()
                case "MARK":
                    marks.append(len(stack))
                case "POP":
                    stack.pop()
                case "POP_MARK":
                    marked()
                case name if _VALUES.fullmatch(name):
                    stack.append(argument)
                case name if name in _CONSTANTS:
                    stack.append(_CONSTANTS[name])
                case name if name in _EMPTY:
                    stack.append(_EMPTY[name]())
                case name if name in _TUPLES:
                    stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
                case "TUPLE":
                    stack.append(tuple(marked()))
                case "LIST":
                    stack.append(marked())
                case "DICT":
                    stack.append(_pairs(marked()))
                case "FROZENSET":
                    stack.append(frozenset(map(_key, marked())))
                case "APPEND":
                    _list(stack, -2).append(stack.pop())
                case "APPENDS":
                    found = marked()
                    _list(stack, -1).extend(found)
                case "ADDITEMS":
                    found = marked()
                    _set(stack).update(map(_key, found))
                case "SETITEM":
                    value, key = stack.pop(), stack.pop()
                    _mapping(stack)[_key(key)] = value
                case "SETITEMS":
                    found = marked()
                    _mapping(stack).update(_pairs(found))
                case "GLOBAL":
                    stack.append(named(str(argument).replace(" ", ".", 1)))
                case "STACK_GLOBAL":
                    module, name = stack[-2:]
                    if not (isinstance(module, str) and isinstance(name, str)):
                        raise ValueError("it names what is no text")
                    stack[-2:] = [named(f"{module}.{name}")]
                case "REDUCE" | "NEWOBJ":
                    stack.append(called())
                case "BUILD":
                    state = stack.pop()
                    if not isinstance(stack[-1], Made):
                        raise ValueError("it gives a state to what has none")
                    stack[-1].state = state
                case "BINPERSID":
                    stack[-1] = Made(PERSISTENT, (stack[-1],))
                case "PUT" | "BINPUT" | "LONG_BINPUT":
                    memo[argument] = stack[-1]
                case "MEMOIZE":
                    memo[len(memo)] = stack[-1]
                case "GET" | "BINGET" | "LONG_BINGET":
                    stack.append(memo[argument])
                case name:
                    raise ValueError(f"it has the opcode {name}")
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is damaged ({type(error).__name__})") from error
    raise ValueError("it ends too early")


def _pairs(found: list[Any]) -> dict[Any, Any]:
    return dict(zip(map(_key, found[::2]), found[1::2], strict=True))


def _key(value: Any) -> Any:
    """A value that a mapping or a set may hold: to hash a tuple of tuples may take for ever.

    Raises:
        ValueError: it is another.
    """
    if not isinstance(value, str | int | float | bytes | None):
        raise ValueError("it has a key that is neither text nor a number")
    return value


def _list(stack: list[Any], at: int) -> list[Any]:
    if not isinstance(stack[at], list):
        raise ValueError("it appends to what is no list")
    return stack[at]


def _set(stack: list[Any]) -> set[Any]:
    if not isinstance(stack[-1], set):
        raise ValueError("it adds to what is no set")
    return stack[-1]


def _mapping(stack: list[Any]) -> dict[Any, Any]:
    target = stack[-1].items if isinstance(stack[-1], Made) else stack[-1]
    if not isinstance(target, dict):
        raise ValueError("it puts items in what is no mapping")
    return target
