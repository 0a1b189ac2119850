"""Survey of pictures: sizes, modes, duplicates, and what is unusual or wrong."""

import hashlib
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch.utils.data import Dataset
from tqdm import tqdm

from gan_lab.data.listing import description
from gan_lab.data.parallel import in_order
from gan_lab.data.pixels import Extremes, deep, extremes, sixteen_bits, united
from gan_lab.data.sources.source import Source

UPRIGHT = 1  # EXIF's orientation of a picture that need not be turned
EXAMPLES = 3  # names after a count
SHOWN = 60  # pictures whose facts are kept, from first to last
MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "PA": "palette with alpha",
    "I": "grey of 32 bits",
    "F": "float",
}


class Facts(NamedTuple):
    """What one picture is; of one that cannot be read, only the failure.

    Attributes:
        size: width and height, as it is seen.
        mode: its channels and bits, in words.
        format: of its file; empty where it has none of its own.
        turned: its EXIF data say so.
        transparent: some of its pixels are.
        animated: it has more than one frame, or page.
        range: the least and the greatest value, and whether it has 16 bits; None: 8 bits a channel.
        digest: of the pixels as they are seen, whatever the format.
    """

    number: int
    failure: str = ""
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    format: str = ""
    turned: bool = False
    transparent: bool = False
    animated: bool = False
    range: Extremes | None = None
    digest: bytes = b""


class Judged(Dataset[Facts]):
    """The facts of each picture of a source."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source.names)

    def __getitem__(self, index: int) -> Facts:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, of what the facts say or does not matter
                with self.source.open(index) as image:
                    return facts_of(index, image)
        except UnidentifiedImageError:
            return Facts(index, "of no format that Pillow reads")
        except Exception as why:
            return Facts(index, " ".join(str(why).split()) or type(why).__name__)


def facts_of(index: int, image: Image.Image) -> Facts:
    """Facts of an opened picture. An exception says why it cannot be read."""
    form, animated = image.format or "", bool(getattr(image, "is_animated", False)) and image.format != "MPO"
    sixteen, mode = sixteen_bits(image), image.mode
    turned = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) in range(2, 9)
    image.load()
    values = extremes(image)
    transparent = image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema()[0] != 255
    image = ImageOps.exif_transpose(image)
    if not deep(image):
        image = image.convert("RGBA" if transparent else "RGB")
    digest = hashlib.blake2b(f"{image.mode} {image.size}".encode(), digest_size=16)
    digest.update(image.tobytes())
    words = "grey of 16 bits" if sixteen else MODES.get(mode, mode)
    return Facts(index, "", image.size, words, form, turned, transparent, animated, values, digest.digest())


@dataclass
class Survey:
    """What is known of the pictures of a source that were looked at; indices are the source's."""

    source: Source
    seen: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    example: dict[tuple[int, int], int] = field(default_factory=dict)  # the first picture of each size
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    shown: list[Facts] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    misnamed: dict[int, str] = field(default_factory=dict)  # what they are
    turned: list[int] = field(default_factory=list)
    transparent: list[int] = field(default_factory=list)
    animated: list[int] = field(default_factory=list)
    range: Extremes | None = None  # of all with more than 8 bits
    copies: dict[int, list[int]] = field(default_factory=dict)  # of the first one with these pixels
    _first: dict[bytes, int] = field(default_factory=dict)

    @property
    def readable(self) -> int:
        return self.seen - len(self.failures)

    def add(self, facts: Facts) -> None:
        self.seen += 1
        index = facts.number
        if facts.failure:
            self.failures[index] = facts.failure
            return
        self.sizes[facts.size] += 1
        self.example.setdefault(facts.size, index)
        self.modes[facts.mode] += 1
        self.formats.update(filter(None, [facts.format]))
        if not says(self.source.names[index], facts.format):
            self.misnamed[index] = facts.format
        for holds, indices in (
            (facts.turned, self.turned),
            (facts.transparent, self.transparent),
            (facts.animated, self.animated),
        ):
            if holds:
                indices.append(index)
        self.range = united([self.range, facts.range])
        first = self._first.setdefault(facts.digest, index)
        if first != index:
            self.copies.setdefault(first, []).append(index)


def survey(source: Source, workers: int, most: int) -> Survey:
    """A survey of at most so many pictures, evenly spread, by `workers` processes (0: this one)."""
    found = Survey(source)
    indices = spread(len(source.names), most)
    kept = {indices[i] for i in spread(len(indices), SHOWN)}
    facts = in_order(Judged(source), indices, workers)
    for one in tqdm(facts, "looking", len(indices), unit=" pictures", disable=None):
        found.add(one)
        if one.number in kept:
            found.shown.append(one)
    return found


def says(name: str, form: str) -> bool:
    """Whether the ending of a file's name goes with its format."""
    named = Image.registered_extensions().get(Path(name).suffix.lower())
    return not form or named is None or named == form or {named, form} == {"JPEG", "MPO"}


def spread(n: int, most: int) -> Sequence[int]:
    """At most so many of 0 ... n - 1, evenly spread."""
    return range(n) if n <= most else [i * n // most for i in range(most)]


def findings(survey: Survey, shape: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """A word and what there is to say, line by line. `shape` (C, H, W) is what a run would make of the pictures."""
    source = survey.source
    if survey.seen < len(source.names):
        yield "sample", f"{survey.seen:,} of them were opened, evenly spread: what follows is of these"
    yield "classes", _classes(source)
    if source.passed_over:
        yield "passed over", ", ".join(description(source.passed_over))
    if survey.sizes:
        yield "sizes", _sizes(survey)
    if survey.formats:
        yield "formats", _counts(survey.formats)
    yield "modes", _counts(survey.modes)
    if survey.range is not None:
        yield "values", f"of more than 8 bits: {survey.range[0]:g} to {survey.range[1]:g}"
    small = [size for size in survey.sizes if size[0] < shape[2] or size[1] < shape[1]]
    if small:
        count, names = sum(survey.sizes[size] for size in small), _names(source, (survey.example[s] for s in small))
        yield "enlarged", f"{count:,} are smaller than {shape[2]} x {shape[1]}, such as {names}"
    for word, indices, what in (
        ("turned", survey.turned, "by their EXIF data, and shown upright"),
        ("transparent", survey.transparent, "laid on the background" if shape[0] != 4 else "kept so"),
        ("animated", survey.animated, "or of several pages; the first frame is taken"),
        ("ending", [*survey.misnamed], "have another format than their ending says, and are read all the same"),
    ):
        if indices:
            yield word, f"{len(indices):,} {what} ({_names(source, indices)})"
    if survey.copies:
        yield "duplicates", _duplicates(survey)
    if survey.failures:
        yield "not readable", f"{len(survey.failures):,}, with the reason:"


def _classes(source: Source) -> str:
    if source.labels is None:
        return "none"
    counts = Counter(np.asarray(source.labels).tolist())
    shown = ", ".join(f"{name} {counts[number]:,}" for number, name in [*enumerate(source.classes)][:20])
    more = ", ..." if len(source.classes) > 20 else ""
    return f"{len(source.classes):,}: {shown}{more}"


def _sizes(survey: Survey) -> str:
    area = {size: size[0] * size[1] for size in survey.sizes}
    small, large = min(area, key=area.__getitem__), max(area, key=area.__getitem__)
    (usual, count), *_ = survey.sizes.most_common(1)
    if len(survey.sizes) == 1:
        return f"all are {_size(usual)}"
    named = [f"{_size(size)} ({survey.source.names[survey.example[size]]})" for size in (small, large)]
    common = f", most common {_size(usual)} ({count:,})" if count > 1 else ""
    return f"{len(survey.sizes):,} different; smallest {named[0]}, largest {named[1]}{common}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _names(source: Source, indices: Iterable[int]) -> str:
    found = [source.names[index] for index in indices]
    return ", ".join(found[:EXAMPLES]) + ", ..." * (len(found) > EXAMPLES)


def _duplicates(survey: Survey) -> str:
    names = survey.source.names
    number = sum(map(len, survey.copies.values()))
    groups = [" = ".join(names[i] for i in [first, *others[:EXAMPLES]]) for first, others in survey.copies.items()]
    more = "; ..." * (len(groups) > EXAMPLES)
    return f"{number:,} have the same pixels, once decoded, as one before ({'; '.join(groups[:EXAMPLES])}{more})"
