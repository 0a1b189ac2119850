"""What watching costs: `python benchmarks/watching.py MNIST_ROOT`.

CPU time of whole runs without the equilibrium callbacks, with the default ones and with the duality gap, in one process
on one thread, interleaved; the minimum of each is compared.
"""

import io
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from gan_lab.experiment.run import play

CONF = Path(__file__).parents[1] / "conf"
REPEATS = 3
GAP = ["callbacks=[default,duality_gap]", "callbacks.duality_gap.steps=25", "callbacks.duality_gap.held_out=4"]
WORKLOADS = {  # name: overrides, rounds
    "ring": (["experiment=ring"], 2000),
    "DCGAN on MNIST": (["data=mnist", "model=dcgan"], 250),
}
NONE = ["callbacks.equilibrium=null", "callbacks.logit_landscape=null"]
VARIANTS = {
    "none": NONE,
    "equilibrium": ["callbacks.logit_landscape=null"],
    "equilibrium and field": [],
    "duality gap": [*GAP, *NONE],
}


def cpu_seconds(overrides: list[str], rounds: int) -> float:
    with tempfile.TemporaryDirectory() as directory, initialize_config_dir(str(CONF), version_base="1.3"):
        common = [f"directory={directory}", f"rounds={rounds}", "callbacks.progress=null"]
        config = compose("config", [*overrides, *common])
        began = time.process_time()
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            play(config)
        return time.process_time() - began


def main(root: str) -> None:
    torch.set_num_threads(1)
    print("| run | " + " | ".join(VARIANTS) + " |\n|---" + "|---" * len(VARIANTS) + "|")
    for name, (overrides, rounds) in WORKLOADS.items():
        given = [*overrides, *([f"data.root={root}"] if "data=mnist" in overrides else [])]
        every = [f"callbacks.duality_gap.every={rounds}"]
        seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        for _ in range(REPEATS):
            for variant, more in VARIANTS.items():
                extra = every if variant == "duality gap" else []
                seconds[variant].append(cpu_seconds([*given, *more, *extra], rounds))
        plain = min(seconds["none"])
        cells = [f"{min(took):.1f} s ({100 * (min(took) / plain - 1):+.1f} %)" for took in seconds.values()]
        print(f"| {name}, {rounds} rounds | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
