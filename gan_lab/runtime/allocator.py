"""Allocator settings for tensors on the CPU."""

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # their numbers in glibc's malloc.h


def keep_freed_memory() -> None:
    """Have the C library keep what tensors leave, up to 1 GiB each, for those of the next round.

    glibc gives large blocks back to the system as they are freed, and is given them anew page by page: a thirtieth of a
    round of DCGAN at 64 x 64. Other C libraries, and one whose settings the user has made (MALLOC_TRIM_THRESHOLD_,
    MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES), are left as they are.
    """
    if sys.platform != "linux" or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        if not mallopt(_MMAP_THRESHOLD, 2**30):  # older ones have a limit of their own
            mallopt(_MMAP_THRESHOLD, 2**25)
