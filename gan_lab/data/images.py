"""Pictures of one's own, of any formats and sizes."""

import itertools
import math
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import torch
from PIL import Image
from torch.utils.data import DataLoader

from gan_lab.data.balance import BalancedOrder, shares_of
from gan_lab.data.decoded import Decoded
from gan_lab.data.identity import DataIdentity
from gan_lab.data.listing import description
from gan_lab.data.memory import scale
from gan_lab.data.module import GameData
from gan_lab.data.order import Order
from gan_lab.data.pictures import Pictures, collate
from gan_lab.data.pixels import DEEP_SAMPLE, FULL, MODES, Look, colour, deep, extremes, united, usual_white
from gan_lab.data.sources.choose import open_source
from gan_lab.data.sources.part import parted
from gan_lab.data.sources.source import Source
from gan_lab.data.workers import FEWER, alive, leaving_signals_to_us
from gan_lab.errors import UserError
from gan_lab.features.classifier import digest
from gan_lab.ranges import NonNegativeFloat, NonNegativeInt, PositiveInt, Rectangle
from gan_lab.types import Batch

MEMORY = 2**28  # bytes of decoded pictures that are kept by default
TESTED, TESTED_BYTES = 10_000, 2**31  # at most of what is held in memory to be tested on: pictures, bytes


class Images(GameData):
    """Pictures of any size at `root`, loaded by `workers` processes (0: this one).

    `root` is a folder, a ZIP, a .npy or .npz, HDF5, LMDB, tar shards, .parquet or .arrow files, or hf://NAME.

    What is there says how it is read, and `labels` where the classes come from (`open_source`). Each picture becomes
    bytes of the shape C x H x W as `fit`, `resample`, `background` and `range` say (`Look`), cropped in the `center` or
    at a `random` place, and with `flip` mirrored half the time. `range` auto is measured on a hundred pictures.
    Which batch holds what does not depend on `workers`.

    `balance` shows all classes equally often (classes), or by the weight of each (cat: 2, dog: 1); figures are still
    those of the set as it is.

    With `crop=center` each picture is decoded once where all of them, decoded, take at most `memory` bytes (null: 256
    MiB), or `cache` names a folder for a file of them, which later runs and other processes share (`Decoded`).

    `subset` shows so many of the pictures, drawn at random, the same ones in all runs, and holds out the others; at
    most 10,000 of these, and 2 GiB of floats, are tested on.

    A picture that cannot be read ends the run with its name, when its turn comes; `skip_corrupt` shows the next
    readable one in its place and warns once.

    Raises UserError where there are no pictures, fewer than `subset`, not `num_classes` classes (null: as many as there
    are), or pictures of 16 bits that use less than a quarter of them and no `range`.
    """

    cure = "data.skip_corrupt=true passes over it"  # what to do about a picture that cannot be read
    fewer = FEWER  # and where a process that reads them was killed

    def __init__(
        self,
        root: str,
        shape: Rectangle,
        num_classes: PositiveInt | None,
        batch_size: PositiveInt,
        seed: NonNegativeInt,
        crop: Literal["center", "random"] = "center",
        flip: bool = False,
        workers: NonNegativeInt = 2,
        skip_corrupt: bool = False,
        labels: str = "auto",
        fit: Literal["cover", "contain", "stretch"] = "cover",
        resample: Literal["lanczos", "bicubic", "bilinear", "nearest"] = "lanczos",
        background: str = "white",
        range: Literal["auto"] | tuple[float, float] | None = None,  # noqa: A002
        balance: Literal["classes"] | dict[str, NonNegativeFloat] | None = None,
        memory: NonNegativeInt | None = None,
        cache: str | None = None,
        subset: PositiveInt | None = None,
    ) -> None:
        colour(background)  # complains before anything is read
        if crop == "random" and (cache is not None or memory):
            knob = "data.cache" if cache is not None else f"data.memory={memory}"
            raise UserError(f"{knob}: keeps whole pictures, and data.crop=random shows parts; take data.crop=center")
        if cache is not None and memory:
            raise UserError(f"data.memory={memory}: data.cache keeps the pictures in a file; leave out one of the two")
        if crop == "random" and fit != "cover":
            raise UserError(f"data.crop=random: has nothing to cut off with data.fit={fit}; take data.fit=cover")
        self.source = source = open_source(root, labels)
        if num_classes not in (None, len(source.classes)):
            raise UserError(f"data.num_classes={num_classes}: {root} has its pictures in {len(source.classes)} classes")
        super().__init__(shape, len(source.classes) or None, batch_size, seed)
        if self.shape[0] not in MODES:
            raise UserError(f"data.shape={list(self.shape)}: pictures have 1 channel (grey), 3 (RGB) or 4 (RGBA)")
        look = Look(self.shape, fit, resample, background, range_of(source, range))
        self.subset, self._rest = subset, None
        if subset is not None:
            if subset > len(source.names):
                has = f"which has {len(source.names)} pictures"
                raise UserError(f"data.subset={subset}: larger than the data set, {has}")
            self.source, self._rest = parted(source, subset)
            source = self.source
        self.labels = None if source.labels is None else torch.from_numpy(source.labels)
        decoded, most = None, MEMORY if memory is None else memory
        if cache is not None:
            whole = digest([], source.stamp, repr(look))
            decoded = Decoded(len(source.names), self.shape, Path(cache, f"decoded-{whole[:32]}"), whole)
        elif crop == "center" and Decoded.bytes_of(len(source.names), self.shape) <= most:
            decoded = Decoded(len(source.names), self.shape)
        self.pictures = Pictures(source, look, crop, flip, seed, skip_corrupt, decoded)
        self.workers = workers
        self.shares = None if balance is None else shares_of(balance, self.class_names)
        self._warned: set[str] = set()

    @property
    def class_names(self) -> list[str] | None:
        return None if self.num_classes is None else self.source.classes

    @property
    def identity(self) -> DataIdentity:
        counts, labels = None, [] if self.labels is None else [self.labels]
        if self.labels is not None:
            numbers = self.labels.bincount(minlength=len(self.source.classes)).tolist()
            counts = dict(zip(self.source.classes, numbers, strict=True))
        look = self.pictures.look._replace(shape=())  # the shape is a matter of the configuration
        whole = digest(labels, self.source.digest, repr(look))
        return DataIdentity(self.size, counts, whole, self.source.digest_of)

    @property
    def found(self) -> list[str]:
        passed_over = ", ".join(description(self.source.passed_over))
        held_out = 0 if self._left_out is None else self._left_out.size
        lines = [f"held out: {held_out:,} more"] if held_out else []
        return [*super().found, *lines, *([f"passed over: {passed_over}"] if passed_over else [])]

    @property
    def size(self) -> int:
        return len(self.pictures)

    @cached_property
    def _left_out(self) -> Self | None:
        """The pictures that `subset` holds out; None where there are none."""
        if self._rest is None or not len(self._rest.names):
            return None
        other = copy(self)
        other.source, other.half, other.shares = self._rest, None, None
        other.labels = None if self._rest.labels is None else torch.from_numpy(self._rest.labels)
        other.pictures = copy(self.pictures)
        other.pictures.source, other.pictures.decoded = self._rest, None
        return other

    def unseen(self, n: int) -> Batch | None:
        """Pictures that `subset` holds out."""
        rest = self._left_out
        return None if rest is None else rest.reordered(0).take(min(n, rest.size))

    def held_out(self, n: int) -> Batch:
        """n pictures that `subset` holds out. Raises UserError where it holds out fewer."""
        found, subset = self.unseen(n), "null" if self.subset is None else self.subset
        there_are = 0 if found is None else len(found.x)
        if found is None or there_are < n:
            raise UserError(f"data.subset={subset}: leaves out {there_are} pictures, and {n} are to be held out")
        return found

    def test(self) -> Batch:
        """Pictures to be tested on, which `subset` holds out: 10,000 at most, in 2 GiB, and warns where it has more.

        Raises UserError where there are none.
        """
        rest, most = self._left_out, max(1, min(TESTED, TESTED_BYTES // (4 * math.prod(self.shape))))
        if rest is None:
            n = len(self.pictures) - 1
            raise UserError(f"data.subset: leaves out no pictures to be tested on; take data.subset=N, N up to {n}")
        if rest.size > most:
            told = f"{most:,} of the {rest.size:,} pictures that data.subset holds out are tested on"
            warnings.warn(f"{told}, which are held in memory", stacklevel=2)
        found = self.unseen(most)
        assert found is not None
        return found

    def reordered(self, seed: int, batch_size: int = 500) -> Self:
        other = super().reordered(seed, batch_size)
        other.pictures = copy(self.pictures)
        other.pictures.seed = seed  # of the crops
        other.shares = None
        return other

    def order(self, samples: int) -> Order:
        order = super().order(samples)
        if self.shares is None or self.labels is None:
            return order
        labels, place = self.labels if order.numbers is None else self.labels[order.numbers], self.rank_and_world
        return BalancedOrder(labels, self.shares, self.batch_size, self.seed, *place, numbers=order.numbers)

    def setup(self, stage: str) -> None:
        self.order(len(self.pictures))  # complains before the first round rather than in it

    def batches(self, start: int) -> Iterator[Batch]:
        order = self.order(len(self.pictures))
        loader = DataLoader(
            self.pictures,
            batch_sampler=Keys(order, start),
            collate_fn=collate,
            num_workers=self.workers,
            generator=torch.Generator(),  # or the loader would draw from the global one
        )
        with leaving_signals_to_us():
            loaded = alive(iter(loader), self.fewer)
        with closing(loaded):  # an error's traceback would keep it, and its workers, until it is forgotten
            for pixels, indices, failures in loaded:
                self._report(failures, fatal=pixels is None)
                yield Batch(scale(pixels), None if self.labels is None else self.labels[indices])

    def _report(self, failures: list[str], fatal: bool) -> None:
        if fatal:
            advice = "no picture is readable" if self.pictures.skip_corrupt else self.cure
            raise UserError(f"{failures[0]}; {advice}")
        for failure in failures:
            if failure not in self._warned:
                self._warned.add(failure)
                warnings.warn(f"{failure}; another takes its place", stacklevel=3)


class Keys:
    """What to load for the batches from number `start` on: (sample, position) pairs, batch by batch."""

    def __init__(self, order: Order, start: int) -> None:
        self.order, self.start = order, start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for batch in itertools.count(self.start):
            yield list(zip(self.order.indices(batch).tolist(), self.order.positions(batch), strict=True))


def range_of(source: Source, stated: Literal["auto"] | tuple[float, float] | None) -> tuple[float, float] | None:
    """What is to become 0 and 255 of pictures with more than 8 bits.

    Raises UserError where it is empty, or not stated and pictures of 16 bits would come out nearly black.
    """
    if stated is not None and stated != "auto":
        low, high = stated
        if not low < high:
            raise UserError(f"data.range=[{low:g},{high:g}]: the first number must be below the second")
        return low, high
    found = united(map(extremes, sampled(source)))
    if found is None:
        if stated == "auto":
            raise UserError("data.range=auto: all pictures have 8 bits, which need no range; leave it out")
        return None
    low, high, sixteen = found
    if stated == "auto":
        if low == high:
            raise UserError(f"data.range=auto: all pixels of the sample are {low:g}; state it, data.range=[low,high]")
        return low, high
    usual = usual_white(high)
    if sixteen and usual < FULL:
        raise UserError(
            f"data.root={source.root}: pictures of 16 bits whose values end at {high:g} would be nearly black; "
            f"data.range=[0,{usual:g}] stretches them, data.range=[0,65535] keeps them"
        )
    return None


def sampled(source: Source) -> Iterator[Image.Image]:
    """At most a hundred of the pictures that can be opened, from first to last."""
    for index in range(0, len(source.names), max(1, math.ceil(len(source.names) / DEEP_SAMPLE))):
        with suppress(Exception), source.open(index) as image:
            if deep(image):
                image.load()
            yield image
