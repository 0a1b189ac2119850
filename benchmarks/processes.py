"""One process against two that share its batch: the largest difference of a weight, after so many rounds.

    python benchmarks/processes.py [ROUNDS]

A table in Markdown. Both players' weights and the averaged generator's are compared; each of them is of order 0.1 to 1.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from gan_lab.io.checkpoint import PlainCheckpointIO

ROOT = Path(__file__).parents[1]
DATA = {
    "ring, mlp": ["data=ring", "model=mlp", "data.batch_size=64"],
    "digits, dcgan": ["data=digits", "model=dcgan", "data.batch_size=64"],
}
GAMES = {
    "alternating": [],
    "simultaneous": ["update=simultaneous"],
    "extragradient": ["update=extragradient"],
    "optimistic": ["update=optimistic"],
    "lookahead": ["update=lookahead"],
    "balanced": ["update=balanced"],
    "consensus": ["update=consensus"],
    "unrolled": ["update=unrolled"],
}
OPTIMIZERS = {"Adam": [], "SGD": ["optimizer=sgd", "optimizer.lr=0.01"]}
PENALTIES = {"none": [], "R1": ["term@d_terms=[r1]"], "WGAN-GP": ["term@d_terms=[gradient_penalty]"]}


def difference(overrides: list[str], rounds: int, sync: bool) -> float:
    """The largest difference of a weight between a run of one process and one of two."""
    trainers = {"one": ["trainer=cpu"], "two": ["trainer=ddp_cpu", f"trainer.sync_batchnorm={str(sync).lower()}"]}
    states = []
    with tempfile.TemporaryDirectory() as directory:
        for name, trainer in trainers.items():
            run = Path(directory) / name
            command = [sys.executable, str(ROOT / "train.py"), *overrides, *trainer, f"rounds={rounds}"]
            subprocess.run(
                [*command, "callbacks=[checkpoint]", f"hydra.run.dir={run}"], check=True, capture_output=True
            )
            states.append(PlainCheckpointIO().load_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"])
    one, two = states
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    return max(float((one[n] - two[n]).abs().max()) for n in one if not n.endswith(buffers))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print("| data, model | update | penalty | optimiser | batch statistics | largest difference |")
    print("|---|---|---|---|---|---|", flush=True)
    cases = [(data, game, "none", "Adam", True) for data in DATA for game in GAMES]
    cases += [(data, "alternating", penalty, "Adam", True) for data in DATA for penalty in ("R1", "WGAN-GP")]
    cases += [("ring, mlp", "extragradient", "R1", optimizer, True) for optimizer in OPTIMIZERS]
    cases += [
        ("ring, mlp", "alternating", "WGAN-GP", "SGD", True),
        ("digits, dcgan", "simultaneous", "none", "SGD", True),
    ]
    cases += [("digits, dcgan", "alternating", "none", "Adam", False)]
    for data, game, penalty, optimizer, sync in cases:
        found = difference([*DATA[data], *GAMES[game], *PENALTIES[penalty], *OPTIMIZERS[optimizer]], rounds, sync)
        statistics = "none" if "mlp" in data else "of the whole batch" if sync else "of each process"
        print(f"| {data} | {game} | {penalty} | {optimizer} | {statistics} | {found:.1e} |", flush=True)


if __name__ == "__main__":
    main()
