"""Fast imports of heavy modules."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Around imports: without the search for garbage, which takes a fifth of the time that torch and Lightning need.

    A module's objects are many, and stay: those of the first imports are left out of later searches, too.
    """
    gc.disable()
    try:
        yield
        if gc.get_freeze_count() == 0:  # in a sweep's next job there may be garbage of the one before
            gc.freeze()
    finally:
        gc.enable()
