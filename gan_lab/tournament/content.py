"""Content of a tournament's report: tables, pictures, and what an analysis adds to it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gan_lab.tournament.result import Result


class Table(NamedTuple):
    """A heading, the table's head and rows, and what is to be said of it."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str


class Picture(NamedTuple):
    """A heading, the file's name beside the report, its bytes (PNG), and what is to be said of it."""

    title: str
    name: str
    png: bytes
    note: str


class Analysis(NamedTuple):
    """What a report has first, of contestants that were made from parts or factors.

    Attributes:
        title: what was played.
        sentences: what the tests decide.
        data: the same as plain data, for tournament.json.
    """

    title: str
    sentences: list[str]
    tables: list[Table]
    pictures: list[Picture]
    data: dict[str, Any]


Analyse = Callable[[Result], Analysis]
