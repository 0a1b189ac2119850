"""Contestants in turns on one core: A B C A B C ..., so that what slows the machine down slows all of them."""

import multiprocessing
import os
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Literal, NamedTuple, Self

from racing.contestants import enter


class Runner:
    """A contestant's process on one core, waiting at its gate; ended with the `with` block.

    `start`: "fork" shares what this process has imported; "spawn" begins with nothing, for measuring memory.
    """

    def __init__(
        self,
        who: str,
        workload: str,
        root: str,
        *overrides: str,
        core: int = 0,
        start: Literal["fork", "spawn"] = "fork",
    ) -> None:
        self.arguments, self.core, self.start = (who, workload, root, *overrides), core, start

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory()
        context: Any = multiprocessing.get_context(self.start)
        self._orders, theirs = context.Pipe()
        arguments = (theirs, self._orders, self.core, self._directory.name, *self.arguments)
        self._process = context.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.first = self._hear()  # after one round, which warms up
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.kill()
        self._process.join()
        self._directory.cleanup()

    def ask(self, order: int | str) -> dict[str, float]:
        """So many rounds, or "flops" for those of one; what the gate answers."""
        self._orders.send(order)
        return self._hear()

    def _hear(self) -> dict[str, float]:
        try:
            return self._orders.recv()
        except EOFError:
            told = (Path(self._directory.name) / "told").read_text()
            raise RuntimeError(f"{' '.join(self.arguments)}: ended\n{told[-2000:]}") from None


def _run(orders: Connection, others: Connection, core: int, directory: str, who: str, *arguments: str) -> None:
    others.close()  # this process's copy of the other end, or the end of the race would not be noticed
    os.sched_setaffinity(0, {core})
    told = os.open(f"{directory}/told", os.O_WRONLY | os.O_CREAT)
    os.dup2(told, 1), os.dup2(told, 2)
    enter(who, orders, f"{directory}/run", *arguments)


class Times(NamedTuple):
    """Seconds of the processor for a round: of each block, in the order of the blocks."""

    blocks: list[float]

    @property
    def least(self) -> float:
        return min(self.blocks)

    @property
    def median(self) -> float:
        return median(self.blocks)


class Ratio(NamedTuple):
    """How much faster A is than B: of medians and minima of blocks, and the quartiles of ratios block by block."""

    medians: float
    minima: float
    low: float
    high: float


def race(runners: dict[str, Runner], rounds: dict[str, int], blocks: int) -> dict[str, Times]:
    """So many blocks of `rounds` each, in turns; one more before them, which is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for block in range(blocks + 1):
        for name, runner in runners.items():
            answer = runner.ask(rounds[name])
            if block:
                seconds[name].append(answer["cpu"] / rounds[name])
    return {name: Times(blocks) for name, blocks in seconds.items()}


def faster(a: Times, b: Times) -> Ratio:
    """A's rounds per second over B's."""
    low, _, high = quantiles((y / x for x, y in zip(a.blocks, b.blocks, strict=True)), n=4)
    return Ratio(b.median / a.median, b.least / a.least, low, high)
