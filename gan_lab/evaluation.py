"""The two sets that an evaluation compares, and the procedure by which it does: one for all runs, at any time."""

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gan_lab.data.module import GameData
from gan_lab.metrics.classifier import default_cache_dir
from gan_lab.metrics.samples import Features, RealSamples, Samples, generated
from gan_lab.seeds import derive_seed
from gan_lab.types import Latent

VERSION = 1  # raise it with every change after which the same settings give other figures


class Evaluation:
    """n generated samples against real ones. Everything follows from `seed`, whatever the seed of the training.

    Args:
        data: of these the first `real` in an order of our own; None: n; no more than there are.
        features: prepared here, for the data.
        batch_size: samples at a time; no figure depends on it.
        titles: whether progress is shown.

    Raises:
        UserError: the data have no such features.
    """

    def __init__(
        self,
        data: GameData,
        features: Features,
        n: int,
        real: int | None = None,
        seed: int = 0,
        batch_size: int = 250,
        device: torch.device | str = "cpu",
        titles: bool = False,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            features.prepare(data.shape, data.labelled)
        self.features, self.n, self.seed, self.batch_size = features, n, seed, batch_size
        wanted, size = real or n, data.size
        self.n_real = wanted if size is None else min(wanted, size)
        self.data = data.reordered(derive_seed(seed, "real samples"), batch_size)
        self.device, self.titles = device, titles

    @cached_property
    def real(self) -> RealSamples:
        title = "real" if self.titles else None
        batches = lambda: self.data.batches(0)  # noqa: E731
        return RealSamples(batches, self.features, self.n_real, default_cache_dir(), self.device, title)

    def fake(
        self, sample: Callable[[Tensor, Tensor | None], Tensor], latent: Latent, conditional: bool = False
    ) -> Samples:
        """Those of a generator; of a conditional one, for the conditions of the data as they come."""
        z = latent.sample(self.n, torch.Generator().manual_seed(derive_seed(self.seed, "evaluation")))

        def batches() -> Any:
            return generated(sample, z, self.batch_size, self.data.batches(0) if conditional else None)

        return Samples(batches, self.features, self.n, self.device, "generated" if self.titles else None)


class Procedure(NamedTuple):
    """All that two figures must have in common to be compared. It goes with every one of them."""

    features: str
    resize: str
    n: int
    n_real: int
    seed: int
    split: str
    weights: str
    data: str  # of the real samples, by their content
    metric: str  # its settings
    version: int = VERSION

    @property
    def key(self) -> str:
        """`classifier-0a1b2c3d`: the features, and a digest of the whole."""
        words = json.dumps(self._asdict(), sort_keys=True)
        return f"{self.features.split()[0]}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"
