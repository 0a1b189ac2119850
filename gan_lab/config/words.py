"""Wording of error messages: keys, values and near misses."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

Path = tuple[str | int, ...]  # from the root to a value: keys of dicts and indices of lists


def dotted(path: Path) -> str:
    """`optimizer.betas[0]` for ("optimizer", "betas", 0)."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def near(name: str, allowed: Iterable[str]) -> str:
    """`; did you mean X?` where something allowed is close to `name`, else nothing."""
    close = get_close_matches(name, list(allowed), 1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def listed(names: Iterable[str]) -> str:
    """`(allowed: a, b)`, the first twenty."""
    names = sorted(names)
    more = ", ..." if len(names) > 20 else ""
    return f"(allowed: {', '.join(names[:20])}{more})" if names else "(none is allowed)"


def shown(value: Any) -> str:
    """A value as YAML spells it, cut short."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def one_line(text: str) -> str:
    """The text with every run of white space made one blank, and made printable."""
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """The text with what a terminal obeys or hides (escape sequences, marks of direction) spelt out: `\\x1b`."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def cell(value: Any, longest: int = 300) -> str:
    """A value as one cell of a Markdown table."""
    text = one_line(str(value))
    return (text if len(text) <= longest else f"{text[: longest - 3]}...").replace("|", "\\|")
