"""Survey of pictures before anything is trained on them, such as `gan-lab data look photos`.

PATH is what data.root may be: a folder, a ZIP, a .npy or .npz, HDF5, LMDB, tar shards, .parquet or .arrow files, or
hf://NAME. Every picture is opened once; where there are more than `sample`, so many of them, evenly spread. What is
found comes line by line: how many, their classes, sizes and modes; what was passed over and why; which are turned,
transparent, animated or named for another format; exact duplicates, by their pixels once decoded; and each that cannot
be read, with the reason. `out` is a contact sheet of pictures as a run would see them. The last line is the command
that trains on them.
"""

import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from gan_lab.cli.data_options import BATCH, PictureOptions, hydra_value, say, settings, train_command, where
from gan_lab.config.options import help_page, parse_options, print_help
from gan_lab.config.words import one_line
from gan_lab.errors import UserError
from gan_lab.io.files import write_atomically
from gan_lab.ranges import PositiveInt

if TYPE_CHECKING:
    from gan_lab.data.pixels import Look
    from gan_lab.data.sources.source import Source
    from gan_lab.data.survey import Facts, Survey
    from gan_lab.plots.contact_sheet import Tile

USAGE = "gan-lab data look PATH [KEY=VALUE ...]"


class Options(PictureOptions):
    """What may follow PATH, as key=value."""

    sample: PositiveInt = Field(default=20_000, description="pictures that are opened at most, evenly spread")
    out: Path = Field(default=Path("contact_sheet.png"), description="the contact sheet, a .png")


def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    path, options = where(arguments[0]), parse_options(Options, arguments[1:])
    if options.out.suffix.lower() != ".png":
        raise UserError(f"out={options.out}: must end in .png")
    look_at(path, options)
    return 0


def look_at(path: str, options: Options) -> None:
    """Print what is found, and write the contact sheet.

    Raises UserError where there are no pictures, or none can be read.
    """
    from gan_lab.data.pixels import Look, colour
    from gan_lab.data.sources.choose import open_source
    from gan_lab.data.survey import findings, survey

    colour(options.background)  # complains before anything is read
    source = open_source(path, options.labels)
    found = survey(source, options.workers, options.sample)
    say(f"{path}: {source.kind}, {len(source.names):,} picture{'s' * (len(source.names) != 1)}")
    for word, text in findings(found, options.shape):
        say(f"  {word:<13} {text}")
    for index, reason in found.failures.items():
        say(f"    {source.path(index)}: {reason}")
    if not found.readable:
        raise UserError(f"{path}: no picture is readable")
    stated = stated_range(found, options)
    if stated is not None and options.range is None:
        say(f"  {'range':<13} black is {stated[0]:g} and white {stated[1]:g} below; range=[low,high] says otherwise")
    look = Look(options.shape, options.fit, options.resample, options.background, stated)
    write_sheet(found, look, options.out)
    say(f"contact sheet: {options.out}")
    given = options if stated is None else options.model_copy(update={"range": options.range or stated})
    say("to train on them:")
    say(f"  {train_command(overrides(path, given, found))}")


def stated_range(found: "Survey", options: Options) -> tuple[float, float] | None:
    """What becomes black and white: what the options say, else what the values of these pictures suggest.

    Of 16 bits that use a quarter of them or more, None: all of the 16.
    """
    from gan_lab.data.images import range_of
    from gan_lab.data.pixels import FULL, usual_white

    if options.range is not None:
        return range_of(found.source, options.range)
    if found.range is None:
        return None
    low, high, sixteen = found.range
    if not sixteen:
        return low, high if high > low else low + 1
    white = usual_white(high)
    return None if white == FULL else (0.0, white)


def overrides(path: str, options: Options, found: "Survey") -> list[str]:
    """The settings that a run on these pictures needs."""
    given = ["data=images", f"data.root={hydra_value(path)}", *settings(options)]
    if found.failures:
        given.append("data.skip_corrupt=true")
    if len(found.source.names) < BATCH:
        given.append(f"data.batch_size={len(found.source.names)}")
    return given


def write_sheet(found: "Survey", look: "Look", out: Path) -> None:
    """The contact sheet of pictures from first to last, with those that cannot be read."""
    from gan_lab.plots.contact_sheet import contact_sheet

    _, height, width = look.shape
    title = [
        f"{found.source.root}: {len(found.shown)} of {len(found.source.names):,} pictures",
        f"as a run sees them: {width} x {height}, {look.fit}, {look.resample}",
    ]
    sheet = contact_sheet(
        [one_line(line) for line in title], [_tile(found.source, look, facts) for facts in found.shown]
    )
    write_atomically(out, lambda path: sheet.save(path, "PNG"))


def _tile(source: "Source", look: "Look", facts: "Facts") -> "Tile":
    from gan_lab.plots.contact_sheet import Tile

    name = one_line(source.names[facts.number])
    try:
        with warnings.catch_warnings(), source.open(facts.number) as image:
            warnings.simplefilter("ignore")
            picture = look.bytes_of(image, 0.5, 0.5)
    except Exception as why:
        return Tile(None, [name, "not readable:", *textwrap.wrap(one_line(facts.failure or str(why)), 20)[:2]])
    notes = [word for word in ("turned", "transparent", "animated") if getattr(facts, word)]
    return Tile(picture, [name, f"{facts.size[0]} x {facts.size[1]}", facts.mode, ", ".join(notes)])
