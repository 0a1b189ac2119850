"""Version of the files that a run leaves behind."""

from pathlib import Path

from gan_lab.errors import UserError

FORMAT = 3  # of checkpoints, generator files and run directories; raise it when an older reader would misread them


class OtherFormat(UserError):
    """The file is whole, and of another version of this lab."""


def check_format(found: object, path: Path) -> None:
    """Raise OtherFormat unless `found`, what the file at `path` says of its format, is the one that is read here.

    The first files of this lab said nothing: None.
    """
    if str(found) == str(FORMAT):
        return
    newer = isinstance(found, int | str) and str(found).isdecimal() and int(found) > FORMAT
    cure = "update gan_lab" if newer else "use the version of gan_lab that wrote it, or start the run anew"
    theirs = "an older format" if found is None else f"format {str(found)[:20]!r}"
    raise OtherFormat(f"{path}: is in {theirs}, and this version of gan_lab reads format {FORMAT}; {cure}")
