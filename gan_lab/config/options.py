"""Options of a command, written key=value: a model checks them, and its fields make the page of help."""

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gan_lab.config.arguments import at_home, check_text
from gan_lab.config.words import listed, near
from gan_lab.errors import UserError


class CommandOptions(BaseModel, extra="forbid", allow_inf_nan=False):
    """What a command takes as key=value: a field for each, with a description."""


O = TypeVar("O", bound=CommandOptions)  # noqa: E741


def parse_options(kind: type[O], arguments: Sequence[str]) -> O:
    """key=value arguments, or --key=value, as options of this kind.

    Raises:
        UserError: an unknown key, a value of the wrong type or out of range.
    """
    for argument in arguments:
        check_text(argument.partition("=")[2], argument)
    given = {key.removeprefix("--"): at_home(value) for key, _, value in (a.partition("=") for a in arguments)}
    allowed = list(kind.model_fields)
    for key in given.keys() - allowed:
        raise UserError(f"{key}: no such option{near(key, allowed)} {listed(allowed)}")
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        raise UserError(f"{name}={given[name]}: {problem['msg'].replace('Input should', 'must')}") from error


def help_page(usage: str, text: str, kind: type[CommandOptions] | None = None) -> str:
    """How a command is called, what it does, and its options with their defaults."""
    fields = {} if kind is None else kind.model_fields
    shown = {f"{name}={'' if field.default is None else field.default}": field for name, field in fields.items()}
    width = max(map(len, shown), default=0)
    rows = [f"  {name:<{width}}  {field.description}" for name, field in shown.items()]
    return "\n".join([f"usage: {usage}", "", text.strip(), *(["", "options:", *rows] if rows else [])])


def print_help(arguments: Sequence[str], page: str) -> int | None:
    """Print the page where it is asked for, or where there are no arguments, and give the exit code; else None."""
    if arguments and not {"-h", "--help"} & set(arguments):
        return None
    print(page)
    return 0 if arguments else 2
