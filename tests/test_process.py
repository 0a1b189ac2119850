"""What the process does for speed beside the game: its memory and its imports."""

import gc
import os
import subprocess
import sys

import pytest

from gan_lab.imports import importing

FAULTS = """
import resource, sys
from gan_lab.allocator import keep_freed_memory

keep_freed_memory()
before = 0
for _ in range(6):
    block = bytearray(b"x") * 2**25
    del block
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    fresh, before = faults - before, faults
print(fresh)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is the allocator of Linux's C library")
@pytest.mark.parametrize(("setting", "kept"), [({}, True), ({"MALLOC_TRIM_THRESHOLD_": "131072"}, False)])
def test_memory_that_was_freed_is_had_again_without_asking_for_pages(setting: dict[str, str], kept: bool) -> None:
    """32 MiB of 8,192 pages; the user's own setting is left alone."""
    command = [sys.executable, "-c", FAULTS]
    told = subprocess.run(command, env=os.environ | setting, capture_output=True, text=True, check=True).stdout
    assert (int(told) < 1000) is kept


def test_garbage_is_looked_for_again_after_imports_and_after_their_failure() -> None:
    gc.unfreeze()
    with importing():
        assert not gc.isenabled()
    frozen = gc.get_freeze_count()
    assert gc.isenabled() and frozen > 0
    left = [[] for _ in range(10)]  # of a sweep's first job, say
    with importing():
        pass
    assert gc.get_freeze_count() == frozen and left
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()
