"""How long one waits for an answer, and for the first round; in seconds of the processor, with warm caches.

The first round and the import leave at once (`os._exit`): how long an interpreter takes to clear up is not meant.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
TRAIN = [sys.executable, str(ROOT / "train.py")]
COMMANDS = {
    "train.py --help": [*TRAIN, "--help"],
    "train.py --cfg job": [*TRAIN, "--cfg", "job"],
    "train.py ema.decay=2 (a mistake)": [*TRAIN, "ema.decay=2"],
    "import pytorch_lightning, torchvision": [
        sys.executable, "-c", "import os, pytorch_lightning, torchvision; os._exit(0)",
    ],
    "train.py experiment=ring, to the end of its first round": [
        *TRAIN, "experiment=ring", f"+callbacks.leave._target_={__name__}.leave",
    ],
    "train.py experiment=ring rounds=1, with the pictures and the summary of its end": [
        *TRAIN, "experiment=ring", "rounds=1",
    ],
}  # fmt: skip


def leave() -> Any:
    """A callback that ends the process when a round has been played."""
    from pytorch_lightning import Callback

    class Leave(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            os._exit(0)

    return Leave()


class Spent(NamedTuple):
    """Seconds of the processor, and by the clock."""

    cpu: float
    wall: float


def run(command: Sequence[str], core: int) -> Spent:
    """The processor's seconds of a command and of the processes that it starts, in a directory of its own."""
    with tempfile.TemporaryDirectory() as directory:
        where = [f"hydra.run.dir={directory}/run"] if command[1] == TRAIN[1] and "--help" not in command else []
        before = os.times()
        process = subprocess.Popen(
            [*command, *where], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "benchmarks")},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )  # fmt: skip
        process.wait()
        after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(cpu, after.elapsed - before.elapsed)


def startup(core: int, times: int = 5) -> dict[str, Spent]:
    """The least of some trials of each command, in turns."""
    trials: dict[str, list[Spent]] = {name: [] for name in COMMANDS}
    for _ in range(times):
        for name, command in COMMANDS.items():
            trials[name].append(run(command, core))
    return {name: Spent(min(s.cpu for s in spent), min(s.wall for s in spent)) for name, spent in trials.items()}
