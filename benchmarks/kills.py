"""A run that is killed again and again ends as one left alone: `python benchmarks/kills.py [KILLS] [SEED] [FORM ...]`

Short runs by one process, by two, of three seeds in one process, and of a folder of pictures read by workers: each once
left alone; and once killed, KILLS times over all forms, and started again until it is done. Kills take turns: at a
random moment, by KILL, TERM, USR1 or INT, to a random one of two processes; and, by KILL, in place of a random rename,
that is between two files that the run writes. Once in each form, last.ckpt is cut to half its length by hand. Prints
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

from gan_lab.io.checkpoint import LAST, PlainCheckpointIO, newest

ROOT = Path(__file__).parents[1]
EVERY = ["callbacks.metrics.every=5", "callbacks.samples.every=100"]
SMALL = ["model.width=4", "data.batch_size=16"]
FORMS = {
    "one": ["model=mlp", "trainer=cpu", "rounds=400", "callbacks.checkpoint.every=20"],
    "two": ["model=mlp", "trainer=ddp_cpu", "trainer.devices=2", "rounds=100", "callbacks.checkpoint.every=10"],
    "seeds": ["model=mlp", "data=ring", "seeds=3", "rounds=200", "callbacks.checkpoint.every=20"],
    "pictures": ["data=images", "data.root={pictures}", "data.image_size=16", *SMALL, "rounds=100",
                 "callbacks.checkpoint.every=10"],
}  # fmt: skip
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
SIGNS = ("metrics.csv", "metrics.csv", "metrics.csv", "config.yaml")  # of a start: it plays, or is about to
LONGEST = 3.0  # seconds from the sign to the kill
RENAMES = 40  # of a start, about: a dozen before the first round
OF_TIME = ("seconds", "rounds_per_second", "images_per_second")
DYING = """
import itertools, os, signal

number = os.environ.get("DIE_AT_RENAME")
if number is not None:
    renames, replace = itertools.count(), os.replace

    def die_or_replace(*names, **options):
        if next(renames) == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*names, **options)

    os.replace = die_or_replace
"""  # sitecustomize.py, which Python imports first


def start(*arguments: str, log: Path, at_rename: int | None = None) -> subprocess.Popen[bytes]:
    """The command line in a session of its own; with `at_rename` it dies in place of that rename."""
    environment = os.environ | {"PYTHONPATH": f"{log.parent / 'dying'}{os.pathsep}{ROOT}"}
    if at_rename is not None:
        environment["DIE_AT_RENAME"] = str(at_rename)
    with log.open("ab") as file:
        command = [sys.executable, str(ROOT / "train.py"), *arguments]
        return subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True, env=environment)


def processes_of(first: int) -> list[int]:
    """The process and those of its children that play, by rank."""
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    return [first, *(int(child) for child in children if is_player(int(child)))]


def is_player(process: int) -> bool:
    """Workers are forked, and have their parent's command line, too, but listen to no signal."""
    status = Path(f"/proc/{process}/status").read_text()
    blocked = int(status.partition("SigBlk:")[2].split()[0], 16)
    return b"train.py" in Path(f"/proc/{process}/cmdline").read_bytes() and not blocked >> (signal.SIGTERM - 1) & 1


def runs_in(place: Path) -> list[Path]:
    """The run itself, or the runs of several seeds."""
    return sorted(place.glob("*seed=*")) or [place]


def begun(place: Path, sign: str, process: subprocess.Popen[bytes], since: int) -> bool:
    """Wait until it has written this file; whether it has."""
    while process.poll() is None:
        if any((run / sign).exists() and (run / sign).stat().st_mtime_ns > since for run in runs_in(place)):
            return True
        time.sleep(0.02)
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


def reached(place: Path) -> str:
    """The rounds that the runs have logged or saved, and those that they have saved."""
    pairs = [(max(logged(run), saved(run)), saved(run)) for run in runs_in(place)]
    return " | ".join(", ".join(str(pair[i]) for pair in pairs) for i in (0, 1))


def kill(process: subprocess.Popen[bytes], number: signal.Signals, rng: random.Random) -> str:
    """Send the signal at a random moment; to which process it went, and the exit code."""
    time.sleep(rng.uniform(0, LONGEST))
    ranks = processes_of(process.pid) if process.poll() is None else []
    rank = rng.randrange(len(ranks)) if ranks else 0
    if ranks:
        os.kill(ranks[rank], number)
    code = process.wait(600)
    gone(ranks)
    return f"{number.name[3:]} | process {rank} | {code}"


def gone(processes: list[int]) -> None:
    """Those that were not killed end by themselves."""
    deadline = time.monotonic() + 120
    for left in processes:
        while Path(f"/proc/{left}/cmdline").exists() and Path(f"/proc/{left}/cmdline").read_bytes():
            assert time.monotonic() < deadline, f"process {left} lives on"
            time.sleep(0.05)


def killed(place: Path, form: list[str], kills: int, rng: random.Random, log: Path) -> None:
    """Play to the end, through so many kills."""
    arguments = [*form, f"hydra.run.dir={place}"]
    for n in range(kills):
        since = time.time_ns()
        at_rename = rng.randrange(RENAMES) if n % 2 else None
        process = start(*arguments, log=log, at_rename=at_rename)
        if at_rename is not None:
            code = process.wait(600)
            told = f"KILL | rename {at_rename} | {code}"
            if code == 0:
                print(f"the run ended before rename {at_rename}", flush=True)
                break
        elif begun(place, rng.choice(SIGNS), process, since):
            told = kill(process, SIGNALS[n // 2 % len(SIGNALS)], rng)
        else:
            print(f"the run ended before kill {n + 1}, with exit code {process.wait()}", flush=True)
            break
        print(f"| {n + 1} | {told} | {reached(place)} |", flush=True)
        if "seeds=3" not in form and (place / "config.yaml").exists():
            arguments = [f"resume={place}"]
        last = runs_in(place)[0] / "checkpoints" / LAST
        if n == kills // 2 and last.with_name("previous.ckpt").exists() and last.stat().st_nlink == 1:
            last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
            print(f"| | `{LAST}` cut to half | | | {reached(place)} |", flush=True)
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
        summary = json.loads((run / "summary.json").read_text())
        return {
            "checkpoint": PlainCheckpointIO().load_checkpoint(run / "checkpoints" / LAST),
            "generator": (run / "generator.safetensors").read_bytes(),
            "metrics": rows,
            # but for what names the directory
            "summary": {n: value for n, value in summary.items() if "second" not in n and not n.endswith("/advice")},
        }

    return compare(read(a), read(b), "")


def write_pictures(folder: Path) -> None:
    """Forty pictures of noise."""
    from PIL import Image

    folder.mkdir()
    for number in range(40):
        pixels = random.Random(number).randbytes(20 * 20 * 3)
        Image.frombytes("RGB", (20, 20), pixels).save(folder / f"{number:02}.png")


def main(kills: int = 20, seed: int = 0, *names: str) -> None:
    chosen = names or tuple(FORMS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_pictures(folder / "pictures")
        (folder / "dying").mkdir()
        (folder / "dying" / "sitecustomize.py").write_text(DYING)
        for number, name in enumerate(chosen):
            form = [*EVERY, *(part.format(pictures=folder / "pictures") for part in FORMS[name])]
            log, whole, broken = (folder / f"{name}{part}" for part in (".log", "-whole", "-broken"))
            assert start(*form, f"hydra.run.dir={whole}", log=log).wait(1200) == 0, log.read_text()
            print(f"\n{name}: `{' '.join(FORMS[name])}`\n", flush=True)
            print("| kill | signal | to, or in place of | exit code | rounds reached | resumed from |")
            print("|---|---|---|---|---|---|", flush=True)
            share = kills // len(chosen) + (number < kills % len(chosen))
            killed(broken, form, share, random.Random(seed + number), log)
            found = [line for pair in zip(runs_in(whole), runs_in(broken), strict=True) for line in differences(*pair)]
            print(f"Differs from the run that was left alone: {', '.join(found) or 'nothing'}.", flush=True)


if __name__ == "__main__":
    kills, seed, *forms = [*sys.argv[1:], *["20", "0"][len(sys.argv) - 1 :]]
    main(int(kills), int(seed), *forms)
