"""The lab of one commit beside that of another, on one of the race's games: blocks in turns on one core.

    git worktree add ../before COMMIT
    python benchmarks/checkouts.py ../before . dcgan_28 MNIST_ROOT [OVERRIDE ...] [--blocks 20] [--rounds 10]

BEFORE and AFTER are directories with the repository, each with its own conf/. Prints milliseconds of the processor for
a round, and how much faster the second is, block by block.
"""

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from racing.gate import Gate
from racing.race import Runner, faster, race
from racing.report import table
from racing.workloads import WORKLOADS


def play(gate: Gate, directory: str, workload: str, root: str, checkout: str, *overrides: str) -> None:
    """The game as the lab of this checkout plays it, in a process that has imported none yet."""
    sys.path.insert(0, checkout)
    from racing import lab

    lab.CONF = Path(checkout) / "conf"
    lab.lab(workload, root, directory, gate, *overrides)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after"):
        parser.add_argument(name, type=lambda path: str(Path(path).resolve()))
    parser.add_argument("workload", choices=[*WORKLOADS])
    parser.add_argument("root", help="of MNIST")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=10, help="of a block")
    parser.add_argument("--core", type=int, default=0)
    given = parser.parse_args()
    checkouts = {"before": given.before, "after": given.after}
    with ExitStack() as stack:
        runners = {
            label: stack.enter_context(
                Runner(
                    "checkouts.play", given.workload, given.root, checkout, *given.overrides,
                    core=given.core, start="spawn",
                )
            )
            for label, checkout in checkouts.items()
        }  # fmt: skip
        flops = {label: runner.ask("flops")["flops"] for label, runner in runners.items()}
        times = race(runners, dict.fromkeys(runners, given.rounds), given.blocks)
    rows = []
    for label, spent in times.items():
        pace = faster(spent, times["before"])
        rows.append(
            [label, f"{1e3 * spent.median:.1f}", f"{1e3 * spent.least:.1f}", f"{flops[label] / 1e9:.2f}",
             f"{pace.medians:.3f}", f"{pace.minima:.3f}", f"{pace.low:.3f} to {pace.high:.3f}"]
        )  # fmt: skip
    head = ["", "ms a round: median", "least", "GFLOP", "rounds/s over before's", "of minima", "quartiles"]
    print(table(head, rows), f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}", sep="\n\n")


if __name__ == "__main__":
    main()
