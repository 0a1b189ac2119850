"""A run that is killed again and again ends as one left alone: `python benchmarks/kills.py PROCESSES [KILLS] [SEED]`

The same short run of the digits by one process or by two: once left alone; once killed at random moments, most of
them in the game and some before it, by KILL, TERM, USR1 and INT in turn, which of two processes is told being random,
too, and started again by `resume=` until it is done. Once, last.ckpt is cut to half its length by hand. Prints
what became of each kill, as a table in Markdown, and what differs in the end.
"""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from gan_lab.plain_checkpoint import LAST, PlainCheckpointIO, newest

ROOT = Path(__file__).parents[1]
RUN = ["model=mlp", "callbacks.metrics.every=5"]
FORMS = {
    1: ["trainer=cpu", "rounds=4000", "callbacks.checkpoint.every=50"],
    2: ["trainer=ddp_cpu", "trainer.devices=2", "rounds=400", "callbacks.checkpoint.every=15"],
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
SIGNS = ("metrics.csv", "metrics.csv", "metrics.csv", "config.yaml")  # of a start: it plays, or is about to
LONGEST = 3.0  # seconds from the sign to the kill
OF_TIME = ("seconds", "rounds_per_second", "images_per_second")


def start(*arguments: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        command = [sys.executable, str(ROOT / "train.py"), *arguments]
        return subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)


def processes_of(first: int) -> list[int]:
    """The process and those of its children that play, by rank."""
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *(int(child) for child in children if b"train.py" in Path(f"/proc/{child}/cmdline").read_bytes())]


def begun(sign: Path, process: subprocess.Popen[bytes], since: int) -> bool:
    """Wait until it has written this file; whether it has."""
    while process.poll() is None:
        if sign.exists() and sign.stat().st_mtime_ns > since:
            return True
        time.sleep(0.005)
    return False


def logged(run: Path) -> int:
    """The last round in metrics.csv."""
    try:
        with (run / "metrics.csv").open(newline="") as file:
            return max((int(row["round"]) for row in csv.DictReader(file) if row["round"].isdigit()), default=0)
    except FileNotFoundError:
        return 0


def saved(run: Path) -> int:
    found = newest(run / "checkpoints")
    return 0 if found is None else int(found[1]["game"]["round"])


def kill(run: Path, process: subprocess.Popen[bytes], number: signal.Signals, rng: random.Random) -> list[str]:
    """A row of the table: how the run took the signal."""
    time.sleep(rng.uniform(0, LONGEST))
    ranks = processes_of(process.pid) if process.poll() is None else []
    rank = rng.randrange(len(ranks)) if ranks else 0
    if ranks:
        os.kill(ranks[rank], number)
    code = process.wait(300)
    for left in ranks:  # they are to end by themselves
        deadline = time.monotonic() + 60
        while Path(f"/proc/{left}/cmdline").exists() and Path(f"/proc/{left}/cmdline").read_bytes():
            assert time.monotonic() < deadline, f"process {left} lives on"
            time.sleep(0.05)
    reached = max(logged(run), saved(run))
    return [number.name[3:], str(rank), str(code), str(reached), str(saved(run)), str(reached - saved(run))]


def killed(run: Path, form: list[str], kills: int, rng: random.Random, log: Path) -> None:
    """Play to the end, through so many kills."""
    arguments = [*RUN, *form, f"hydra.run.dir={run}"]
    for n in range(kills):
        since = time.time_ns()
        process = start(*arguments, log=log)
        if not begun(run / rng.choice(SIGNS), process, since):
            print(f"the run ended before kill {n + 1}, with exit code {process.wait()}", flush=True)
            break
        print(f"| {n + 1} |", " | ".join(kill(run, process, SIGNALS[n % len(SIGNALS)], rng)), "|", flush=True)
        arguments = [f"resume={run}"]
        if n == kills // 2:
            last = run / "checkpoints" / LAST
            last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
            print(f"| | `{LAST}` cut to half | | | | {saved(run)} | |", flush=True)
    print(f"\nLast start: exit code {start(*arguments, log=log).wait(1200)}.", flush=True)


def compare(a: Any, b: Any, where: str) -> list[str]:
    """Where two nested structures differ in a bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        keys = (a.keys() | b.keys()) - set(OF_TIME)
        return [line for key in sorted(keys, key=str) for line in compare(a.get(key), b.get(key), f"{where}/{key}")]
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return [line for n, pair in enumerate(zip(a, b, strict=True)) for line in compare(*pair, f"{where}/{n}")]
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return [] if torch.equal(a, b) else [where]
    return [] if type(a) is type(b) and a == b else [where]


def differences(a: Path, b: Path) -> list[str]:
    """Where two runs differ: checkpoint (weights, averages, optimisers, data position), generator, logs, summary."""

    def read(run: Path) -> dict[str, Any]:
        with (run / "metrics.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {
            "checkpoint": PlainCheckpointIO().load_checkpoint(run / "checkpoints" / LAST),
            "generator": (run / "generator.safetensors").read_bytes(),
            "metrics": rows,
            "summary": json.loads((run / "summary.json").read_text()),
        }

    return compare(read(a), read(b), "")


def main(processes: int, kills: int = 20, seed: int = 0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, whole, broken = (Path(folder) / name for name in ("log", "whole", "broken"))
        assert start(*RUN, *FORMS[processes], f"hydra.run.dir={whole}", log=log).wait(1200) == 0, log.read_text()
        print("| kill | signal | to process | exit code | round reached | resumed from | rounds played again |")
        print("|---|---|---|---|---|---|---|", flush=True)
        killed(broken, FORMS[processes], kills, random.Random(seed), log)
        found = differences(whole, broken)
        print(f"Differs from the run that was left alone: {', '.join(found) or 'nothing'}.", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
