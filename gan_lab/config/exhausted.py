"""Errors that mean that memory, or a data worker, was not available."""

import re

from gan_lab.data.workers import FEWER, lost_worker

_SIZE = re.compile(r"(?:[Tt]ried|Unable) to allocate (\d[\d.]*) ?(\w*)")
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|ALLOC_FAILED|std::bad_alloc")


def exhausted(error: BaseException, advice: str) -> str | None:
    """One line for the user, with this advice for want of memory; None for an error of another kind."""
    for cause in _causes(error):
        text = str(cause)
        if isinstance(cause, RuntimeError) and (lost := lost_worker(text)):
            return f"{lost}; {FEWER}"
        if isinstance(cause, MemoryError) or (isinstance(cause, RuntimeError) and _NO_MEMORY.search(text)):
            size = _SIZE.search(text)
            asked = f" ({_readable(size[1], size[2])} more were asked for)" if size else ""
            where = "the GPU is" if "CUDA" in text else "this machine is"
            return f"{where} out of memory{asked}; {advice}"
    return None


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, the first cause first: it says most."""
    chain = [error]
    while chain[0].__cause__ is not None:
        chain.insert(0, chain[0].__cause__)
    return chain


def _readable(number: str, unit: str) -> str:
    return f"{float(number) / 2**30:.3g} GiB" if unit in ("", "bytes") else f"{number} {unit}"
