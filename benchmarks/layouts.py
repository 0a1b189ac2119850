"""Memory formats of each network: a round with `gan.channels_last=true` beside one without, blocks in turns.

    python benchmarks/layouts.py [--only dcgan ...] [--blocks 9] [--batch 8] [--core 0]

The lab with its default callbacks on noise of 3 x 32 x 32 (FastGAN: 64 x 64), on one core. Prints seconds of the
processor.
"""

import argparse
import os
from contextlib import ExitStack
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from gpu import Workload, configured
from racing.gate import Gate
from racing.lab import Turnstile
from racing.race import Runner, faster, race
from racing.report import table

from gan_lab.experiment.run import play

NETWORKS = {  # of so many pixels a side, narrower than their papers', in the command line's words
    "dcgan": (32, ["model.width=32"]),
    "sn_resnet": (32, ["model.generator.width=64", "model.discriminator.width=64"]),
    "biggan": (32, ["model.generator.width=32", "model.discriminator.width=32"]),
    "stylegan2": (32, ["model.width=16", "model.max_width=64", "model.generator.dim=64"]),
    "stylegan3": (
        32,
        [f"model.{role}.{sizes}" for role in ("generator", "discriminator") for sizes in ("width=16", "max_width=64")]
        + ["model.generator.dim=64"],
    ),
    "fastgan": (64, ["model.generator.width=8", "latent.dim=64"]),
    "r3gan": (32, ["model.width=48", "model.max_width=96"]),
    "pix2pix": (32, ["model.width=16", "degradation=half"]),
    "srgan": (32, ["model.width=16", "model.generator.blocks=4", "degradation=low_resolution"]),
}


def lab(gate: Gate, directory: str, model: str, batch: str, *overrides: str) -> None:
    Turnstile.after = gate
    workload = Workload(NETWORKS[model][0], int(batch), (f"model={model}", *NETWORKS[model][1], "trainer=cpu"), ())
    config = configured(workload, Path(directory), False, *overrides)
    config.callbacks.turnstile = {"_target_": "racing.lab.Turnstile"}
    play(config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--core", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    head = ["", "s a round: median", "channels_last", "its rounds/s over the other's", "of minima", "quartiles"]
    print(table(head, []), flush=True)
    for model in given.only:
        with ExitStack() as stack:
            runners = {
                last: stack.enter_context(
                    Runner("layouts.lab", model, str(given.batch), f"gan.channels_last={last}", core=given.core)
                )
                for last in ("false", "true")
            }
            times = race(runners, dict.fromkeys(runners, 1), given.blocks)
        pace = faster(times["true"], times["false"])
        cells = [model, *(f"{spent.median:.3f}" for spent in times.values()), f"{pace.medians:.2f}",
                 f"{pace.minima:.2f}", f"{pace.low:.2f} to {pace.high:.2f}"]  # fmt: skip
        print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nload {' '.join(f'{load:.1f}' for load in os.getloadavg())}")


if __name__ == "__main__":
    main()
