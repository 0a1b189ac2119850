"""Where a contestant waits until it is told to play: so that many can be timed in turns, each in its own process."""

import os
import resource
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from torch.utils.flop_counter import FlopCounterMode

PAGE = os.sysconf("SC_PAGE_SIZE")


class Untracked:
    """In place of the counter's tracker of modules, which refuses `autograd.grad` and is not needed for the sum."""

    parents = frozenset({"Global"})

    def __enter__(self) -> None: ...

    def __exit__(self, *_: Any) -> None: ...


class Gate:
    """Called by a contestant after each of its rounds; returns when there are more to be played.

    Orders are a number of rounds to be timed, or "flops": count those of one round. The answers are dictionaries:

    cpu: seconds of the processor, of all threads. They do not count what other programs took of it, as those on the
        wall's clock do.
    flops: of matrix products and convolutions, forwards and backwards, a multiplication and an addition being two.
    rss, peak: resident memory in MiB, now and at most.
    """

    def __init__(self, orders: Connection) -> None:
        self._orders = orders
        self._left = 1  # the first round warms up
        self._began = 0.0
        self._counter: FlopCounterMode | None = None

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._answer()
            self._obey()

    def _answer(self) -> None:
        answer: dict[str, float] = {"cpu": time.process_time() - self._began}
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            answer["flops"], self._counter = self._counter.get_total_flops(), None
        answer["rss"] = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20
        answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        self._orders.send(answer)

    def _obey(self) -> None:
        try:
            order = self._orders.recv()
        except EOFError:
            os._exit(0)  # the race is over; this run's pictures and summary are not needed
        self._left = 1 if order == "flops" else order
        if order == "flops":
            self._counter = FlopCounterMode(display=False)
            self._counter.mod_tracker = cast(Any, Untracked())
            self._counter.__enter__()
        self._began = time.process_time()
