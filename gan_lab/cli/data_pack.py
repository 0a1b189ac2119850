"""Pictures of any kind in one file, such as `gan-lab data pack photos photos.zip image_size=64`, which is read faster.

PATH is what data.root may be: a folder, a ZIP, a .npy or .npz, HDF5, LMDB, tar shards, .parquet or .arrow files, or
hf://NAME. Each picture is brought to one size as a run would bring it, from its centre, so that a run on OUT sees the
same pixels as one on PATH. OUT is

  a .zip   of PNGs with dataset.json, the format of StyleGAN2-ADA and StyleGAN3: names and classes are kept
  a .npy   which is mapped into memory; with classes, OUT.csv beside it lists them

Until it is whole it is the folder OUT.part; after a kill the same command goes on from there, and in the end the bytes
are the same. What is there already is never overwritten.
"""

from pathlib import Path

from pydantic import Field

from gan_lab.cli.data_options import (
    BATCH,
    PictureOptions,
    hydra_value,
    in_our_words,
    say,
    settings,
    train_command,
    where,
)
from gan_lab.config.arguments import place
from gan_lab.config.options import help_page, parse_options, print_help
from gan_lab.errors import UserError

USAGE = "gan-lab data pack PATH OUT [KEY=VALUE ...]"


class Options(PictureOptions):
    """What may follow PATH and OUT, as key=value."""

    skip_corrupt: bool = Field(default=False, description="leave out pictures that cannot be read")


def main(arguments: list[str]) -> int:
    code = print_help(arguments, help_page(USAGE, __doc__ or "", Options))
    if code is not None:
        return code
    if len(arguments) < 2:
        raise UserError(f"{arguments[0]}: say where to, a .zip or .npy: {USAGE}")
    path, out, options = where(arguments[0]), place(arguments[1]), parse_options(Options, arguments[2:])
    try:
        pack_into(path, out, options)
    except KeyboardInterrupt:
        say(f"stopped; the same command goes on from {out}.part")
        return 130
    return 0


def pack_into(path: str, out: Path, options: Options) -> None:
    """Pack, and say what was written.

    Raises UserError where that cannot be, as `gan_lab.data.pack.pack` says.
    """
    from gan_lab.data.images import range_of
    from gan_lab.data.pack import check_out, pack, plan_of, unfinished
    from gan_lab.data.packed import packed_as
    from gan_lab.data.pixels import Look, colour
    from gan_lab.data.sources.choose import open_source
    from gan_lab.runtime.lock import exclusive

    colour(options.background)  # complains before anything is read
    source = open_source(path, options.labels)
    packed = packed_as(out, source, options.shape)
    look = Look(options.shape, options.fit, options.resample, options.background, range_of(source, options.range))
    check_out(packed, plan_of(source, look))  # before there is a folder for the lock
    with exclusive(unfinished(out)):
        work = pack(packed, look, options.workers, options.skip_corrupt, lambda: open_source(path, options.labels))
    for failure in work.failures:
        say(f"left out: {in_our_words(failure)}")
    beside = "" if packed.beside is None else f", and their classes in {packed.beside}"
    say(f"{len(work.pieces):,} pictures in {out} ({out.stat().st_size / 1e6:,.1f} MB){beside}")
    given = ["data=images", f"data.root={hydra_value(out)}"]
    given += settings(options, "labels", "fit", "resample", "background", "range")
    if packed.beside is not None:
        given.append(f"data.labels={hydra_value(packed.beside)}")
    if len(work.pieces) < BATCH:
        given.append(f"data.batch_size={len(work.pieces)}")
    say("to train on them:")
    say(f"  {train_command(given)}")
