"""Errors that mean that memory, or a data worker, was not available."""

import re

_SIZE = re.compile(r"(?:[Tt]ried|Unable) to allocate (\d[\d.]*) ?(\w*)")
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|ALLOC_FAILED|std::bad_alloc")
_WORKER = re.compile(r"DataLoader worker .*(killed by signal: (.*?)\.|exited unexpectedly)|insufficient shared memory")


def exhausted(error: BaseException, advice: str) -> str | None:
    """One line for the user, with this advice for want of memory; None for an error of another kind."""
    for cause in _causes(error):
        text = str(cause)
        if isinstance(cause, RuntimeError) and (worker := _WORKER.search(text)):
            how = f"was killed ({worker[2]})" if worker[2] else "died"
            return (
                f"a process that reads data {how}, most often for want of memory; lower data.workers (0: none) or "
                "data.batch_size, and go on with resume=RUN_DIR"
            )
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
