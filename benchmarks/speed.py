"""The lab's speed against loops by hand, its memory, its start, and how it reads pictures: a table of each.

    python benchmarks/speed.py MNIST_ROOT [--only ring dcgan_64 folder ...] [--share 0.5] [--core 0] [--out speed]

from the root of the repository. All is played on one core with one thread, in turns, and timed in seconds of the
processor. Writes OUT.md and OUT.json. Some 20 minutes on a core of one's own.
"""

import argparse
import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from racing import report
from racing.machine import FLOPS
from racing.memory import ROUNDS, growth, peaks
from racing.race import Runner, faster, race
from racing.startup import startup
from racing.workloads import WORKLOADS

PARTS = [*WORKLOADS, "folder", "startup", "memory", "growth"]


def games(name: str, root: str, core: int, share: float) -> tuple[str, Any]:
    """One workload: the lab and its variants against the loops by hand, beside the machine's limit."""
    from racing import lab, lightning  # noqa: F401  # heavy: once, for all that are forked from here

    workload = WORKLOADS[name]
    who = {
        "lab": ("lab", []),
        **{f"lab, {variant}": ("lab", overrides) for variant, overrides in workload.variants.items()},
        "bare": ("bare", []),
        "textbook": ("textbook", []),
        "Lightning": ("Lightning", []),
        "sgemm": ("sgemm", []),
    }
    with ExitStack() as stack:
        runners = {
            label: stack.enter_context(Runner(kind, name, root, *overrides, core=core))
            for label, (kind, overrides) in who.items()
        }
        flops = {
            label: FLOPS if label == "sgemm" else runner.ask("flops")["flops"] for label, runner in runners.items()
        }
        rounds = {label: 40 if label == "sgemm" else workload.rounds for label in who}
        times = race(runners, rounds, max(3, round(share * workload.blocks)))
    ratios = {label: faster(times["lab"], spent) for label, spent in times.items() if label not in ("lab", "sgemm")}
    peak = FLOPS / times["sgemm"].median
    data = {
        label: {"blocks": spent.blocks, "flops": flops[label], "lab_over_it": ratios.get(label)}
        for label, spent in times.items()
    }
    return report.of_race(times, ratios, flops, peak), data


def pictures(core: int) -> tuple[str, Any]:
    """The folder of pictures."""
    from racing.folder import BATCH, write

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        write(Path(folder))
        labels = ["lab's folder", "torchvision's folder"]
        runners = {label: stack.enter_context(Runner(label, "", folder, core=core)) for label in labels}
        times = race(runners, dict.fromkeys(labels, 4), blocks=12)
    mine, theirs = times.values()
    return report.of_folder(times, BATCH, faster(mine, theirs)), {n: t.blocks for n, t in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", help="where MNIST is")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--share", type=float, default=1.0, help="of the blocks and trials, where time is short")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--out", default="speed")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that are spawned
    torch.set_num_threads(1)  # and of those that are forked
    text, data = [], {}
    for part in given.only:
        if part in WORKLOADS:
            told, data[part] = games(part, given.root, given.core, given.share)
        elif part == "folder":
            told, data[part] = pictures(given.core)
        elif part == "startup":
            data[part] = startup(given.core, max(2, round(5 * given.share)))
            told = report.of_startup(data[part])
        elif part == "memory":
            data[part] = {name: peaks(name, given.root, given.core) for name in ROUNDS}
            told = report.of_memory(data[part])
        else:
            data[part] = growth(given.root, given.core)
            told = report.of_growth(data[part])
        text.append(f"### {part}\n\n{told}\n")
        print(text[-1], flush=True)
        Path(f"{given.out}.md").write_text("\n".join(text))
        Path(f"{given.out}.json").write_text(json.dumps(data, indent=1))


if __name__ == "__main__":
    main()
