"""Writing without waiting for the disk: no test looks at what a power cut leaves of its files."""

import os


def wait_for_no_disk() -> None:
    """A small run has twenty of its files put onto the disk, a tenth of its time."""
    os.fsync = _done


def _done(fd: object) -> None:
    pass
