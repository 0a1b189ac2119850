"""Labels of pictures from a list: dataset.json, CSV or JSON lines."""

import csv
import json
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lab.errors import UserError

if TYPE_CHECKING:  # numpy is slow to import, and command lines ask `is_list` at once
    import numpy as np
    from numpy.typing import NDArray

DATASET_JSON = "dataset.json"
LONGEST_NUMBER = 18  # digits that a class's number may have in 64 bits; what is longer is a name
LISTS = (".csv", ".jsonl")


def is_list(labels: str) -> bool:
    """Whether `data.labels` is the path of a list, and none of the words."""
    return labels.lower().endswith(LISTS)


def read_list(path: Path, column: str = "label", option: str = "data.labels") -> dict[str, str]:
    """What a CSV with a header, or a file of JSON lines, both with the columns file and `column`, says of each file.

    Raises UserError, which names the option, where a column is missing, the file is neither, or says two things of one.
    """
    if not path.is_file():  # also a pipe, which would keep us waiting
        raise UserError(f"{option}={path}: no such file")
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _csv_rows(text) if path.suffix.lower() == ".csv" else _json_rows(text)
        said = [(row["file"], row[column]) for row in rows]
        if any(isinstance(value, list | dict | None) for pair in said for value in pair):
            raise KeyError
        found = {str(file): str(what) for file, what in said}
    except OSError as error:
        raise UserError(f"{option}={path}: {error.strerror or error}") from error
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{option}={path}: must have the columns file and {column}, with one value in each of its rows"
        ) from error
    except (ValueError, RecursionError, csv.Error) as error:
        raise UserError(f"{option}={path}: not readable ({' '.join(str(error).split())})") from error
    torn = next((file for file, what in said if found[str(file)] != str(what)), None)
    if torn is not None:
        raise UserError(f"{option}={path}: has two rows for {torn}, with another {column} each")
    return found


def _csv_rows(text: str) -> Iterable[dict[str, str]]:
    return csv.DictReader(StringIO(text), strict=True)


def _json_rows(text: str) -> Iterable[dict[str, str]]:
    lines = text.split("\n")  # not `splitlines`, which also cuts at separators that JSON has within its texts
    return map(json.loads, filter(str.strip, lines))


def captions_of(path: Path, names: Sequence[str]) -> list[str]:
    """The text of each picture, from a list with the columns file and text.

    Raises UserError where it is no such list, a picture has no text, or a text has no picture.
    """
    if not is_list(path.name):
        raise UserError(f"captions={path}: must be a list that ends in .csv or .jsonl")
    given = read_list(path, "text", "captions")
    alone = next((name for name in names if not given.get(name, "").strip()), None)
    other = min(given.keys() - set(names), default=None)
    said = [f"has no text for {alone}"] if alone is not None else []
    said += [f"names {other}, which is not among the pictures"] if other is not None else []
    if said:
        raise UserError(f"captions={path}: {' and '.join(said)}")
    return [given[name] for name in names]


def read_dataset_json(text: bytes, where: str) -> dict[str, str]:
    """The label of each file from the dataset.json of StyleGAN2-ADA: {"labels": [[file, number], ...]}.

    `gan-lab data pack` adds "classes", the names by number. Empty where there are no labels (null). Raises UserError
    where it is something else.
    """
    try:
        found = json.loads(text)
        classes = [str(name) for name in found.get("classes") or ()]
        if len({*classes}) < len(classes):
            raise ValueError("a class is named twice")
        names: dict[int, str] = dict(enumerate(classes))  # one string for each class, not one for each picture
        given = {}
        for file, label in found["labels"] or ():
            if type(label) is not int or label < 0:
                raise UserError(
                    f"{where}: the label of {file} is {str(label)[:40]}, and must be the number of a class; "
                    "data.labels=none ignores it"
                )
            given[str(file).replace("\\", "/")] = names.setdefault(label, str(label))
        return given
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f'{where}: must be {{"labels": [[file, number], ...]}}; data.labels=none ignores it') from error


def classes_of(given: dict[str, str], names: Sequence[str], where: str) -> "tuple[list[str], NDArray[np.int64]]":
    """The names of the classes and the number of each picture's.

    Classes whose names are all numbers, of at most 18 digits, are 0, 1, ... up to the largest; others stand in
    alphabetical order. Raises UserError where a picture has no label, or a label has no picture.
    """
    import numpy as np

    alone = next((name for name in names if name not in given), None)
    if alone is not None:
        raise UserError(f"{where}: has no label for {alone}; data.labels=none takes the pictures without classes")
    if len(given) > len(names):
        missing = next(iter(given.keys() - set(names)))
        raise UserError(f"{where}: names {missing}, which is not among the pictures; data.labels=none ignores it")
    classes, numbers = numbers_of({given[name] for name in names}, len(names), where)
    return classes, np.fromiter((numbers[given[name]] for name in names), np.int64, len(names))


def numbers_of(labels: set[str], pictures: int, where: str) -> tuple[list[str], dict[str, int]]:
    """The classes of so many pictures with these labels, and the number of each label; see `classes_of`."""
    if all(label.isdecimal() and len(label) <= LONGEST_NUMBER for label in labels):
        found = {label: int(label) for label in labels}
        return numbered(max(found.values()), pictures, where), found
    classes = sorted(labels)
    return classes, {name: number for number, name in enumerate(classes)}


def numbered(most: int, pictures: int, where: str) -> list[str]:
    """The classes 0, 1, ... `most`. Raises UserError where so many pictures cannot be of so many classes."""
    if most >= max(1000, 2 * pictures):
        raise UserError(f"{where}: a label is {most}; the {pictures} pictures cannot be of so many classes")
    return [str(number) for number in range(most + 1)]
