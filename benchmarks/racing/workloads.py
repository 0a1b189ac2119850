"""What is raced: four games, each as the lab is told to play it and as the other loops are."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import nn

from racing import networks


@dataclass(frozen=True)
class Workload:
    """A game in words of the lab's command line, and by hand.

    overrides: of the lab.
    shape, batch: of one sample; how many there are in a batch.
    networks: makes D and G, of plain torch, with the lab's architectures.
    gamma: weight of R1 and of R2.
    ema: decay of G's average.
    latent_dim, uniform: of z, standard normal or, where that is given, uniform within +-`uniform`.
    optimizers: keywords of each player's optimiser: Adam, or where there is a momentum SGD.
    simultaneous: one pass for both players, and not one after the other.
    reuse: G's step has the samples of D's.
    variants: other ways to play it that are raced, too, by the lab's overrides.
    channels_last: of the bare loop's networks; the lab's are told by an override.
    rounds, blocks: of a timed block; how many of those.
    """

    overrides: tuple[str, ...]
    shape: tuple[int, ...]
    batch: int
    networks: Any
    latent_dim: int
    rounds: int
    blocks: int
    uniform: float | None = None
    gamma: float = 0.0
    ema: float = 0.999
    optimizers: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {p: {"lr": 2e-4, "betas": (0.5, 0.999)} for p in "dg"}
    )
    simultaneous: bool = False
    reuse: bool = False
    channels_last: bool = False
    variants: dict[str, list[str]] = field(default_factory=dict)

    def players(self) -> tuple[nn.Module, nn.Module]:
        return self.networks()


FUSED = ["optimizer.fused=true"]
AFRESH = ["update=alternating"]

WORKLOADS = {
    "ring": Workload(
        overrides=("experiment=ring",),
        shape=(2,), batch=256, latent_dim=2, networks=networks.mlp,
        gamma=0.01, optimizers={p: {"lr": 1e-3, "betas": (0.0, 0.99)} for p in "dg"},
        rounds=50, blocks=20, variants={"simultaneous": ["update=simultaneous"], "not fused": ["optimizer.fused=null"]},
    ),
    "mnist_2014": Workload(
        overrides=("experiment=goodfellow2014_mnist",),
        shape=(1, 28, 28), batch=100, latent_dim=100, uniform=3**0.5, networks=networks.mlp_2014,
        ema=0.9999, optimizers={"d": {"lr": 0.05, "momentum": 0.5}, "g": {"lr": 0.1, "momentum": 0.5}},
        simultaneous=True, rounds=25, blocks=20, variants={"alternating": ["update=alternating"], "fused SGD": FUSED},
    ),
    "dcgan_28": Workload(
        overrides=("experiment=dcgan_mnist", "data.batch_size=64"),
        shape=(1, 28, 28), batch=64, latent_dim=100, uniform=1.0, networks=partial(networks.dcgan, (1, 28, 28)),
        reuse=True, rounds=4, blocks=12,
        variants={"simultaneous": ["update=simultaneous"], "fakes afresh for G": AFRESH, "fused Adam": FUSED},
    ),
    "dcgan_64": Workload(
        overrides=("data=photographs", "data.image_size=64", "data.batch_size=64", "model=dcgan", "latent.dim=100",
                   "gan.channels_last=true", "update=shared_fakes"),
        shape=(3, 64, 64), batch=64, latent_dim=100, networks=partial(networks.dcgan, (3, 64, 64)),
        reuse=True, rounds=1, blocks=10, channels_last=True,
        variants={"simultaneous": ["update=simultaneous"], "fakes afresh for G": AFRESH, "fused Adam": FUSED},
    ),
}  # fmt: skip
