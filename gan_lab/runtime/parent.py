"""Worker processes that end with the process that started them."""

import ctypes
import os
import signal
import sys

PARENT = "GAN_LAB_PARENT"  # the process id of a run's first process, for those that it starts
_PR_SET_PDEATHSIG = 1  # its number in Linux's prctl.h


def end_with_parent() -> None:
    """Have the kernel end this process when the first one of its run is gone, however that ended.

    The first one, killed while the others still wait to meet it, can tell them nothing. Called by each process before
    anything slow. On other systems than Linux it does nothing.
    """
    if os.environ.get("LOCAL_RANK", "0") in ("", "0"):
        os.environ[PARENT] = str(os.getpid())
        return
    parent = os.environ.get(PARENT)
    if parent is not None:  # torchrun and srun look after their processes
        end_with(int(parent))


def end_with(parent: int) -> None:
    """Have the kernel end this process when `parent`, which started it, is gone. On other systems nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before
        os.kill(os.getpid(), signal.SIGKILL)
