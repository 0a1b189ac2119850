"""The lab beside a peer's own code, with the peer's own networks: blocks in turns on one core.

    python benchmarks/peers/race.py mimicry CHECKOUT [--batch 16] [--blocks 20] [--rounds 1] [--core 0]

CHECKOUT is a directory with the peer's repository, which the user has fetched; nothing of it is here. `mimicry` is
github.com/kwotsin/mimicry, `r3gan` github.com/brownvc/R3GAN, `studiogan` github.com/POSTECH-CVLab/PyTorch-StudioGAN.
Prints seconds of the processor for a round.
"""

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["OMP_NUM_THREADS"] = "1"

import torch
from racing.race import Runner, faster, race
from racing.report import table

PEERS = ("mimicry", "r3gan", "studiogan")
VARIANTS: dict[str, list[str]] = {
    "lab": [],
    "lab, channels_last": ["gan.channels_last=true"],
    "lab, channels_last, fused Adam": ["gan.channels_last=true", "optimizer.fused=true"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("checkout", type=lambda path: str(Path(path).resolve()))
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1, help="of a block")
    parser.add_argument("--core", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with ExitStack() as stack:
        runners = {
            label: stack.enter_context(
                Runner(f"peers.{given.peer}.{who}", given.checkout, str(given.batch), *overrides, core=given.core)
            )
            for label, who, overrides in (
                (given.peer, "theirs", []), *((label, "ours", more) for label, more in VARIANTS.items())
            )
        }  # fmt: skip
        times = race(runners, dict.fromkeys(runners, given.rounds), given.blocks)
    rows = []
    for label, spent in times.items():
        pace = faster(spent, times[given.peer])
        rows.append(
            [label, f"{spent.median:.3f}", f"{spent.least:.3f}", f"{pace.medians:.2f}", f"{pace.minima:.2f}",
             f"{pace.low:.2f} to {pace.high:.2f}"]
        )  # fmt: skip
    head = ["", "s a round: median", "least", f"rounds/s over {given.peer}'s", "of minima", "quartiles"]
    print(table(head, rows), f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}", sep="\n\n")


if __name__ == "__main__":
    main()
