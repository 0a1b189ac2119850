"""What a checkpoint that does not fit its run ends in: one line that names it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from gan_lab.errors import UserError

_MISFITS = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


@contextmanager
def restoring(checkpoint: Path | None, begun: Callable[[], bool]) -> Iterator[None]:
    """Make a UserError of what torch and Lightning raise at the checkpoint's content, until training has `begun`."""
    try:
        yield
    except _MISFITS as error:
        if checkpoint is None or begun() or isinstance(error, torch.OutOfMemoryError):
            raise
        raise UserError(f"{checkpoint}: does not fit this run ({type(error).__name__}: {str(error)[:300]})") from error
