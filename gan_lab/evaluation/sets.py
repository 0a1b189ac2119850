"""Two sets of samples that are compared with each other, whoever made them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image, ImageOps

from gan_lab.data.images import Images
from gan_lab.data.pixels import Look, deep
from gan_lab.data.sources.choose import open_source
from gan_lab.data.sources.labels import captions_of
from gan_lab.errors import UserError
from gan_lab.evaluation.statistics import Statistics
from gan_lab.features.classifier import check_cache, default_cache_dir
from gan_lab.features.extractors import Auto
from gan_lab.features.protocol import Classifying, Features, Lessons, Reading
from gan_lab.metrics.distances import gaussian
from gan_lab.metrics.metric import Metric, demand
from gan_lab.metrics.samples import (
    NO_GENERATOR,
    NO_IMAGES,
    NO_TEXTS,
    RealSamples,
    first,
    no_probabilities,
    reads_no_texts,
)
from gan_lab.types import Batch

WORKERS, FEW = 2, 1000  # processes that read pictures, where there are more than so many
SAME = 0.1  # the share of held-out pictures that may be among those that were learnt from
CHANNELS = 3  # in which pictures are compared: grey ones have three equal channels
LOSSY = (".jpg", ".jpeg", ".jfif")
UNLIKE = "needs classes: the same sub-folders in both sets"
NO_DATA = "needs the data of a run; evaluate the run by itself, gan-lab evaluate RUN_DIR"
NO_HELD_OUT = "needs real pictures that the generator has not learnt from, held_out=FOLDER"


class SampleSet(NamedTuple):
    """Samples in a fixed order.

    Attributes:
        name: where they come from, for messages.
        shape: of one.
        n: how many are compared.
        batches: them from the first on, the same at each call; `y` is their class, where they have one.
        classes: the names of the classes; None where they have none.
        lossy: the share of files in a format that loses detail, such as JPEG.
        sampling: how a generator draws them, and its settings; None: plainly, or they are not generated.
        texts: what each of them is to show; None: nothing is said.
    """

    name: str
    shape: tuple[int, ...]
    n: int
    batches: Callable[[], Iterator[Batch]]
    classes: list[str] | None = None
    lossy: float = 0.0
    sampling: str | None = None
    texts: list[str] | None = None


class AsItIs(Look):
    """Pictures of one size already: others are refused, and none is resized."""

    __slots__ = ()

    def bytes_of(self, image: Image.Image, u: float, v: float) -> Image.Image:
        upright, (height, width) = ImageOps.exif_transpose(image), self.shape[1:]
        if upright.size != (width, height):
            raise ValueError(
                f"{upright.height} x {upright.width} pixels, where the first one has {height} x {width}; "
                f"image_size=[{height},{width}] resizes all"
            )
        return super().bytes_of(upright, u, v)


def pictures(
    path: Path,
    image_size: tuple[int, int] | None,
    n: int | None,
    seed: int,
    batch_size: int,
    captions: Path | None = None,
    range: tuple[float, float] | None = None,  # noqa: A002
) -> SampleSet:
    """Pictures in a folder, ZIP, array or database: the first n in an order that follows from `seed`, or all.

    `image_size` (height, width) resizes them, as training does; None: all must have the size of the first one.
    `captions` is a list of what each of them is to show; `range` is that of pictures with more than 8 bits (`Images`).

    Raises:
        UserError: there are none, or fewer than n, or a text or a picture stands alone.
    """
    data = Images(str(path), (CHANNELS, *(image_size or _first_size(path))), None, 1, seed, workers=0, range=range)
    data.cure, data.fewer = "mend it, or take it away", "lower batch_size"
    data.workers = WORKERS if data.size > FEW else 0
    if image_size is None:
        data.pictures.look = AsItIs(*data.pictures.look)
    if n is not None and n > data.size:
        raise UserError(f"{path}: has {data.size} pictures, fewer than the {n} that are asked for")
    ordered = data.reordered(seed, min(batch_size, data.size))
    lossy = sum(name.lower().endswith(LOSSY) for name in data.source.names) / data.size
    n = n or data.size
    texts = None
    if captions is not None:
        written = captions_of(captions, data.source.names)
        order = ordered.order(data.size)
        texts = [written[i] for i in islice(chain.from_iterable(order.indices(b).tolist() for b in count()), n)]
    batches = partial(ordered.batches, 0)
    return SampleSet(str(path), data.shape, n, batches, data.class_names, lossy, texts=texts)


def _first_size(path: Path) -> tuple[int, int]:
    """Height and width of the first picture. Raises UserError where it cannot be read."""
    source = open_source(str(path), "none")
    try:
        with source.open(0) as image:
            upright = ImageOps.exif_transpose(image)
    except Exception as error:
        raise UserError(f"{source.path(0)}: not a readable picture ({' '.join(str(error).split())})") from error
    return upright.height, upright.width


def has_deep_pictures(path: Path) -> bool:
    """Whether one of the pictures in a folder, ZIP, array or database has more than 8 bits a channel."""
    source = open_source(str(path), "none")
    for index in range(len(source.names)):
        with suppress(Exception), source.open(index) as image:  # what is not readable is told where it is read
            if deep(image):
                return True
    return False


def check_not_in(real: SampleSet, held_out: SampleSet) -> None:
    """Raises UserError where more than a tenth of the held-out samples are among the real ones, to the bit.

    Sets that were divided honestly may share a few, which were there twice.
    """

    def prints(of: SampleSet) -> list[int]:
        return [hash(x.numpy().tobytes()) for batch in first(of.batches(), of.n) for x in batch.x]

    known = {*prints(real)}
    same = sum(one in known for one in prints(held_out))
    if same > SAME * held_out.n:
        raise UserError(
            f"held_out={held_out.name}: {same} of its {held_out.n} pictures are in {real.name}, too, and so not held "
            "out; name others"
        )


def prepared(features: Features | Auto, shape: tuple[int, ...]) -> Features:
    """Features for samples of this shape, ready.

    Raises:
        UserError: they learn from the data of a run, or there are none for this shape.
    """
    chosen = features.choose(shape, False) if isinstance(features, Auto) else features
    if chosen.learns:
        raise UserError("features=classifier: learns from the data of a run; take efficientnet_lite0 or inception")

    def no_lessons() -> Lessons:
        raise UserError("features: learn from the data of a run")

    with torch.random.fork_rng(devices=[]):
        chosen.prepare(shape, no_lessons)
    return chosen


def compare_sets(
    fake: SampleSet,
    real: SampleSet,
    features: Features,
    metrics: Mapping[str, Metric],
    device: str,
    held_out: SampleSet | None = None,
) -> tuple[RealSamples, RealSamples]:
    """Both sets as metrics see them, `real` first. Their features are kept, by their content.

    `held_out`: other real samples, where `real` are those that a generator has learnt from.

    Raises:
        UserError: they have different shapes, or a metric needs what they have not.
    """
    for one in (fake, *([held_out] if held_out else [])):
        if one.shape != real.shape:
            height, width = real.shape[1:] if len(real.shape) == 3 else (0, 0)
            cure = f"; image_size=[{height},{width}] resizes both" if len(real.shape) == len(one.shape) == 3 else ""
            raise UserError(f"{one.name} has samples {list(one.shape)}, and {real.name} {list(real.shape)}{cure}")
    unread = None if isinstance(features, Reading) else reads_no_texts(features)
    lacking = {
        "labels": None if real.classes and fake.classes == real.classes else UNLIKE,
        "probabilities": None if isinstance(features, Classifying) else no_probabilities(features),
        "texts": NO_TEXTS if fake.texts is None else unread,
        "images": None if len(real.shape) == 3 else NO_IMAGES,
        "mixture": NO_DATA,
        "held_out": NO_HELD_OUT if held_out is None else None,
        "generator": NO_GENERATOR,
    }
    check_cache()
    demand(metrics, {view: said for view, said in lacking.items() if said is not None})
    if fake.texts and isinstance(features, Reading) and any("texts" in metric.needs for metric in metrics.values()):
        features.read(fake.texts[:1])  # what it lacks for that shows before the images are read
    others = None if held_out is None else _seen(held_out, features, device)
    return _seen(real, features, device, others), _seen(fake, features, device)


def compression(fake: SampleSet, real: SampleSet) -> list[str]:
    """What to say where one set was compressed with loss and the other was not: it moves every figure."""
    if round(fake.lossy, 1) == round(real.lossy, 1):
        return []
    shares = [f"{100 * one.lossy:.0f} % of the files in {one.name}" for one in (fake, real)]
    return [f"{shares[0]} are JPEG, and {shares[1]}: compression alone moves the figures; save both without loss"]


def _seen(of: SampleSet, features: Features, device: str, held_out: RealSamples | None = None) -> RealSamples:
    cache = default_cache_dir()
    return RealSamples(of.batches, features, of.n, cache, device, of.name, held_out, texts=of.texts)


def statistics_of(of: SampleSet, features: Features, device: str) -> Statistics:
    """Mean and covariance of the features of a set.

    Raises:
        UserError: there are fewer than two samples.
    """
    if of.n < 2:
        raise UserError(f"{of.name}: a covariance needs two samples or more, and there is {of.n}")
    mean, root = gaussian(_seen(of, features, device).features)
    return Statistics(mean, root, space(features), of.n)


def space(features: Features) -> str:
    """What two sets' features must have in common: the network with its weights, and the resizing."""
    return f"{features.identity}, {features.resize}"


def check_same_space(statistics: Statistics, other: Statistics, names: tuple[str, str]) -> None:
    """Raises UserError where the two are not of the same features, as far as they say."""
    if len(statistics.mean) != len(other.mean):
        raise UserError(
            f"{names[0]} has {len(statistics.mean)} features, and {names[1]} {len(other.mean)}: not the same network"
        )
    if statistics.features and other.features and statistics.features != other.features:
        raise UserError(f"{names[0]} is of {statistics.features}, and {names[1]} of {other.features}")
