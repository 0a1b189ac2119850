"""How heavy modules are imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Around imports: without the search for garbage, which takes a fifth of the time that torch and Lightning need.

    A module's objects are many, and stay. Afterwards they are left out of later searches, too.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
