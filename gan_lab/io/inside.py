"""The check that a run directory holds ordinary files of its own, and that its links stay inside."""

import os
import stat
from pathlib import Path

from gan_lab.errors import UserError


def demand_inside(directory: Path) -> None:
    """Raise UserError where something in the directory leads out of it, or is neither file nor folder.

    Whoever writes into a run directory calls this first: through a link it would write elsewhere, and a pipe would
    keep it waiting. The directory itself may be a link, and links to files of the same run are fine (W&B makes such).
    """
    root, left = os.path.realpath(directory), [directory]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UserError(f"{error.filename}: {error.strerror}") from error
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                left.append(Path(entry.path))
            elif entry.is_symlink():
                if os.path.commonpath((root, os.path.realpath(entry.path))) != root:
                    raise UserError(f"{entry.path}: is a link that leads out of {directory}; remove it")
            elif not _is_ordinary(entry):
                raise UserError(f"{entry.path}: is not an ordinary file; remove it")


def _is_ordinary(entry: os.DirEntry[str]) -> bool:
    try:
        return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
    except FileNotFoundError:  # another process is at work there, and has moved it
        return True
