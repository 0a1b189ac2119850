"""What the process does for speed beside the game: its memory and its imports."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gan_lab.runtime.imports import importing

pytestmark = pytest.mark.slow

FAULTS = """
import resource, sys
from gan_lab.runtime.allocator import keep_freed_memory

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
    assert gc.get_freeze_count() <= frozen and left  # some of it may be gone, and nothing has joined it
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()


FIRST = """
import os, subprocess, sys, time
from gan_lab.runtime.parent import end_with_parent

end_with_parent()
environment = os.environ | {"LOCAL_RANK": "1"}
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=environment, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
OTHER = """
import time
from gan_lab.runtime.parent import end_with_parent

end_with_parent()
print("up", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is the kernel of Linux that ends them")
def test_no_process_outlives_the_first_of_its_run() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LOCAL_RANK"}
    command = [sys.executable, "-c", FIRST, OTHER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        other = int(first.stdout.readline())
        first.kill()
        first.wait()
    deadline = time.monotonic() + 20
    while _lives(other):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
