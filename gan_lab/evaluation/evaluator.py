"""Evaluator: the two sets of samples that are compared, and the procedure."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import chain, count
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from gan_lab.data.module import GameData
from gan_lab.errors import UserError
from gan_lab.features.cache import remembered
from gan_lab.features.classifier import check_cache, default_cache_dir, digest
from gan_lab.features.extractors import Auto
from gan_lab.features.protocol import Classifying, Features, Lessons
from gan_lab.metrics.metric import Metric, demand
from gan_lab.metrics.pairwise import nearest
from gan_lab.metrics.samples import (
    NO_GENERATOR,
    NO_IMAGES,
    NO_LABELS,
    NO_MIXTURE,
    NO_TEST,
    NO_TEXTS,
    RealSamples,
    Samples,
    generated,
    mirrored,
    no_probabilities,
    recut,
)
from gan_lab.plots.images import picture_of
from gan_lab.sampling import Sampler, Trained, noise_of
from gan_lab.seeding import derive_seed
from gan_lab.types import Batch, Latent

VERSION = 6  # raise it with every change after which the same settings give other figures
NEIGHBOURS = 7  # real images beside each generated one
EXAM = 10_000  # real samples, at most, that features which learn are tested by


def check_use(features: Features, metrics: Mapping[str, Metric]) -> None:
    """Raise a UserError where a metric would hold features that are too many for each image to be held."""
    use = getattr(features, "only_for", None)
    others = [] if use is None else [name for name, metric in metrics.items() if use not in metric.figures]
    if others:
        raise UserError(
            f"features={features.identity}: for metric={use} alone, since they are millions of numbers for each image; "
            f"leave out {', '.join(others)}, or take other features"
        )


class Evaluator:
    """n generated samples against real ones. Everything follows from `seed`, whatever the seed of the training.

    The real samples that judge, those that features learn from, and those whose conditions a conditional generator is
    asked for, are different ones: so a perfect generator gets what n other real samples get.

    Args:
        data: of these the first `real` in an order of our own; None: n; no more than there are, and of a conditional
            generator half of them, so that conditions are left. Where the features learn, of one half of the data.
            "all": all of them. Where a number or "all" leaves fewer than n, as most published protocols do, a
            conditional generator is asked about all the data, those that judge among them.
        features: prepared here, for the data.
        metrics: what will be asked, by name: what they need is demanded before anything is computed.
        batch_size: samples at a time; no figure depends on it.
        conditional: whether the generator takes the condition of the data.
        titles: whether progress is shown.
        floor: whether there shall be as many other real samples.
        trained: the generator that is judged, for metrics that ask itself; None: they are refused, as beside a floor.
        flips: whether mirror images count as further real pictures, after all the others: they judge where there are
            fewer than `real` others.

    Raises:
        UserError: the data have no such features, or not what the metrics need, or too few samples for a floor or for
            conditions.
    """

    def __init__(
        self,
        data: GameData,
        features: Features | Auto,
        metrics: Mapping[str, Metric],
        n: int,
        real: int | Literal["all"] | None = None,
        seed: int = 0,
        batch_size: int = 250,
        device: torch.device | str = "cpu",
        conditional: bool = False,
        titles: bool = False,
        floor: bool = False,
        trained: Trained | None = None,
        flips: bool = False,
    ) -> None:
        features = features.choose(data.shape, data.has_labels) if isinstance(features, Auto) else features
        check_use(features, metrics)
        self.features, self.n, self.seed, self.batch_size = features, n, seed, batch_size
        test, school = getattr(data, "test", None), data
        if features.learns:
            school, data = data.halves()
        self.n_real, self._left = shared_out(data.available, n, real, conditional)
        self._asked = (self.n_real, self._left)  # which a conditional generator is asked about: the first, how many
        self.asks_all = conditional and real is not None and self._left < n
        if self.asks_all:
            self._asked = (0, self.n_real + self._left)
        if floor and self._left < n:
            most = self.n_real + self._left
            raise UserError(
                f"floor: needs {n} real samples beside the {self.n_real}, and there are {self._left}"
                f"{' more in the half that features do not learn from' if data.half is not None else ''}: "
                f"take {f'n={most // 2}' if real is None or most < n + 2 else f'real={most - n}'}"
            )
        self._mirrored = mirror_images(data, n, real, self.n_real) if flips else 0
        self.device, self.conditional, self.titles = device, conditional, titles
        mixture = getattr(data, "density", None)
        self._mixture = mixture if hasattr(mixture, "means") else None
        lacking = {
            "labels": None if conditional and data.num_classes is not None else NO_LABELS,
            "probabilities": None if isinstance(features, Classifying) else no_probabilities(features),
            "texts": NO_TEXTS,
            "images": None if len(data.shape) == 3 else NO_IMAGES,
            "mixture": None if self._mixture is not None else NO_MIXTURE,
            "held_out": None if test is not None else NO_TEST,
            "generator": None if trained is not None and not floor else NO_GENERATOR,
        }
        self._trained = trained
        check_cache()
        demand(metrics, {view: said for view, said in lacking.items() if said is not None})
        self._test: Batch | None = None
        if any("held_out" in metric.needs for metric in metrics.values()):
            assert test is not None
            self._test = test()
        with torch.random.fork_rng(devices=[]):
            features.prepare(data.shape, lambda: Lessons(school.labelled(), data.labelled(EXAM)))
        # What never ends is drawn in batches of a size of its own, or the samples would depend on ours.
        own = derive_seed(seed, "real samples")
        self.data = data.reordered(own) if data.size is None else data.reordered(own, batch_size)

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        """Real samples without end."""
        return recut(self.data.batches(0), self.batch_size, skip)

    def _real(self, title: str, batches: Callable[[], Iterator[Batch]], n: int, **more: Any) -> RealSamples:
        shown = title if self.titles else None
        return RealSamples(batches, self.features, n, default_cache_dir(), self.device, shown, **more)

    @cached_property
    def real(self) -> RealSamples:
        held, size = self._test, self.batch_size
        held_out = None
        if held is not None:
            parts = [Batch(x) for x in held.x.split(size)]
            held_out = self._real("held out", lambda: iter(parts), len(held.x))
        n = self.n_real + self._mirrored
        return self._real("real", self._judging, n, held_out=held_out, mixture=self._mixture, of=self.data.size)

    def _judging(self) -> Iterator[Batch]:
        return mirrored(self.batches, self.n_real) if self._mirrored else self.batches()

    @cached_property
    def another(self) -> RealSamples:
        """n other real samples: what the metrics say of them is the floor of what they say of generated ones."""
        return self._real("other real", lambda: self.batches(self.n_real), self.n)

    def floor(self, metric: Metric, settings: str, names: list[str]) -> dict[str, float]:
        """The metric's figures `names` of other real samples, from the cache if they were ever computed.

        `settings` are the metric's, in words.
        """
        contents = [self.real.content, self.another.content]
        contents += [self.real.held_out.content] if "held_out" in metric.needs else []
        key = digest([], *contents, self.features.identity, self.features.resize, settings, *names, str(VERSION))

        def make() -> Tensor:
            found = metric(self.real, self.another)
            return torch.tensor([found[name] for name in names], dtype=torch.float64)

        values = remembered(default_cache_dir() / f"floor-{key[:32]}.safetensors", make)
        return dict(zip(names, values.tolist(), strict=True))

    def fake(self, sampler: Sampler, latent: Latent) -> Samples:
        """Those of a sampler; of a conditional generator, for the conditions of real samples that do not judge them."""
        seed = derive_seed(self.seed, "evaluation")
        z = noise_of(latent, self.n, seed)

        def batches() -> Any:
            return generated(sampler, z, self.batch_size, self._others() if self.conditional else None, seed)

        title = "generated" if self.titles else None
        return Samples(batches, self.features, self.n, self.device, title, self._trained)

    def _others(self) -> Iterator[Batch]:
        """Those that a conditional generator is asked about, over again where there are fewer than n, without end."""
        start, there = self._asked
        others = Samples(lambda: self.batches(start), self.features, min(self.n, there))
        return recut(chain.from_iterable(others.chunks("conditions") for _ in count()), self.batch_size)


def shared_out(available: int | None, n: int, real: int | Literal["all"] | None, conditional: bool) -> tuple[int, int]:
    """How many samples judge, and how many are left; `available` is None where they never end.

    Raises:
        UserError: all are to judge, and they never end.
    """
    if isinstance(real, str):
        if available is None:
            raise UserError("real=all: the data never end; take a number")
        return available, 0
    if available is None:
        return real or n, sys.maxsize
    n_real = min(real or n, available // 2 if conditional and real is None else available)
    return n_real, available - n_real


def mirror_images(data: GameData, n: int, real: int | Literal["all"] | None, pictures: int) -> int:
    """How many of them judge beside so many pictures: as many as `real` leaves room for.

    Raises:
        UserError: the data are no images, or never end, so that there is no picture after which they would count.
    """
    if len(data.shape) != 3:
        raise UserError(f"flips: {NO_IMAGES}")
    if data.available is None:
        raise UserError("flips: mirror images count after all pictures, and the data never end; leave it out")
    return pictures if isinstance(real, str) else min((real or n) - pictures, pictures)


def neighbours(real: Samples, fake: Samples, rows: int) -> Tensor:
    """A picture (3, H, W) uint8 to look for copies in: generated images, each with its nearest real ones to the right.

    The rows are those of all generated images that lie nearest to a real one, in the features, the nearest first: if
    any are copies of these real images, they are.
    """
    found = nearest(fake.features, real.features, k=min(NEIGHBOURS, real.n))
    suspects = found.distances[:, 0].argsort(stable=True)[:rows]
    shown = [torch.cat([fake.images[i][None], real.images[found.indices[i]]]) for i in suspects.tolist()]
    return picture_of(torch.cat(shown), columns=len(shown[0]))


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
    sampling: str | None = None  # and its settings; None: plain
    conditions: str | None = None  # that a conditional generator is asked for; None: of others than those that judge
    flips: bool | None = None  # whether real pictures count mirrored, too
    protocol: str | None = None  # the name of the published one that this is

    @property
    def facts(self) -> dict[str, Any]:
        """All of it that there is, by name."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    @property
    def key(self) -> str:
        """`classifier-0a1b2c3d`, or `fid50k_full-0a1b2c3d`: the features or the protocol, and a digest of the whole."""
        words = json.dumps(self.facts, sort_keys=True)
        return f"{self.protocol or self.features.split()[0]}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"
