"""What a GPU says of the lab: its pace beside a bare loop, by precision, layout and compilation, and what it waits for.

    python benchmarks/gpu.py [--device cuda] [--minutes 6] [--only DCGAN-64 ...] [--quick] [--out gpu]

Needs the lab, PyTorch and `by_hand.py` beside it; data are noise. Each row is played for itself; one that fails says
why. Prints the table, and writes OUT.md and OUT.json. `--device cpu --quick` goes through all that a CPU has, with tiny
networks.
"""

import argparse
import gc
import json
import os
import platform
import statistics
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cache, partial
from io import StringIO
from pathlib import Path
from typing import Any

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic products want

import pytorch_lightning as pl
import torch
from by_hand import Bare
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from gan_lab.config.compose import compose_experiment
from gan_lab.data.module import GameData
from gan_lab.experiment.build import build
from gan_lab.experiment.run import play
from gan_lab.io.checkpoint import LAST, PlainCheckpointIO
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch

WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")
PROFILED = 3  # rounds
CAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class Noise(GameData):
    """Images of uniform noise, the same few batches over and over: data that take no time."""

    def batches(self, start: int) -> Iterator[Batch]:
        draw = torch.Generator().manual_seed(derive_seed(self.seed, "noise"))
        kept = [torch.rand(self.batch_size, *self.shape, generator=draw) * 2 - 1 for _ in range(4)]
        while True:
            yield Batch(kept[start % 4])
            start += 1


@dataclass(frozen=True)
class Workload:
    """A game in words of the command line; `narrow` makes its networks tiny.

    The bare loop has its networks, loss, R1 and R2, optimiser settings, steps of D and average.
    """

    size: int
    batch: int
    overrides: tuple[str, ...]
    narrow: tuple[str, ...]
    colours: int = 3


_BOTH = ("model.generator.width=4", "model.discriminator.width=4")
WORKLOADS = {
    "default run": Workload(8, 64, (), ("model.width=4", "model.dense=8"), colours=1),
    "DCGAN-64": Workload(64, 128, ("model=dcgan", "latent.dim=100"), ("model.width=4",)),
    "SN-ResNet-32": Workload(
        32, 64, ("model=sn_resnet", "latent.dim=128", "loss=hinge", "update.d_steps=5", "optimizer.betas=[0.0,0.9]"),
        (*_BOTH, "update.d_steps=1"),
    ),
    "StyleGAN2-64": Workload(
        64, 32,
        ("model=stylegan2", "latent.dim=512", "term@d_terms=[r1]", "d_terms.r1.every=16", "model.generator.mixing=0.0",
         "optimizer.lr=2.5e-3", "optimizer.betas=[0.0,0.99]"),
        ("model.width=4", "model.max_width=8", "model.generator.dim=8", "model.generator.mapping=2"),
    ),
    "R3GAN-32": Workload(
        32, 256, ("model=r3gan", "latent.dim=64", "loss=relativistic", "term@d_terms=[r1,r2]",
                  "optimizer.betas=[0.0,0.9]"),
        ("model.width=4", "model.group_width=4"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One way to play a workload."""

    name: str
    precision: str = "fp32"
    overrides: tuple[str, ...] = ()
    bare: bool = False
    graphs: bool = False
    cuda: bool = False  # needs a GPU
    only: tuple[str, ...] = tuple(WORKLOADS)


LAST_ = ("gan.channels_last=true",)
FUSED = ("optimizer.fused=true",)
PLAIN = ("DCGAN-64", "R3GAN-32")  # where compilation is tried, which takes long
ROWS = [
    Row("lab fp32"),
    Row("bare fp32", bare=True),
    Row("lab bf16", "bf16"),
    Row("bare bf16", "bf16", bare=True),
    Row("lab fp16", "fp16", cuda=True),
    Row("bare fp16", "fp16", bare=True, cuda=True),
    Row("lab fp32, fused", overrides=FUSED),
    Row("lab fp32, channels_last", overrides=LAST_),
    Row("lab bf16, channels_last", "bf16", LAST_),
    Row("bare bf16, CUDA graph", "bf16", bare=True, graphs=True, cuda=True, only=("default run", "DCGAN-64")),
    Row("lab bf16, compile", "bf16", ("gan.compile=true",), cuda=True, only=PLAIN),
    Row("lab bf16, reduce-overhead", "bf16", ("gan.compile=reduce-overhead",), cuda=True, only=("default run", *PLAIN)),
]


@dataclass
class Found:
    """What was measured of one row."""

    blocks: list[float] = field(default_factory=list)  # seconds of a round
    images: int = 0  # a batch
    memory: float | None = None  # most MiB on the device
    allocations: float | None = None  # of a round, that the device's driver was asked for
    waits: dict[str, float] = field(default_factory=dict)  # of a round, by their kind
    where: dict[str, int] = field(default_factory=dict)  # lines that waited, in the profiled rounds
    kernels: float | None = None  # their share of the time, in the profiled rounds
    scales: dict[str, float] = field(default_factory=dict)  # of the players' losses, in half precision

    def line(self) -> list[str]:
        least, median = min(self.blocks), statistics.median(self.blocks)
        return [
            f"{1e3 * median:.2f}", f"{1e3 * least:.2f}", f"{self.images / median:,.0f}",
            "" if self.memory is None else f"{self.memory:,.0f}",
            "" if self.allocations is None else f"{self.allocations:.1f}",
            "" if self.memory is None else f"{sum(self.waits.values()):.1f}",
            "" if self.kernels is None else f"{self.kernels:.0%}",
            " ".join(f"{name} {value:.0f}" for name, value in self.scales.items()),
        ]  # fmt: skip


# --- measuring ------------------------------------------------------------------------------------------------------


def meter(found: Found, device: torch.device, seconds: float, warm: int, block: int) -> Generator[None]:
    """Yields before each round, and ends when enough of them were seen: some to warm up, blocks, and profiled ones."""
    cuda = device.type == "cuda"
    wait: Callable[[], None] = torch.cuda.synchronize if cuda else lambda: None
    clock = time.perf_counter if cuda else time.process_time  # without what other programs take
    for _ in range(warm):
        yield
    wait()
    if cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_stats()["num_device_alloc"]
    end = time.perf_counter() + seconds
    while not found.blocks or (time.perf_counter() < end and len(found.blocks) < 50):
        began = clock()
        for _ in range(block):
            yield
        wait()
        found.blocks.append((clock() - began) / block)
    if cuda:
        # What is reserved: of the pool of a CUDA graph nothing counts as allocated once it is captured.
        found.memory = torch.cuda.max_memory_reserved() / 2**20
        asked = torch.cuda.memory_stats()["num_device_alloc"] - before
        found.allocations = asked / (block * len(found.blocks))
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if cuda:
            torch.cuda.set_sync_debug_mode("warn")
        began = time.perf_counter()
        with profile(activities=activities) as seen:
            for _ in range(PROFILED):
                yield
            wait()
        spent = time.perf_counter() - began
        if cuda:
            torch.cuda.set_sync_debug_mode("default")
    if cuda:
        found.waits = {key: count / PROFILED for key, count in (waits_of(seen) - own_waits()).items()}
    found.where = dict(Counter(f"{w.filename}:{w.lineno}" for w in told if "called a synchronizing" in str(w.message)))
    events = seen.key_averages()
    kernels = [event.self_device_time_total for event in events if is_kernel(event)]
    busy = sum(kernels) if cuda else sum(event.self_cpu_time_total for event in events)
    found.kernels = busy / 1e6 / spent


def waits_of(seen: profile) -> Counter[str]:
    """How often the host waited for the device, by the call."""
    return Counter({event.key: event.count for event in seen.key_averages() if event.key in WAITS})


@cache
def own_waits() -> Counter[str]:
    """What the measurement itself waits for: of a profile in which nothing is played."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        torch.cuda.synchronize()
    return waits_of(seen)


def is_kernel(event: Any) -> bool:
    """Whether this is work on the device: no span that was named by hand, no copy, no filling with zeros."""
    copies = event.key.startswith(("Memcpy", "Memset"))
    return event.device_type is DeviceType.CUDA and not event.is_user_annotation and not copies


class Done(BaseException):
    """All is seen; nothing is saved."""


class Watch(pl.Callback):
    """Has the meter see each round of a run."""

    def __init__(self, rounds: Generator[None], found: Found) -> None:
        self.rounds, self.found = rounds, found

    def on_train_batch_start(self, trainer: Any, gan: Any, *_: Any) -> None:
        try:
            next(self.rounds)
        except StopIteration:
            players = [player for player in (gan.d, gan.g) if player.scale is not None]
            self.found.scales = {player.name: player.scale.value for player in players}
            raise Done from None


def configured(workload: Workload, directory: Path, quick: bool, *overrides: str) -> Any:
    size, batch = workload.size, 4 if quick else workload.batch
    config = compose_experiment(
        ["data=digits", f"data.image_size={size}", "data.num_classes=null", f"data.batch_size={batch}",
         "rounds=1000000", *workload.overrides, *(workload.narrow if quick else ()), *overrides], directory,
    )  # fmt: skip
    config.data.shape = [workload.colours, size, size]
    config.data.module = {
        "_target_": f"{__name__}.Noise", "shape": config.data.shape, "num_classes": None, "batch_size": batch,
        "seed": 0,
    }  # fmt: skip
    return config


def on(device: torch.device) -> str:
    return "trainer=gpu" if device.type == "cuda" else "trainer=cpu"


def by_lab(config: Any, rounds: Generator[None], found: Found) -> None:
    """The lab's own command, with its default callbacks."""
    with redirect_stdout(StringIO()):
        try:
            play(config, callbacks=[Watch(rounds, found)])
        except Done:
            return


def by_bare_loop(config: Any, row: Row, rounds: Generator[None], device: torch.device) -> None:
    gan, data = build(config)
    loop = Bare(gan, data, config, device, CAST[row.precision])
    play_round = loop.graphed() if row.graphs else loop.round
    for _ in rounds:
        play_round()


# --- the table ------------------------------------------------------------------------------------------------------


def measured(name: str, row: Row, device: torch.device, quick: bool, seconds: float) -> Found:
    found = Found(images=4 if quick else WORKLOADS[name].batch)
    rounds = meter(found, device, seconds, *((1, 1) if quick else (10, 5)))
    with tempfile.TemporaryDirectory() as directory:
        how = [on(device), f"trainer.precision={PRECISION[row.precision]}"]
        how += [] if row.bare else ["callbacks.progress=null"]
        config = configured(WORKLOADS[name], Path(directory), quick, *how, *row.overrides)
        try:
            if row.bare:
                by_bare_loop(config, row, rounds, device)
            else:
                by_lab(config, rounds, found)
        finally:
            rounds.close()  # a failing round leaves the profile that it is in
    return found


def resumes(device: torch.device) -> str:
    """Whether a run that was stopped ends with the bits of one that was not, at `trainer.deterministic=true`."""
    workload = WORKLOADS["DCGAN-64"]

    def run(directory: Path, rounds: int) -> None:
        how = [on(device), "+trainer.deterministic=true", "callbacks=[checkpoint]"]
        config = configured(workload, directory, True, *how)
        config.rounds = rounds
        config.resume = str(directory) if (directory / "config.yaml").exists() else None
        with redirect_stdout(StringIO()):
            play(config)

    with tempfile.TemporaryDirectory() as place:
        whole, halves = Path(place, "whole"), Path(place, "halves")
        run(whole, 6)
        run(halves, 3)
        run(halves, 6)
        read = PlainCheckpointIO().load_checkpoint
        one, other = (read(path / "checkpoints" / LAST)["state_dict"] for path in (whole, halves))
    differing = [key for key, value in one.items() if not torch.equal(value, other[key])]
    return f"differs in {len(differing)} of {len(one)} tensors" if differing else "to the bit"


def attempt(what: Callable[[], Any]) -> Any:
    """What it gives, or why it does not, in a line."""
    try:
        return what()
    except Exception as error:
        return f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0][:200]}"
    finally:
        torch._dynamo.reset()
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("default")
            gc.collect()  # players refer to each other, and what they hold is not free before
            torch.cuda.empty_cache()


def machine(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    return {"device": name, "torch": torch.__version__, "cuda": torch.version.cuda, "python": platform.python_version()}


HEAD = [
    "", "ms a round: median", "least", "images/s", "MiB at most", "cudaMalloc a round", "waits a round",
    "kernels' share", "loss scales",
]  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--minutes", type=float, default=6.0, help="after which no further row is begun")
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--quick", action="store_true", help="tiny networks, one block of one round")
    parser.add_argument("--out", default="gpu")
    given = parser.parse_args(arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device here; --device cpu --quick tries the code without one")
    device, end = torch.device(given.device), time.monotonic() + 60 * given.minutes
    rows = [(name, row) for row in ROWS for name in given.only if name in row.only]
    data: dict[str, Any] = {**machine(device), "resume": attempt(lambda: resumes(device)), "rows": {}}
    lines = [f"{data['device']}, torch {data['torch']}; resumes {data['resume']}", ""]
    lines += ["| " + " | ".join(HEAD) + " |", "| " + " | ".join("---" for _ in HEAD) + " |"]
    print("\n".join(lines), flush=True)
    for done, (name, row) in enumerate(rows):
        left = end - time.monotonic()
        seconds = 0.0 if given.quick else min(3.0, max(0.5, 0.4 * left / (len(rows) - done)))
        if row.cuda and device.type != "cuda":
            found: Any = "skipped: needs CUDA"
        elif left < 10 and not given.quick:
            found = "skipped: no time is left"
        else:
            found = attempt(partial(measured, name, row, device, given.quick, seconds))
        told = found.line() if isinstance(found, Found) else [found]
        lines.append("| " + " | ".join([f"{name}: {row.name}", *told]) + " |")
        print(lines[-1], flush=True)
        data["rows"][f"{name}: {row.name}"] = vars(found) if isinstance(found, Found) else found
        Path(f"{given.out}.md").write_text("\n".join(lines) + "\n")
        Path(f"{given.out}.json").write_text(json.dumps(data, indent=1))


if __name__ == "__main__":
    from gpu import main as played  # under a name of its own, by which its data are found

    played()
