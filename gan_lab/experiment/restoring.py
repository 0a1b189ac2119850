"""Restoring of a checkpoint: an error names the file.

Its checksum tells a damaged one; one that was written so, or by other code, shows where its values are used: of one's
own runs in the first round at the latest, of a stranger's, who may have thought of anything, at any time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from gan_lab.errors import UserError

# What no user's mistake ends in: a bug of ours, or values of a kind that was never saved.
_MISFITS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@contextmanager
def restoring(checkpoint: Path | None, is_past: Callable[[], bool]) -> Iterator[None]:
    """Make a UserError of what the checkpoint's content ends in, wherever it is used, until that `is_past`."""
    try:
        yield
    except _MISFITS as error:
        if checkpoint is None or is_past() or isinstance(error, torch.OutOfMemoryError):
            raise
        raise UserError(f"{checkpoint}: does not fit this run ({type(error).__name__}: {str(error)[:300]})") from error
