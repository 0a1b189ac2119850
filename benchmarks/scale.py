"""Simulator of a round on many GPUs: computation, communication, and the checkpoints that preemptions ask for.

    python benchmarks/scale.py [--check]

Prints the tables of docs/scale.md. `--check` has two processes of this machine (gloo) send messages of several
sizes, and compares what each and a round take with what a latency and a pace predict, fitted to other sizes.
"""

import argparse
import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from hydra.utils import instantiate
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gan_lab.config.compose import compose_experiment
from gan_lab.distributed.collectives import mean
from gan_lab.experiment.build import network_of
from gan_lab.runtime.allocator import keep_freed_memory

HOUR = 3600.0


@dataclass(frozen=True)
class Machine:
    """What is assumed of the hardware: A100 of 80 GB, eight a node, 4 x 200 Gbit/s between nodes.

    flops: that a GPU sustains in a GAN's convolutions, of 312e12 in bf16: 30 %.
    inside, between: bytes a second that one GPU sends to its neighbour in a ring, on its node and to another node.
    latency: s for one step of a ring, between nodes and inside one.
    disk: bytes a second that one process writes, to the file system that all share.
    """

    flops: float = 0.3 * 312e12
    node: int = 8
    inside: float = 200e9
    between: float = 80e9
    latency: float = 20e-6
    disk: float = 1e9

    def all_reduce(self, size: float, world: int) -> float:
        """Seconds for the sum of `size` bytes over `world` GPUs.

        2 (w - 1) steps of a ring with size / w bytes each; over nodes, the ring of a node's GPUs first, then one of the
        nodes, whose GPUs share the network, then the node's again.
        """

        def ring(size: float, world: int, pace: float) -> float:
            return 0.0 if world == 1 else 2 * (world - 1) * (size / world / pace + self.latency)

        local = min(world, self.node)
        return ring(size, local, self.inside) + ring(size, -(-world // self.node), self.between)


@dataclass(frozen=True)
class Game:
    """A game as the simulator knows it.

    d, g: weights of each player; average: of G's averages, in weights.
    d_flops, g_flops: of a forward pass of one sample.
    d_steps: of D in a round. batch: of all GPUs together, in each step.
    """

    name: str
    d: int
    g: int
    d_flops: float
    g_flops: float
    d_steps: int
    batch: int

    @property
    def flops(self) -> float:
        """Of a round, a sample: backward passes cost twice the forward pass, that to inputs alone once.

        D's step: G forward, D forward and backward on real and fake. G's step: G forward and backward, D forward and
        backward to its input.
        """
        return self.d_steps * (self.g_flops + 6 * self.d_flops) + 3 * self.g_flops + 2 * self.d_flops

    @property
    def checkpoint(self) -> float:
        """Bytes: weights and Adam's two moments of both, and an average of G, in single precision."""
        return 4.0 * (3 * self.d + 4 * self.g)

    def messages(self, half: bool = False) -> list[float]:
        """Bytes of each sum of gradients in a round."""
        width = 2.0 if half else 4.0
        return [width * self.d] * self.d_steps + [width * self.g]


@dataclass(frozen=True)
class Round:
    """Seconds of computation and of communication that nothing hides, as the lab sends gradients after its backward."""

    computing: float
    sending: float

    @property
    def efficiency(self) -> float:
        return self.computing / (self.computing + self.sending)


def simulate(game: Game, machine: Machine, world: int, half: bool = False) -> Round:
    computing = game.flops * game.batch / world / machine.flops
    return Round(computing, sum(machine.all_reduce(size, world) for size in game.messages(half)))


def interval(writing: float, between: float) -> float:
    """Seconds of work between two checkpoints that lose least (Daly 2006, eq. 37): with d `writing`, M `between`

        sqrt(2 d M) (1 + sqrt(d / (2 M)) / 3 + d / (18 M)) - d   for d < 2 M, else M

    whose first factor is Young's (1974). M is the mean time between two preemptions of any process of the run.
    """
    if writing >= 2 * between:
        return between
    ratio = writing / (2 * between)
    return math.sqrt(2 * writing * between) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - writing


def lost(writing: float, between: float, restart: float, every: float) -> float:
    """Share of the time that checkpoints, lost work and restarts take (Daly 2006, eq. 20): 1 - useful / elapsed."""
    elapsed = between * math.exp(restart / between) * math.expm1((every + writing) / between) / every
    return 1 - 1 / elapsed


# --- the games, as the lab builds them ------------------------------------------------------------------------------


def games() -> list[Game]:
    return [
        measured("BigGAN, ImageNet 128", 2048, 2, "experiment=biggan_imagenet128", "data.root=."),
        measured(
            "StyleGAN2, 256 x 256", 256, 1, "model=stylegan2", "latent.dim=512", "data.image_size=256",
            "model.width=64",
        ),
    ]  # fmt: skip


def measured(name: str, batch: int, d_steps: int, *overrides: str) -> Game:
    """Weights and FLOPs of the lab's networks, counted on torch's meta device: nothing is computed."""
    with tempfile.TemporaryDirectory() as directory:
        config = compose_experiment([*overrides, f"data.batch_size={batch}"], Path(directory))
    with torch.device("meta"):
        d, g = (instantiate(network_of(config, role)) for role in ("discriminator", "generator"))
        z, x = torch.empty(1, config.latent.dim), torch.empty(1, *config.data.shape)
        y = torch.zeros(1, dtype=torch.long) if config.data.get("num_classes") else None
        return Game(name, size(d), size(g), counted(d, x, y), counted(g, z, y), d_steps, batch)


def size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def counted(network: nn.Module, given: Tensor, y: Tensor | None) -> float:
    with FlopCounterMode(display=False) as counter:
        network.eval()(given, y)
    return float(counter.get_total_flops())


# --- two processes --------------------------------------------------------------------------------------------------

SIZES = (50_000, 200_000, 500_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000)  # numbers of a message
PLAYED = 1_000_000  # those of the round that is predicted


def line(size: int, ends: Sequence[int], times: Sequence[float]) -> float:
    """Seconds that a latency and a pace, fitted to messages of two sizes, predict for this one."""
    return times[0] + (times[1] - times[0]) * (size - ends[0]) / (ends[1] - ends[0])


def least(act: Any, times: int = 60) -> float:
    """Seconds of the fastest of some calls, which other programs have disturbed least."""
    found = math.inf
    for _ in range(times):
        dist.barrier()
        began = time.perf_counter()
        act()
        found = min(found, time.perf_counter() - began)
    return found


def sending(n: int) -> float:
    message = torch.ones(n)
    return least(lambda: mean([message]))


def process(rank: int, place: str) -> None:
    torch.set_num_threads(1)
    keep_freed_memory()  # as a run does
    dist.init_process_group("gloo", f"file://{place}/meeting", rank=rank, world_size=2)
    taken = {n: sending(n) for n in SIZES}
    near = {  # from the sizes on both sides
        n: line(n, (a, b), (taken[a], taken[b])) for a, n, b in zip(SIZES, SIZES[1:], SIZES[2:], strict=False)
    }
    ends = SIZES[0], SIZES[-1]
    far = {n: line(n, ends, [taken[end] for end in ends]) for n in near}
    alone, message = torch.randn(600, 600), torch.ones(PLAYED)
    work = lambda: alone @ alone @ alone  # noqa: E731
    computing = least(work)

    def played() -> None:  # D's step, then G's
        for _ in range(2):
            work()
            mean([message])

    whole = least(played)
    if rank == 0:
        head = ["numbers", "taken, ms", "GB/s", "predicted from its neighbours", "from the first and the last"]
        rows = [
            [f"{n:,}", f"{1e3 * taken[n]:.2f}", f"{4e-9 * n / taken[n]:.2f}",
             *(f"{1e3 * guess[n]:.2f}" if n in guess else "" for guess in (near, far))]
            for n in SIZES
        ]  # fmt: skip
        print(table(head, rows), end="\n\n")
        predicted = 2e3 * (computing + near[PLAYED])
        print(f"a round of two steps with {PLAYED:,}: predicted {predicted:.2f} ms, taken {1e3 * whole:.2f} ms")
        print(f"load {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    dist.destroy_process_group()


def check() -> None:
    with tempfile.TemporaryDirectory() as place:
        torch.multiprocessing.spawn(process, (place,), nprocs=2)


# --- the tables -----------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        return check()
    machine, known = Machine(), games()
    head = ["", "weights of D, G", "GFLOP a sample: D, G forward", "TFLOP a round", "MB sent a round", "checkpoint, MB"]
    rows = [
        [f"{g.name}, batch {g.batch}, {g.d_steps} : 1", f"{g.d / 1e6:.1f} M, {g.g / 1e6:.1f} M",
         f"{g.d_flops / 1e9:.1f}, {g.g_flops / 1e9:.1f}", f"{g.flops * g.batch / 1e12:,.0f}",
         f"{sum(g.messages()) / 1e6:,.0f}", f"{g.checkpoint / 1e6:,.0f}"]
        for g in known
    ]  # fmt: skip
    print(table(head, rows), end="\n\n")
    for game in known:
        rows = []
        for world in (1, 8, 16, 32, 64, 128, 256, 512):
            if game.batch % world == 0:
                full, half = simulate(game, machine, world), simulate(game, machine, world, half=True)
                rows.append(
                    [f"{world}", f"{game.batch // world}", f"{1e3 * full.computing:.1f}", f"{1e3 * full.sending:.2f}",
                     f"{full.efficiency:.0%}", f"{half.efficiency:.0%}"]
                )  # fmt: skip
        head = ["GPUs", "samples a GPU", "computing, ms", "sending, ms", "efficiency", "with gradients in bf16"]
        print(f"{game.name}\n\n" + table(head, rows), end="\n\n")
    head = ["", "preempted", "checkpoint every", "written in", "share of the time lost, 3 minutes a restart"]
    rows = []
    for game in known:
        for hours in (1, 6, 24, 24 * 7):
            writing, between = game.checkpoint / machine.disk, hours * HOUR
            every = interval(writing, between)
            share = lost(writing, between, 180, every)
            rows.append([game.name, f"every {hours} h", f"{every / 60:.1f} min", f"{writing:.1f} s", f"{share:.1%}"])
    print(table(head, rows))
    return None


if __name__ == "__main__":
    main()
