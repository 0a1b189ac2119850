"""Several seeds in one process against one seed: how long a round takes, and how far the runs come apart.

    OMP_NUM_THREADS=1 python benchmarks/many_seeds.py [SEEDS] [REPEATS]

Two tables in Markdown. The first has, for each experiment, the seconds of 100 rounds of one run and of SEEDS runs that
are played together (rounds and callbacks, without the start of the process), the two taken in turn REPEATS times, the
least of each; of the processor, so that other programs do not count, and of the clock. The second has the largest
difference of a weight of seed 1 between its run with others and its run by itself, beside the largest of a weight.
"""

import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from gan_lab.ensemble.play import play_together
from gan_lab.ensemble.seeds import check_seeds, runs_of
from gan_lab.experiment.run import play
from gan_lab.io.checkpoint import PlainCheckpointIO

CONF = Path(__file__).parents[1] / "conf"
TIMED = {
    "`experiment=ring`": ["experiment=ring"],
    "`experiment=ring` without penalties": ["experiment=ring", "d_terms=null"],
    "`model=mlp data=gaussian latent.dim=2 model.hidden=[64,64] data.batch_size=64`": [
        "model=mlp", "data=gaussian", "latent.dim=2", "model.hidden=[64,64]", "data.batch_size=64",
    ],
}  # fmt: skip
COMPARED = {
    "ring, r1 and r2": ["experiment=ring"],
    "gaussian": ["model=mlp", "data=gaussian", "latent.dim=2"],
    "gaussian, sgd": ["model=mlp", "data=gaussian", "latent.dim=2", "optimizer=sgd", "optimizer.lr=0.01"],
}


def configure(overrides: list[str], directory: Path, *more: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", [*overrides, "callbacks.progress=null", f"directory={directory}", *more])


def together(config: DictConfig) -> int:
    check_seeds(config, multirun=False)
    return play_together(runs_of(config, []))


def seconds(run: Callable[[DictConfig], int], config: DictConfig) -> tuple[float, float]:
    """Of the processor and of the clock."""
    before = time.process_time(), time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(config) == 0
    return time.process_time() - before[0], time.perf_counter() - before[1]


def timed(overrides: list[str], seeds: int, repeats: int, rounds: int = 500) -> list[list[float]]:
    """[processor, clock] for one seed and for all, of a long run less a short one: seconds of 100 rounds."""
    found: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for _ in range(repeats):
        for many in (1, seeds):
            for length in (1, 1 + rounds):
                with tempfile.TemporaryDirectory() as directory:
                    several = ["seeds=null"] if many == 1 else [f"seeds={many}"]
                    config = configure(overrides, Path(directory), f"rounds={length}", *several)
                    found.setdefault((many, length), []).append(seconds(play if many == 1 else together, config))
    least = {key: [min(column) for column in zip(*values, strict=True)] for key, values in found.items()}
    scale = 100 / rounds
    return [
        [(a - b) * scale for a, b in zip(least[many, 1 + rounds], least[many, 1], strict=True)] for many in (1, seeds)
    ]


def apart(overrides: list[str], rounds: int) -> tuple[float, float]:
    """The largest difference of a weight, and the largest weight."""
    states: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(io.StringIO()):
        config = configure(overrides, Path(directory) / "together", f"rounds={rounds}", "seeds=2")
        assert together(config) == 0
        alone = configure(overrides, Path(directory) / "alone", f"rounds={rounds}", "seed=1")
        assert play(alone) == 0
        for run in (Path(directory) / "together" / "seed=1", Path(directory) / "alone"):
            states.append(PlainCheckpointIO().load_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"])
    one, other = states
    return max(float((one[n] - other[n]).abs().max()) for n in one), max(float(w.abs().max()) for w in one.values())


def main() -> None:
    torch.set_num_threads(1)
    seeds, repeats = (int(given) for given in [*sys.argv[1:], *("10", "3")[len(sys.argv) - 1 :]])
    print(f"| 100 rounds, seconds | one seed | {seeds} seeds | ratio | of the clock | {seeds} seeds | ratio |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name, overrides in TIMED.items():
        (one, clock), (many, clocks) = timed(overrides, seeds, repeats)
        ratios = f"{many / one:.1f}", f"{clocks / clock:.1f}"
        print(
            f"| {name} | {one:.2f} | {many:.2f} | {ratios[0]} | {clock:.2f} | {clocks:.2f} | {ratios[1]} |", flush=True
        )
    print("\n| | rounds | largest difference of a weight | largest weight |\n|---|---|---|---|", flush=True)
    for name, overrides in COMPARED.items():
        for rounds in (10, 100):
            difference, largest = apart(overrides, rounds)
            print(f"| {name} | {rounds} | {difference:.1e} | {largest:.1f} |", flush=True)


if __name__ == "__main__":
    main()
