"""The lab beside an earlier version of itself on the workloads of the page on speed: blocks in turns on one core.

    python benchmarks/versions.py BEFORE MNIST_ROOT [--only ring ...] [--share 1] [--core 0]

BEFORE is a checkout of the earlier version, such as `git worktree add BEFORE COMMIT` makes. Each version plays its own
`benchmarks/racing/workloads.py` in a process of its own. Prints seconds of the processor.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from multiprocessing import Pipe
from pathlib import Path
from typing import Self

os.environ["OMP_NUM_THREADS"] = "1"

from racing.race import Runner, faster, race
from racing.report import table
from racing.workloads import WORKLOADS

ENTER = """
import sys
from multiprocessing.connection import Connection
from racing.contestants import enter

enter("lab", Connection(int(sys.argv[1])), *sys.argv[2:])
"""


class Version(Runner):
    """The lab of one checkout, waiting at its gate."""

    def __init__(self, checkout: Path, workload: str, root: str, core: int) -> None:
        super().__init__("lab", workload, root, core=core)
        self.checkout = checkout

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory()
        place = self._directory.name
        paths = {"PYTHONPATH": f"{self.checkout}:{self.checkout / 'benchmarks'}"}
        self._orders, theirs = Pipe()
        with theirs, Path(place, "told").open("w") as told:  # its end closes here, or that of a dead process would not
            self._process = subprocess.Popen(
                ["taskset", "-c", str(self.core), sys.executable, "-c", ENTER, str(theirs.fileno()), f"{place}/run",
                 *self.arguments[1:]],
                cwd=self.checkout, env=os.environ | paths, stdout=told, stderr=told, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self.first = self._hear()
        return self

    def _hear(self) -> dict[str, float]:
        try:
            return self._orders.recv()
        except EOFError:
            told = Path(self._directory.name, "told").read_text().splitlines() or ["it says nothing"]
            self.__exit__()  # which is not called where this ends `__enter__`
            sys.exit(f"{self.checkout}: its lab cannot play, and ended: {told[-1]}")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._directory.cleanup()


def checkout(path: str) -> Path:
    found = Path(path).resolve()
    if not (found / "benchmarks" / "racing").is_dir():
        raise argparse.ArgumentTypeError(f"{path}: no checkout of the lab that can race (it has no benchmarks/racing)")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=checkout)
    parser.add_argument("root", type=os.path.abspath, help="where MNIST is")
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--share", type=float, default=1.0, help="of the blocks, where time is short")
    parser.add_argument("--core", type=int, default=0)
    given = parser.parse_args()
    trees = {"now": Path(__file__).resolve().parents[1], "before": given.before}
    rows = []
    for name in given.only:
        workload = WORKLOADS[name]
        with ExitStack() as stack:
            runners: dict[str, Runner] = {
                label: stack.enter_context(Version(tree, name, given.root, given.core)) for label, tree in trees.items()
            }
            blocks = max(3, round(given.share * workload.blocks))
            times = race(runners, dict.fromkeys(runners, workload.rounds), blocks)
        pace = faster(times["now"], times["before"])
        rows.append(
            [name, *(f"{1e3 * times[label].median:.2f}" for label in trees), f"{pace.medians:.2f}",
             f"{pace.minima:.2f}", f"{pace.low:.2f} to {pace.high:.2f}"]
        )  # fmt: skip
    head = ["", "ms a round: now", "before", "rounds/s over before's", "of minima", "quartiles"]
    print(table(head, rows), f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}", sep="\n\n")


if __name__ == "__main__":
    main()
