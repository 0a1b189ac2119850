"""Data workers that leave signals to their parent process."""

import re
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from multiprocessing import active_children
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import TypeVar
from weakref import WeakSet

from gan_lab.errors import UserError

T = TypeVar("T")
FEWER = "lower data.workers (0: none) or data.batch_size, and go on with resume=RUN_DIR"  # where a run has lost one
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_WORKERS: WeakSet[BaseProcess] = WeakSet()
_LOST = re.compile(r"DataLoader worker .*(killed by signal: (.*?)\.|exited unexpectedly)|insufficient shared memory")


@contextmanager
def leaving_signals_to_us() -> Iterator[None]:
    """Worker processes that are started in this block are deaf to the signals that end a run.

    SLURM, `timeout` and Ctrl-C signal every process of a job. The one that plays ends its round first, for which it
    needs its workers. A process inherits the signals that are blocked where it is started, so that there is no moment
    at which it hears them.
    """
    others = {*active_children()}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _WORKERS.update({*active_children()} - others)
        Finalize(None, _end, exitpriority=0)  # of this process: one that it forks, or was forked from, has its own


def alive(loaded: Iterator[T], advice: str) -> Generator[T, None, None]:
    """What a DataLoader loads; where a worker was killed, the others end, and a UserError in one line ends with the
    advice.
    """
    try:
        yield from loaded
    except RuntimeError as error:
        lost = lost_worker(str(error.__cause__)) or lost_worker(str(error))  # the cause, if any, names the signal
        if lost is None:
            raise
    else:
        return
    del loaded  # which its error's traceback, kept as a cause, would keep, and with it the workers that are left
    raise UserError(f"{lost}; {advice}")


def lost_worker(text: str) -> str | None:
    """What became of a worker, from the text of torch's error; None where it is another error."""
    found = _LOST.search(text)
    if found is None:
        return None
    how = f"was killed ({found[2]})" if found[2] else "died"
    return f"a process that reads data {how}, most often for want of memory"


def _end() -> None:
    """Kill what is left of the workers.

    At its end a process stops those that it started by SIGTERM, which these do not hear, and waits for them. What is
    registered here comes before that, in processes of `multiprocessing` (joblib's) too, where atexit does not.
    """
    for worker in _WORKERS:
        worker.kill()
