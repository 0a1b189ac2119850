"""Options of `gan-lab data` for pictures of one's own, and the command that trains on them."""

import json
import os
import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from gan_lab.config.arguments import at_home, check_text, quoted
from gan_lab.config.compose import compose_experiment
from gan_lab.config.options import CommandOptions
from gan_lab.config.words import printable
from gan_lab.errors import UserError
from gan_lab.ranges import NonNegativeInt, PositiveInt

BATCH = 64  # pictures in a batch of a run, by default
PLAIN = re.compile(r"[\w./-]+")  # what neither Hydra nor a shell reads as anything but text


def _size(given: Any) -> Any:
    """(height, width) of 64 or [48,64]."""
    found = _listed(given)
    return (found, found) if isinstance(found, int) else found


def _listed(given: Any) -> Any:
    try:
        return json.loads(given) if isinstance(given, str) else given
    except ValueError:
        return given  # no number and no list: pydantic refuses it with one message for all mistakes


class PictureOptions(CommandOptions):
    """What a run would make of the pictures, with the keys of data=images."""

    image_size: Annotated[tuple[PositiveInt, PositiveInt], BeforeValidator(_size)] = Field(
        default="64", validate_default=True, description="what pictures are brought to: 64, or [height,width]"
    )
    channels: Annotated[Literal[1, 3, 4], BeforeValidator(_listed)] = Field(
        default=3, description="1: grey, 3: RGB, 4: RGBA"
    )
    labels: str = Field(default="auto", description="auto, folders, none, or a .csv or .jsonl (columns file, label)")
    fit: Literal["cover", "contain", "stretch"] = Field(
        default="cover", description="cover (the centre), contain (all of it, with a margin) or stretch"
    )
    resample: Literal["lanczos", "bicubic", "bilinear", "nearest"] = Field(
        default="lanczos", description="lanczos, bicubic, bilinear, or nearest (for label maps)"
    )
    background: str = Field(default="white", description="under transparent pixels and in margins")
    range: Annotated[Literal["auto"] | tuple[float, float] | None, BeforeValidator(_listed)] = Field(
        default=None, description="of more than 8 bits, what becomes black and white: [low,high] or auto"
    )
    workers: NonNegativeInt = Field(
        default=len(os.sched_getaffinity(0)), description="reading processes; 0: none besides the main one"
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, *self.image_size


def settings(options: PictureOptions, *but: str) -> list[str]:
    """The options of data=images that differ from their defaults, as overrides, except these."""
    plain, found = PictureOptions(), []
    for name in PictureOptions.model_fields:
        value = getattr(options, name)
        if name not in ("workers", *but) and value != getattr(plain, name):
            found.append(f"data.{name}={_pair(value) if isinstance(value, tuple) else hydra_value(value)}")
    return found


def _pair(pair: tuple[float, float]) -> str:
    """[low,high], or of a square its side."""
    one, other = (np.format_float_positional(number, trim="-") for number in pair)
    return one if one == other else f"[{one},{other}]"


def hydra_value(value: Any) -> str:
    """A value as Hydra reads it, quoted where it must be."""
    text = str(value)
    return text if PLAIN.fullmatch(text) else quoted(text)


def train_command(overrides: list[str]) -> str:
    """What to type to train with these overrides, with the first model that takes the pictures' shape.

    Raises UserError where none does.
    """
    *first, last = ([], ["model=sn_resnet"], ["model=mlp"])  # for squares, for oblongs, and for any size
    for model in first:
        with suppress(UserError):
            return _checked([*overrides, *model])
    return _checked([*overrides, *last])


def _checked(overrides: list[str]) -> str:
    compose_experiment(overrides, Path("run"))
    return shlex.join(["gan-lab", "train", *overrides])


def say(line: str) -> None:
    """Print it, with what a terminal obeys spelt out: names of files are in it."""
    print(printable(line).replace("\n", "\\n"), flush=True)


def where(argument: str) -> str:
    """What PATH means: no path of pathlib's, which would shorten hf://NAME. Raises UserError where it is empty."""
    check_text(argument, argument)
    return at_home(argument)


def in_our_words(text: str) -> str:
    """A message of the data set with the options as they are called here: `fit=` for `data.fit=`, PATH for its root."""
    return re.sub(r"\bdata\.(?=\w+=)", "", re.sub(r"\bdata\.root=", "", text))
